"""The HTTP side of asking a responder, against small servers on loopback that misbehave."""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from threading import Thread

import pytest
from cryptography import x509

from tests.conftest import NOW
from tests.sandbox.loopback import serving
from zaitaku.identity.revocation import Ocsp, RevocationStatus
from zaitaku.identity.revocation.connection import SourceAway
from zaitaku.identity.revocation.exchange import ANSWER_LIMIT, HttpExchange
from zaitaku.sandbox.authority import Generation, TestAuthority
from zaitaku.sandbox.ocsp import responder
from zaitaku.sandbox.profile import Signer

pytestmark = pytest.mark.enable_socket

PATIENCE = timedelta(seconds=30)
IMPATIENCE = timedelta(seconds=0.3)
OK = b"HTTP/1.1 200 OK\r\n"
Script = Callable[[socket.socket], None]


@contextmanager
def _answering(script: Script) -> Iterator[str]:
    """Run a server that takes one connection, reads the request's head and plays ``script``."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65_536)
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


def _sends(content: bytes) -> Script:
    return lambda connection: connection.sendall(content)


def _drips(connection: socket.socket) -> None:
    connection.sendall(OK + b"Content-Length: 1000\r\n\r\n")
    for _ in range(40):
        connection.sendall(b"x")
        time.sleep(0.05)


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
        (_sends(b"nonsense\r\n\r\n"), "ProtocolError"),
        (_sends(b""), "ProtocolError"),
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
    ("script", "reason"), [(_drips, "too slow"), (lambda _: time.sleep(1), "ReadTimeoutError")]
)
def test_answer_that_does_not_come_in_time_is_away(script: Script, reason: str) -> None:
    with _answering(script) as url, pytest.raises(SourceAway, match=reason):
        HttpExchange(url, patience=IMPATIENCE)(b"?")


def test_nobody_there_is_away(card: Signer, root: x509.Certificate) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/"
    with pytest.raises(SourceAway, match="NewConnectionError"):
        HttpExchange(url, patience=PATIENCE)(b"?")
    assert Ocsp(url).status(card.certificate, root, NOW) is RevocationStatus.UNKNOWN
