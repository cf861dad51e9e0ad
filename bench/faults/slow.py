"""Clients that send a letter a second, of headers or a body without an end, or take one."""

import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Final

from zaitaku.core.gate import THREADS

CONNECTIONS: Final = 60
PAST_NGINX: Final = 2 * (2 * THREADS + 10)
"""Half of them never end a body: more than two workers have threads."""
READERS: Final = PAST_NGINX // 2
SECONDS_PER_LETTER: Final = 1.0
BACK_SECONDS: Final = 5.0
"""Later whoever took too little comes back: this is about threads, and not about work."""

_UNENDED_HEADERS: Final = b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: "
_UNENDED_BODY: Final = (
    b"POST /r/nothing HTTP/1.1\r\nHost: localhost\r\nContent-Length: 60000\r\n"
    b"Content-Type: application/x-www-form-urlencoded\r\n\r\na="
)
_MUCH: Final = 100 * b"GET /static/css/main.css HTTP/1.1\r\nHost: localhost\r\n\r\n"
_SMALL_SEGMENT: Final = 536
_LITTLE: Final = 2048


@contextmanager
def slow_connections(host: str, port: int, count: int = CONNECTIONS) -> Iterator[None]:
    """Keep ``count`` of them until the block ends; whom the server drops comes back."""
    with _running(
        (_crawl, (host, port, beginning))
        for beginning in (_UNENDED_HEADERS, _UNENDED_BODY)
        for _ in range(count // 2)
    ):
        yield


@contextmanager
def slow_readers(host: str, port: int, count: int = READERS) -> Iterator[None]:
    """Let ``count`` ask for much until the block ends and take next to nothing of it."""
    with _running((_sip, (host, port)) for _ in range(count)):
        yield


@contextmanager
def _running(acts: Iterable[tuple[Callable[..., None], tuple[object, ...]]]) -> Iterator[None]:
    is_over = threading.Event()
    clients = [
        threading.Thread(target=act, args=(*arguments, is_over), daemon=True)
        for act, arguments in acts
    ]
    for client in clients:
        client.start()
    try:
        yield
    finally:
        is_over.set()
        for client in clients:
            client.join()


def _crawl(host: str, port: int, beginning: bytes, is_over: threading.Event) -> None:
    while not is_over.is_set():
        with suppress(OSError), socket.create_connection((host, port), timeout=5) as connection:
            connection.sendall(beginning)
            while not is_over.wait(SECONDS_PER_LETTER):
                connection.sendall(b"a")


def _sip(host: str, port: int, is_over: threading.Event) -> None:
    while not is_over.is_set():
        with suppress(OSError), socket.socket() as connection:
            # Else the system holds megabytes for whoever takes nothing.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _LITTLE)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, _SMALL_SEGMENT)
            connection.settimeout(5)
            connection.connect((host, port))
            connection.sendall(_MUCH)
            while not is_over.wait(SECONDS_PER_LETTER) and connection.recv(1):
                pass
        is_over.wait(BACK_SECONDS)
