"""What comes in on a connection: collected without waiting, and then waited for with an end.

gunicorn reads what a request brings in the thread that answers it, and waits for each part as long
as its client likes. Here a request of usual size is there, to its last byte, before a thread
begins. What is larger, or comes without a length, is still read by a thread, which waits a limited
time.
"""

import os
import re
from socket import MSG_DONTWAIT, socket
from time import monotonic
from typing import Final

from gunicorn.http.unreader import SocketUnreader

from zaitaku.core.gate import SMALL_BODY_BYTES

HEAD_BYTES: Final = 64 * 1024
"""Of a request's first line and headers together."""
BODY_SECONDS: Final = 10.0
"""So long a thread waits in all for a body that brings nothing."""
BODY_BYTES_A_SECOND: Final = 32 * 1024
"""A body that comes at this rate has all the time that it needs."""

_AT_ONCE: Final = 16 * 1024
_HEAD_END: Final = b"\r\n\r\n"
_LENGTH: Final = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,20})[ \t]*(?=\r\n)")
_EXPECTS: Final = b"\r\nexpect:"


class Arrivals(SocketUnreader):  # type: ignore[misc]
    """What has come in on one connection and was not used yet."""

    def __init__(self, connection: socket, address: str) -> None:
        super().__init__(connection)
        self.address = address
        """Whose connection it is: what one subscriber's addresses share."""
        self.begin()

    def begin(self) -> None:
        """Look for the next request."""
        self._whole = 0
        self._until = 0.0

    def take(self) -> bool:
        """Take what is there without waiting for it; tell whether more may come."""
        try:
            came = self.sock.recv(_AT_ONCE, MSG_DONTWAIT)
        except BlockingIOError:
            return True
        except OSError:
            return False
        self.buf.seek(0, os.SEEK_END)
        self.buf.write(came)
        return bool(came)

    @property
    def held(self) -> int:
        """How many bytes are there."""
        return len(self.buf.getbuffer())

    @property
    def awaited(self) -> str:
        """What is not whole yet: ``headers`` or ``body``."""
        return "body" if self._whole else "headers"

    def is_enough(self) -> bool:
        """Tell whether a thread may begin."""
        if not self._whole:
            self._whole = _needed(self.buf.getvalue())
        return 0 < self._whole <= self.held

    def is_endless(self) -> bool:
        """Tell whether the headers do not end where those of all browsers do."""
        return not self._whole and self.held > HEAD_BYTES

    def has(self, request: object) -> bool:
        """Tell whether nothing of ``request`` is missing that was not read."""
        body = request.body  # type: ignore[attr-defined]
        rest = getattr(body.reader, "length", None)
        if body.failed or rest is None:
            return not body.failed and body.reader.parser is None
        return bool(rest <= self.held)

    def chunk(self, size_hint: int | None = None) -> bytes:
        """Return what comes next, waiting for it in a thread.

        Raises:
            TimeoutError: it has come too slowly.
        """
        now = monotonic()
        self._until = self._until or now + BODY_SECONDS
        if now >= self._until:
            raise TimeoutError
        self.sock.settimeout(self._until - now)
        try:
            came = bytes(super().chunk(size_hint))
        finally:
            self.sock.settimeout(None)
        self._until += len(came) / BODY_BYTES_A_SECOND
        return came


def _needed(held: bytes) -> int:
    """Return how many bytes have to be there for a thread to begin; 0: the head is not there."""
    end = held.find(_HEAD_END)
    if end < 0:
        return 0
    head = held[: end + 2].lower()
    return end + len(_HEAD_END) + _collected(head)


def _collected(head: bytes) -> int:
    """Return the length of a body that is waited for; other bodies are a thread's to judge."""
    lengths = [int(stated) for stated in _LENGTH.findall(head)]
    # Who asks whether to go on sends nothing before a thread has said so.
    is_waited_for = len(lengths) == 1 and lengths[0] <= SMALL_BODY_BYTES and _EXPECTS not in head
    return lengths[0] if is_waited_for else 0
