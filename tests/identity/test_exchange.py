"""The HTTP side of asking a responder, against small servers on loopback that misbehave."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.client import parse_headers
from threading import Thread

import pytest
from cryptography import x509

from tests.conftest import NOW
from tests.sandbox.loopback import serving
from zaitaku.identity.connection import SourceAway, Watch
from zaitaku.identity.revocation import Ocsp, RevocationStatus
from zaitaku.identity.revocation.download import Download, HttpFetch
from zaitaku.identity.revocation.exchange import ANSWER_LIMIT, HttpExchange
from zaitaku.sandbox.authority import Generation, TestAuthority
from zaitaku.sandbox.ocsp import responder
from zaitaku.sandbox.profile import Signer

pytestmark = pytest.mark.enable_socket

PATIENCE = timedelta(seconds=30)
IMPATIENCE = timedelta(seconds=0.3)
OK = b"HTTP/1.1 200 OK\r\n"
DRIPPED = 4.0
"""Seconds for which a slow server goes on."""
Script = Callable[[socket.socket], None]
Ask = Callable[[str], object]


def _post(url: str) -> bytes:
    return HttpExchange(url, patience=IMPATIENCE)(b"?")


def _fetch(url: str) -> Download:
    return HttpFetch(url, whole=IMPATIENCE)({})


@contextmanager
def _answering(script: Script) -> Iterator[str]:
    """Run a server that takes one connection, reads the whole request and plays ``script``.

    What is left unread when a connection is closed lets the system reset it, which the
    client may see before any of the answer.
    """
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            _read_request(connection)
            try:
                script(connection)
            except OSError:
                return  # the client has had enough

    thread = Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
    finally:
        thread.join(10)
        listener.close()


def _read_request(connection: socket.socket) -> None:
    with connection.makefile("rb") as stream:
        stream.readline()
        stream.read(int(parse_headers(stream).get("Content-Length", 0)))


def _sends(content: bytes) -> Script:
    return lambda connection: connection.sendall(content)


def _drips(first: bytes, drop: bytes) -> Script:
    def script(connection: socket.socket) -> None:
        connection.sendall(first)
        for _ in range(round(DRIPPED / 0.05)):
            connection.sendall(drop)
            time.sleep(0.05)

    return script


def _floods(connection: socket.socket) -> None:
    connection.sendall(OK + b"Connection: close\r\n\r\n")
    for _ in range(100):
        connection.sendall(bytes(ANSWER_LIMIT))


@pytest.fixture
def root(authority: TestAuthority) -> x509.Certificate:
    return authority.roots[Generation.SECOND].certificate


def test_answer_arrives_over_http(
    authority: TestAuthority, card: Signer, revoked_card: Signer, root: x509.Certificate
) -> None:
    with serving(responder(authority)) as url:
        source = Ocsp(url)
        assert source.status(card.certificate, root, NOW) is RevocationStatus.GOOD
        assert source.status(revoked_card.certificate, root, NOW) is RevocationStatus.REVOKED


def test_small_answer_is_returned_whole() -> None:
    with _answering(_sends(OK + b"Content-Length: 5\r\n\r\nhello")) as url:
        assert HttpExchange(url, patience=PATIENCE)(b"?") == b"hello"


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        (_sends(b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n"), "status 500"),
        (
            _sends(b"HTTP/1.1 302 F\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n"),
            "status 302",
        ),
        (_sends(OK + b"Content-Length: 50\r\n\r\nhalf"), "IncompleteRead|ProtocolError"),
        (_sends(b"nonsense\r\n\r\n"), "BadStatusLine"),
        (_sends(b""), "RemoteDisconnected"),
        (_floods, "too long"),
    ],
)
def test_anything_but_a_small_whole_answer_is_away(script: Script, reason: str) -> None:
    with (
        _answering(script) as url,
        pytest.raises(SourceAway, match=reason),
    ):
        HttpExchange(url, patience=PATIENCE)(b"?")


@pytest.mark.parametrize(
    "script",
    [
        _drips(OK + b"Content-Length: 1000\r\n\r\n", b"x"),
        _drips(OK + b"X-Slow: ", b"x"),
        _drips(OK + b"Transfer-Encoding: chunked\r\n\r\n2;", b"x"),
        _drips(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        lambda _: time.sleep(1),
    ],
    ids=["body", "header", "chunk", "continue", "silence"],
)
@pytest.mark.parametrize("ask", [_post, _fetch])
def test_answer_that_does_not_come_in_time_is_away(ask: Ask, script: Script) -> None:
    begun = time.monotonic()
    with _answering(script) as url:
        with pytest.raises(SourceAway, match=r"too slow|[Tt]imeout"):
            ask(url)
        assert time.monotonic() - begun < DRIPPED / 2


def test_the_thread_of_a_slow_answer_ends_with_it() -> None:
    with _answering(_drips(OK + b"X-Slow: ", b"x")) as url:
        with pytest.raises(SourceAway):
            _post(url)
        for thread in threading.enumerate():
            if thread.name == "conversation":
                thread.join(DRIPPED / 2)
                assert not thread.is_alive()


def test_a_slow_handshake_is_away() -> None:
    hello = b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc"
    with _answering(_drips(hello, b"x")) as url:
        begun = time.monotonic()
        with pytest.raises(SourceAway, match=r"too slow|[Tt]imeout"):
            _post(url.replace("http:", "https:"))
        assert time.monotonic() - begun < DRIPPED / 2


def test_a_socket_that_comes_too_late_is_closed() -> None:
    watch = Watch()
    watch.end()
    one, other = socket.socketpair()
    with one, other, pytest.raises(TimeoutError):
        watch.over(one)
    assert one.fileno() == -1


def test_nobody_there_is_away(card: Signer, root: x509.Certificate) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/"
    with pytest.raises(SourceAway, match="NewConnectionError"):
        HttpExchange(url, patience=PATIENCE)(b"?")
    assert Ocsp(url).status(card.certificate, root, NOW) is RevocationStatus.UNKNOWN
