"""A client that costs little: on the machine that is measured, patients take their share too."""

import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

_PIECE: Final = 65536
_HEAD_END: Final = b"\r\n\r\n"


class Headers(dict[str, str]):
    """The header fields of an answer by lower-case names, and all its cookies."""

    def __init__(self, lines: list[bytes]) -> None:
        pairs = [line.decode("latin-1").partition(":") for line in lines]
        self._pairs = [(name.lower(), value.strip()) for name, _, value in pairs]
        super().__init__(self._pairs)

    def __getitem__(self, name: str) -> str:
        return super().__getitem__(name.lower())

    def getlist(self, name: str) -> list[str]:
        """Return every value of a field."""
        return [value for found, value in self._pairs if found == name.lower()]


@dataclass(frozen=True)
class HttpAnswer:
    """What came back."""

    status: int
    headers: Headers
    data: bytes

    def json(self) -> Any:
        """Return the body as the JSON value that it is."""
        return json.loads(self.data)


class HttpClient:
    """One connection that stays open (RFC 9112 §9.3), for one thread; http only.

    It reads what our servers send: a length, never chunks.
    """

    def __init__(self) -> None:
        self._socket: socket.socket | None = None
        self._place = ("", 0)

    def request(
        self,
        method: str,
        url: str,
        *,
        body: str | None = None,
        headers: Mapping[str, str] | None = None,
        redirect: bool = False,
    ) -> HttpAnswer:
        """Send a request and return its answer; it follows no redirection.

        Raises:
            OSError: nobody listens, or the connection broke.
        """
        assert not redirect
        parts = urlsplit(url)
        payload = (body or "").encode()
        fields = {"Host": parts.netloc, "Content-Length": str(len(payload)), **(headers or {})}
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        lines = [f"{method} {target} HTTP/1.1", *(f"{k}: {v}" for k, v in fields.items())]
        line = self._connected(parts.hostname or "", parts.port or 80)
        line.sendall("\r\n".join((*lines, "\r\n")).encode() + payload)
        return self._answer(line)

    def close(self) -> None:
        """Close the connection."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _connected(self, host: str, port: int) -> socket.socket:
        if self._socket is None or self._place != (host, port):
            self.close()
            self._socket = socket.create_connection((host, port), timeout=30)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._place = (host, port)
        return self._socket

    def _answer(self, line: socket.socket) -> HttpAnswer:
        received = b""
        while _HEAD_END not in received:
            received += self._piece(line)
        head, _, data = received.partition(_HEAD_END)
        status, *fields = head.split(b"\r\n")
        headers = Headers(fields)
        length = int(headers.get("content-length", "0"))
        while len(data) < length:
            data += self._piece(line)
        if headers.get("connection", "").lower() == "close":
            self.close()
        return HttpAnswer(int(status.split(b" ")[1]), headers, data)

    def _piece(self, line: socket.socket) -> bytes:
        piece = line.recv(_PIECE)
        if not piece:
            self.close()
            raise ConnectionResetError("the server closed the connection")
        return piece
