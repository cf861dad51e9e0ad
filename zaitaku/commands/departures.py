"""What goes out on a connection: handed over at once, or waited for in a share of the threads.

gunicorn sends in the thread that has made an answer, and waits for each part as long as its client
likes. Here what the system does not take at once is waited for by a limited number of a worker's
threads, each for as long as its client takes something. When another has to wait, the network
address for which most of them wait loses the one that takes least.
"""

import os
from array import array
from collections import Counter
from contextlib import suppress
from errno import ECONNRESET
from fcntl import ioctl
from select import POLLOUT, poll
from socket import MSG_DONTWAIT, SHUT_RDWR, SO_LINGER, SOL_SOCKET, socket
from struct import pack
from termios import TIOCOUTQ
from threading import Lock
from time import monotonic
from typing import IO, TYPE_CHECKING, Final

from zaitaku.core.gate import SENDING
from zaitaku.core.watch import NO_WATCH, Happening, Watch

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

TAKING_SECONDS: Final = 30.0
"""So long a thread waits in all for a client that takes nothing; the nginx in front has the same
(``send_timeout``)."""
TAKING_BYTES_A_SECOND: Final = 2 * 1024
"""A client that takes at this rate has all the time that it needs."""
CREDIT: Final = 2
"""What was taken faster makes up for a pause, up to so many times ``TAKING_SECONDS``. So whoever
has taken something stays before those who have just come and have taken nothing."""

_LOOK_SECONDS: Final = 1.0
_PART: Final = 64 * 1024
_RESET: Final = pack("ii", 1, 0)


class Sending:
    """Whom a worker's threads wait for at the moment."""

    def __init__(self, most: int = SENDING, watch: Watch = NO_WATCH) -> None:
        self._most = most
        self._watch = watch
        self._lock = Lock()
        self._slow: set[Departures] = set()

    def enter(self, client: "Departures") -> None:
        """Count a thread that waits for ``client``; if it is one too many, another gives up."""
        with self._lock:
            self._slow.add(client)
            is_full = len(self._slow) > self._most
            if is_full:
                slowest = self._slowest()
                self._slow.discard(slowest)
                # It is in the set, so its own thread has not let go of it.
                slowest.cut()
        if is_full:
            self._watch.happened(Happening.SLOW_CLIENT, "reader", "too-many")

    def give_up(self, client: "Departures") -> None:
        """Part with ``client``, which takes too little, unless another needed its thread first."""
        with self._lock:
            is_first = client in self._slow
            self._slow.discard(client)
        client.cut()
        if is_first:
            self._watch.happened(Happening.SLOW_CLIENT, "reader", "too-slow")

    def leave(self, client: "Departures") -> None:
        """Let the thread be free for others."""
        with self._lock:
            self._slow.discard(client)

    def _slowest(self) -> "Departures":
        shares = Counter(client.address for client in self._slow)
        largest = max(shares.values())
        return min(
            (client for client in self._slow if shares[client.address] == largest),
            key=lambda client: client.until,
        )


class Departures(socket):
    """A client's connection, on which no thread waits without an end to send something."""

    # gunicorn sends by these three alone. Reading is as ever (``zaitaku.commands.arrivals``).
    __slots__ = ("_sending", "_untaken", "address", "until")

    def __init__(self, connection: socket, address: str, sending: Sending) -> None:
        """Take ``connection`` over; it is of no use afterwards."""
        super().__init__(connection.family, connection.type, connection.proto, connection.detach())
        self.address = address
        """Whose connection it is: what one subscriber's addresses share."""
        self.until = 0.0
        """When a thread that waits for the client gives up, as things stand."""
        self._sending = sending
        self._untaken = 0

    def sendall(self, data: "ReadableBuffer", flags: int = 0, /) -> None:
        """Send everything.

        Raises:
            ConnectionError: the client has gone, or takes it too slowly.
        """
        rest = memoryview(data)
        sent = self._send_at_once(rest)
        if sent < len(rest):
            self._send_in_share(rest[sent:])

    def send(self, data: "ReadableBuffer", flags: int = 0, /) -> int:
        """Send everything, unless ``flags`` say otherwise (as for ``100 Continue``)."""
        if flags:
            return super().send(data, flags)
        self.sendall(data)
        return len(memoryview(data))

    def sendfile(  # type: ignore[override]
        self, file: IO[bytes], offset: int = 0, count: int | None = None
    ) -> int:
        """Send a part of a file.

        The system's own way (``sendfile(2)``) would wait by itself.
        """
        end = os.fstat(file.fileno()).st_size if count is None else offset + count
        start = offset
        while start < end and (part := os.pread(file.fileno(), min(_PART, end - start), start)):
            self.sendall(part)
            start += len(part)
        return start - offset

    def cut(self) -> None:
        """Part with the client without another word; a thread that waits for it wakes up."""
        with suppress(OSError):
            # Reset when it is closed, so that the system does not keep what nobody takes.
            self.setsockopt(SOL_SOCKET, SO_LINGER, _RESET)
            self.shutdown(SHUT_RDWR)

    def _send_at_once(self, data: memoryview) -> int:
        try:
            return super().send(data, MSG_DONTWAIT)
        except BlockingIOError:
            return 0

    def _send_in_share(self, rest: memoryview) -> None:
        # What it has left of its credit it keeps: an export comes line by line.
        self.until = max(self.until, monotonic() + TAKING_SECONDS)
        self._untaken = self._under_way()
        self._sending.enter(self)
        try:
            while rest:
                self._await_room()
                sent = self._send_at_once(rest)
                self._untaken += sent
                rest = rest[sent:]
        finally:
            self._sending.leave(self)

    def _await_room(self) -> None:
        room = poll()
        room.register(self, POLLOUT)
        has_room = False
        while not has_room:
            has_room = bool(room.poll(_LOOK_SECONDS * 1000))
            self._look()

    def _look(self) -> None:
        # The system has room again only when a third of what it holds has gone: minutes, for a
        # slow phone. So what has arrived counts, and not what the system has taken.
        under_way = self._under_way()
        taken, self._untaken = self._untaken - under_way, under_way
        now = monotonic()
        self.until += taken / TAKING_BYTES_A_SECOND
        self.until = min(self.until, now + CREDIT * TAKING_SECONDS)
        if now >= self.until:
            self._sending.give_up(self)
            raise ConnectionResetError(ECONNRESET, "an answer was taken too slowly")

    def _under_way(self) -> int:
        """Return how many bytes were sent of which the client has not said that they arrived."""
        held = array("i", [0])
        with suppress(OSError):
            ioctl(self, TIOCOUTQ, held)
        return held[0]
