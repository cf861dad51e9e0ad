"""What a request brings is read before its turn comes: a slow sender keeps nobody's turn.

A small body is there when a request comes to a thread (``zaitaku.commands.arrivals``). For a larger
one, or one without a length, the thread waits: only so many threads of a process do at a time, and
fewer for one network address. They count until their request is answered, so that a process holds
no more such bodies than that.
"""

from collections import Counter
from http import HTTPStatus
from io import BytesIO
from threading import Lock
from typing import Any, Final

from flask import Flask

from zaitaku.blueprints import uploads
from zaitaku.core.addresses import address_bucket
from zaitaku.core.gate import READING, SMALL_BODY_BYTES
from zaitaku.core.watch import SLOW, Happening, Watch

READING_FROM_ONE: Final = READING // 2
"""Of the threads that may wait for larger bodies, so many for one network address."""
LEFT: Final = "zaitaku.body_left"
"""Set where a body is larger than may be, and so was not read."""

_LENGTH_DIGITS: Final = 18
_CODING: Final = "HTTP_TRANSFER_ENCODING"

Environ = dict[str, Any]


class Refused(Exception):
    """What a request brings cannot be had."""

    def __init__(self, status: HTTPStatus) -> None:
        super().__init__(status)
        self.status = status

    def tell(self, watch: Watch) -> None:
        """Count it if somebody was waited for, or would have been."""
        if self.status in SLOW:
            watch.happened(Happening.SLOW_CLIENT, "body", SLOW[self.status])


class Bodies:
    """The bodies that the threads of one process read."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._lock = Lock()
        self._reading: Counter[str] = Counter()

    def read(self, environ: Environ) -> str:
        """Have the body of a request there, unless it is too large for the application anyway.

        Returns:
            Whose share of the threads is used until ``done``; empty: nobody's.

        Raises:
            Refused: it does not come, comes too slowly, or too many are at it.
        """
        length = length_of(environ)
        if length == 0:
            return ""
        if length is None or length > SMALL_BODY_BYTES or "HTTP_EXPECT" in environ:
            return self._read_in_share(environ, length)
        _replace(environ, _read_all(environ, length))
        return ""

    def done(self, holder: str) -> None:
        """Give back the share that ``read`` has named."""
        if holder:
            with self._lock:
                self._reading[holder] -= 1
                self._reading += Counter()  # forgets those at zero

    def _read_in_share(self, environ: Environ, length: int | None) -> str:
        most = uploads.most_bytes(self._app, environ["PATH_INFO"], environ["REQUEST_METHOD"])
        if length is not None and length > most:
            environ[LEFT] = True
            return ""
        holder = address_bucket(environ.get("REMOTE_ADDR", ""))
        self._begin(holder)
        try:
            # One byte more than may be is enough for the application to refuse it.
            body = _read(environ, most + 1) if length is None else _read_all(environ, length)
        except BaseException:
            self.done(holder)
            raise
        _replace(environ, body)
        return holder

    def _begin(self, holder: str) -> None:
        with self._lock:
            is_full = self._reading.total() >= READING
            if is_full or self._reading[holder] >= READING_FROM_ONE:
                raise Refused(HTTPStatus.SERVICE_UNAVAILABLE)
            self._reading[holder] += 1


def length_of(environ: Environ) -> int | None:
    """Return how many bytes a request says it brings; ``None``: it does not say.

    Raises:
        Refused: what it says is no length (RFC 9110 §8.6).
    """
    if _CODING in environ:
        return None
    stated = environ.get("CONTENT_LENGTH") or "0"
    if not (stated.isascii() and stated.isdigit() and len(stated) <= _LENGTH_DIGITS):
        raise Refused(HTTPStatus.BAD_REQUEST)
    return int(stated)


def leave(environ: Environ) -> None:
    """Let nobody read what a request brings."""
    if environ.get("CONTENT_LENGTH") or _CODING in environ:
        _replace(environ, b"")


def _read_all(environ: Environ, length: int) -> bytes:
    body = _read(environ, length)
    if len(body) < length:
        # A form that was cut off must not pass for one whose last fields were left out.
        raise Refused(HTTPStatus.BAD_REQUEST)
    return body


def _read(environ: Environ, most: int) -> bytes:
    try:
        return bytes(environ["wsgi.input"].read(most))
    except TimeoutError:
        raise Refused(HTTPStatus.REQUEST_TIMEOUT) from None
    except OSError:
        raise Refused(HTTPStatus.BAD_REQUEST) from None


def _replace(environ: Environ, body: bytes) -> None:
    environ.pop(_CODING, None)
    environ["CONTENT_LENGTH"] = str(len(body))
    environ["wsgi.input"] = BytesIO(body)
