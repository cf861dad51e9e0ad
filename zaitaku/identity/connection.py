"""One conversation over HTTP that ends at its time, whatever the other side does.

An HTTP library bounds each wait for bytes. Whoever sends one byte now and then, in a header, in a
chunk's extension or as one ``100 Continue`` after the other, stays within each of them for ever. So
the caller waits for the conversation as a whole, and the socket is shut when the time is over.
"""

import socket
import ssl
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from http.client import HTTPException
from pathlib import Path
from threading import Lock, Thread
from typing import TypeVar

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError
from urllib3.util import parse_url

T = TypeVar("T")
Reader = Callable[[urllib3.BaseHTTPResponse], T]


class SourceAway(Exception):
    """The source did not give an answer; the text is for the log and names no certificate."""


class Watch:
    """A hand on the socket of one conversation, from outside of the library that uses it."""

    def __init__(self) -> None:
        self._handle: socket.socket | None = None
        self._is_over = False
        self._lock = Lock()

    def over(self, connected: socket.socket) -> socket.socket:
        """Return ``connected`` and keep a hand on it: a second name, which outlives TLS around it.

        Raises:
            TimeoutError: the conversation is over already.
        """
        with self._lock:
            if self._is_over:
                connected.close()
                raise TimeoutError
            self._handle = connected.dup()
        return connected

    def end(self) -> None:
        """Shut the socket: whoever reads from it or writes to it is told at once."""
        with self._lock:
            self._is_over = True
            handle, self._handle = self._handle, None
        if handle is not None:
            with handle, suppress(OSError):  # the other side may have shut it
                handle.shutdown(socket.SHUT_RDWR)


def bounded(work: Callable[[Watch], T], longest: timedelta) -> T:
    """Do ``work`` in a thread of its own and return or raise what comes of it.

    Raises:
        SourceAway: it took longer than ``longest``; its socket is shut then.
    """
    watch = Watch()
    outcome: Future[T] = Future()
    try:
        Thread(target=_do, args=(work, watch, outcome), name="conversation", daemon=True).start()
    except RuntimeError as error:
        raise SourceAway("no thread is to be had") from error
    try:
        return outcome.result(longest.total_seconds())
    except TimeoutError:
        raise SourceAway("answer too slow") from None
    finally:
        watch.end()


def _do(work: Callable[[Watch], T], watch: Watch, outcome: Future[T]) -> None:
    try:
        outcome.set_result(work(watch))
    except BaseException as error:  # noqa: BLE001 - whoever waits gets it
        outcome.set_exception(error)


@dataclass(frozen=True)
class Address:
    """Where questions go, each over a connection of its own. Nothing is followed or repeated."""

    url: str
    each: timedelta
    """For the connection, and for each wait for bytes."""
    whole: timedelta
    """For all of it, from the look-up of the name to the last byte."""
    ca_file: Path | None = None
    """Certificate authorities to trust instead of the system's (PEM)."""

    def ask(
        self, method: str, headers: Mapping[str, str], read: Reader[T], body: bytes | None = None
    ) -> T:
        """Send a request and return what ``read`` makes of the answer.

        Raises:
            SourceAway: there was none in time, or ``read`` says so.
        """
        return bounded(lambda watch: self._asked(watch, method, headers, read, body), self.whole)

    def _asked(
        self,
        watch: Watch,
        method: str,
        headers: Mapping[str, str],
        read: Reader[T],
        body: bytes | None,
    ) -> T:
        connection = self._connection(watch)
        try:
            connection.request(
                method,
                parse_url(self.url).request_uri,
                body=body,
                headers=dict(headers),
                preload_content=False,
                decode_content=False,
            )
            response = connection.getresponse()
            try:
                return read(response)
            finally:
                response.close()
        except (HTTPError, HTTPException, OSError, ValueError) as error:
            raise SourceAway(type(error).__name__) from error
        finally:
            connection.close()

    def _connection(self, watch: Watch) -> HTTPConnection:
        target = parse_url(self.url)
        host, seconds = (target.host or "").strip("[]"), self.each.total_seconds()
        if target.scheme != "https":
            plain = _Connection(host, target.port, timeout=seconds)
            plain.watch = watch
            return plain
        secure = _SecureConnection(host, target.port, timeout=seconds, ssl_context=self._tls)
        secure.watch = watch
        return secure

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.ca_file) if self.ca_file else None)


class _Connection(HTTPConnection):
    watch: Watch

    def _new_conn(self) -> socket.socket:
        return self.watch.over(super()._new_conn())


class _SecureConnection(HTTPSConnection):
    watch: Watch

    def _new_conn(self) -> socket.socket:
        return self.watch.over(super()._new_conn())
