"""A proxy that keeps every byte between a site and whoever speaks to it."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

CHUNK = 65536
REFUSAL = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


@dataclass
class Conversation:
    """One connection: what its client sent, and what it was answered."""

    asked: bytearray = field(default_factory=bytearray)
    answered: bytearray = field(default_factory=bytearray)


@dataclass
class Recorder:
    """Passes everything on to ``upstream`` at 127.0.0.1."""

    upstream: int
    refuses: bytes = b""
    """A message that begins so is answered 503 once, as by a site in trouble."""
    conversations: list[Conversation] = field(default_factory=list)

    @property
    def asked(self) -> list[bytes]:
        """What clients sent, a connection each."""
        return [bytes(one.asked) for one in self.conversations]

    @property
    def answered(self) -> list[bytes]:
        """What clients were answered, a connection each."""
        return [bytes(one.answered) for one in self.conversations]

    def carry(self, client: socket.socket) -> None:
        """Carry one connection until both ends have said what they had to say."""
        kept = Conversation()
        self.conversations.append(kept)
        with client, socket.create_connection(("127.0.0.1", self.upstream)) as site:
            back = threading.Thread(target=_pass_on, args=(site, client, kept.answered))
            back.start()
            while (chunk := _received(client)) and not self._refused(chunk, client, kept):
                kept.asked += chunk
                site.sendall(chunk)
            _end(site, socket.SHUT_WR)
            back.join()

    def _refused(self, chunk: bytes, client: socket.socket, kept: Conversation) -> bool:
        if not self.refuses or not chunk.startswith(self.refuses):
            return False
        self.refuses = b""
        kept.asked += chunk
        client.sendall(REFUSAL)
        _end(client, socket.SHUT_RDWR)
        return True


def _received(source: socket.socket) -> bytes:
    try:
        return source.recv(CHUNK)
    except OSError:
        return b""


def _pass_on(source: socket.socket, sink: socket.socket, kept: bytearray) -> None:
    while chunk := _received(source):
        kept += chunk
        with suppress(OSError):
            sink.sendall(chunk)
    _end(sink, socket.SHUT_WR)


def _end(one: socket.socket, way: int) -> None:
    with suppress(OSError):
        one.shutdown(way)


@contextmanager
def recording(port: int, upstream: int) -> Iterator[Recorder]:
    """Listen at ``port`` until the context ends and record what passes to ``upstream``."""
    recorder = Recorder(upstream)
    with socket.create_server(("127.0.0.1", port)) as listener:
        thread = threading.Thread(target=_serve, args=(listener, recorder), daemon=True)
        thread.start()
        yield recorder
        _end(listener, socket.SHUT_RDWR)
        thread.join(10)


def _serve(listener: socket.socket, recorder: Recorder) -> None:
    while True:
        try:
            client, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=recorder.carry, args=(client,), daemon=True).start()
