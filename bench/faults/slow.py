"""Clients that send a letter a second: some never end their headers, some never their body."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

from zaitaku.core.gate import THREADS

CONNECTIONS: Final = 60
PAST_NGINX: Final = 2 * (2 * THREADS + 10)
"""Half of them never end a body: more than two workers have threads."""
SECONDS_PER_LETTER: Final = 1.0

_UNENDED_HEADERS: Final = b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: "
_UNENDED_BODY: Final = (
    b"POST /r/nothing HTTP/1.1\r\nHost: localhost\r\nContent-Length: 60000\r\n"
    b"Content-Type: application/x-www-form-urlencoded\r\n\r\na="
)


@contextmanager
def slow_connections(host: str, port: int, count: int = CONNECTIONS) -> Iterator[None]:
    """Keep ``count`` of them until the block ends; whom the server drops comes back."""
    is_over = threading.Event()
    clients = [
        threading.Thread(target=_crawl, args=(host, port, beginning, is_over), daemon=True)
        for beginning in (_UNENDED_HEADERS, _UNENDED_BODY)
        for _ in range(count // 2)
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
