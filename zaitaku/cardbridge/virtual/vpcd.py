"""Plugs a virtual reader's card into pcscd through vsmartcard's vpcd driver.

The card is the client: it connects to the driver's TCP port and answers frames of a 2-byte
big-endian length and that many bytes. One byte alone is a control code, anything else a command
APDU (vsmartcard manual, "Creating a virtual smart card").
"""

import socket
import threading
from contextlib import suppress
from enum import IntEnum
from typing import Final, Self

from zaitaku.cardbridge.card.transport import CardRemoved
from zaitaku.cardbridge.virtual.reader import Insertion, VirtualReader

HOST: Final = "127.0.0.1"
PORT: Final = 35963
"""The driver's own default, 0x8C7B."""
RETRY_SECONDS: Final = 0.05
CONNECT_SECONDS: Final = 2.0
ABSENCE_SECONDS: Final = 1.0
"""How long the slot stays empty when a card leaves it, as under a hand. pcscd looks every 0.4 s; a
card that is back before that, after a broken exchange, is never powered again."""

_LENGTH_BYTES: Final = 2
_QUICK_ACK: Final[int | None] = getattr(socket, "TCP_QUICKACK", None)


class Control(IntEnum):
    """Control codes of the driver."""

    POWER_OFF = 0
    POWER_ON = 1
    RESET = 2
    ATR = 4


class VpcdPlug:
    """Keeps the card of a ``VirtualReader`` plugged into vpcd, in a thread of its own.

    Card out: the connection is closed, and pcscd sees an empty reader. Card in: it connects. While
    the driver is away it tries again.
    """

    def __init__(
        self,
        reader: VirtualReader,
        *,
        host: str = HOST,
        port: int = PORT,
        absence: float = ABSENCE_SECONDS,
    ) -> None:
        self._reader = reader
        self._absence = absence
        self._address = (host, port)
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._stopping = threading.Event()
        self._woken = threading.Event()
        self._thread = threading.Thread(target=self._run, name="vpcd", daemon=True)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Begin to follow the reader."""
        self._reader.listen(self._wake)
        self._thread.start()

    def stop(self) -> None:
        """Unplug and end the thread."""
        self._stopping.set()
        self._wake()
        self._thread.join()

    def _wake(self) -> None:
        self._woken.set()
        with self._lock:
            if self._socket is not None:
                with suppress(OSError):
                    self._socket.shutdown(socket.SHUT_RDWR)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._woken.clear()
            insertion = self._reader.insertion
            if insertion is None:
                self._wait_for_change()
            else:
                self._plug(insertion)
                changed = self._reader.insertion is not insertion
                self._stopping.wait(self._absence if changed else RETRY_SECONDS)

    def _wait_for_change(self) -> None:
        if not self._stopping.is_set():
            self._woken.wait()

    def _plug(self, insertion: Insertion) -> None:
        with suppress(OSError), socket.create_connection(self._address, CONNECT_SECONDS) as opened:
            opened.settimeout(None)
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            try:
                self._serve_current(opened, insertion)
            finally:
                with self._lock:
                    self._socket = None

    def _serve_current(self, opened: socket.socket, insertion: Insertion) -> None:
        with self._lock:
            self._socket = opened
        # A change between choosing the card and here has found no socket to shut down.
        if not self._stopping.is_set() and self._reader.insertion is insertion:
            _serve(opened, self._reader, insertion)


def _serve(opened: socket.socket, reader: VirtualReader, insertion: Insertion) -> None:
    while (frame := _receive(opened)) is not None:
        try:
            answer = _answer(reader, insertion, frame)
        except CardRemoved:
            return
        finally:
            frame[:] = bytes(len(frame))
        if answer is not None:
            opened.sendall(len(answer).to_bytes(_LENGTH_BYTES) + answer)


def _answer(reader: VirtualReader, insertion: Insertion, frame: bytearray) -> bytes | None:
    if len(frame) > 1:
        return reader.transmit(insertion, frame)
    if frame and frame[0] == Control.ATR:
        return insertion.card.atr
    reader.reset(insertion)
    return None


def _receive(opened: socket.socket) -> bytearray | None:
    head = _receive_exactly(opened, _LENGTH_BYTES)
    return None if head is None else _receive_exactly(opened, int.from_bytes(head))


def _receive_exactly(opened: socket.socket, count: int) -> bytearray | None:
    data = bytearray()
    while len(data) < count:
        if _QUICK_ACK is not None:  # Linux forgets it; without it each APDU waits 40 ms for an ACK
            opened.setsockopt(socket.IPPROTO_TCP, _QUICK_ACK, 1)
        part = opened.recv(count - len(data))
        if not part:
            return None
        data += part
    return data
