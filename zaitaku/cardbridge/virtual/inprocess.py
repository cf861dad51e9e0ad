"""The transport to virtual cards in the same process: no service, no socket."""

from collections.abc import Callable
from typing import Final

from zaitaku.cardbridge.card.apdu import Response, Status
from zaitaku.cardbridge.card.pinpad import (
    BAD_STRUCTURE,
    CANCELLED,
    FEATURE_VERIFY_PIN_DIRECT,
    TIMED_OUT,
    WRONG_COUNT,
    PinEntry,
    features_out,
)
from zaitaku.cardbridge.card.transport import (
    CardConnection,
    CardPresence,
    CardRemoved,
    NoReader,
    ReaderFacts,
    ReaderFault,
)
from zaitaku.cardbridge.virtual.pad import PadEnd, VirtualPad
from zaitaku.cardbridge.virtual.reader import Insertion, VirtualReader

FEATURE_REQUEST: Final = 0x42000D48
VERIFY_REQUEST: Final = 0x42000DB2
"""Control codes as on Linux; the second is the reader's own choice."""

_ENDS: Final[dict[PadEnd, Status]] = {PadEnd.TIMED_OUT: TIMED_OUT, PadEnd.CANCELLED: CANCELLED}


class InProcessService:
    """Offers virtual readers as a ``ReaderService``."""

    def __init__(self, *readers: VirtualReader) -> None:
        self._readers = {reader.name: reader for reader in readers}

    def readers(self) -> list[str]:
        """Return the readers' names.

        Raises:
            NoReader: there is none.
        """
        if not self._readers:
            raise NoReader
        return list(self._readers)

    def connect(self, reader: str) -> CardConnection:
        """Take the card in ``reader``.

        Raises:
            NoReader, NoCard, CardBusy
        """
        found = self._readers.get(reader)
        if found is None:
            raise NoReader(reader)
        return InProcessConnection(found, found.take())

    def facts(self) -> tuple[ReaderFacts, ...]:
        """Return what the virtual readers are.

        Raises:
            NoReader: there is none.
        """
        return tuple(_facts(self._readers[name]) for name in self.readers())

    def watch(self, changed: Callable[[], None]) -> None:
        """Call ``changed`` whenever a card comes or goes."""
        for reader in self._readers.values():
            reader.listen(changed)


class InProcessConnection:
    """A session with a card in a ``VirtualReader``."""

    def __init__(self, reader: VirtualReader, insertion: Insertion) -> None:
        self._reader = reader
        self._insertion = insertion
        self._open = True

    def transmit(self, command: bytes | bytearray) -> bytes:
        """Send one command.

        Raises:
            CardRemoved: the card was pulled, also while it was answering, or this is closed.
        """
        if not self._open:
            raise CardRemoved(self._reader.name)
        answer = self._reader.transmit(self._insertion, command)
        self._check_there()
        return answer

    @property
    def feature_request(self) -> int:
        """The control code that asks for the reader's features."""
        return FEATURE_REQUEST

    def control(self, code: int, data: bytes) -> bytes:
        """Send words to the reader itself: it knows what a reader with PIN keys knows.

        Raises:
            ReaderFault: the reader does not know the code.
            CardRemoved: the card was pulled while the keys waited, or this is closed.
        """
        pad = self._reader.pad
        if pad is None or code not in (FEATURE_REQUEST, VERIFY_REQUEST):
            raise ReaderFault("control code")
        if code == FEATURE_REQUEST:
            return features_out({FEATURE_VERIFY_PIN_DIRECT: VERIFY_REQUEST})
        return self._verified_on(pad, data)

    def atr(self) -> bytes:
        """Return the card's answer to reset."""
        return self._insertion.card.atr

    def _verified_on(self, pad: VirtualPad, data: bytes) -> bytes:
        try:
            entry = PinEntry.decode(data)
        except ValueError:
            return Response(b"", BAD_STRUCTURE[0]).encode()
        typed = pad.wait(entry.seconds, lambda: self._reader.insertion is self._insertion)
        if isinstance(typed, PadEnd):
            self._check_there()
            return Response(b"", _ENDS[typed]).encode()
        try:
            return self._shown(entry, typed)
        finally:
            typed[:] = bytes(len(typed))

    def _shown(self, entry: PinEntry, typed: bytearray) -> bytes:
        if len(typed) != entry.digits or not typed.isdigit():
            return Response(b"", WRONG_COUNT).encode()
        command = bytearray((*entry.header, len(typed), *typed))
        try:
            return self.transmit(command)
        finally:
            command[:] = bytes(len(command))

    def _check_there(self) -> None:
        if self._reader.insertion is not self._insertion:
            raise CardRemoved(self._reader.name)

    def close(self) -> None:
        """Give the card back, reset."""
        if self._open:
            self._open = False
            self._reader.release(self._insertion)


def _facts(reader: VirtualReader) -> ReaderFacts:
    presence = CardPresence.EMPTY if reader.card is None else CardPresence.PRESENT
    return ReaderFacts(
        reader.name, vendor="zaitaku", has_pinpad=reader.pad is not None, card=presence
    )
