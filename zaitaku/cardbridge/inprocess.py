"""The transport to virtual cards in the same process: no service, no socket."""

from collections.abc import Callable
from enum import Enum

from zaitaku.cardbridge.transport import (
    CardConnection,
    CardPresence,
    CardRemoved,
    NoReader,
    ReaderFacts,
)
from zaitaku.cardbridge.virtualreader import Insertion, VirtualReader


class Moment(Enum):
    """When a hook is called."""

    BEFORE = "before"
    """The command has not reached the card."""
    AFTER = "after"
    """The card has carried the command out; its answer has not arrived."""


Hook = Callable[[int, Moment], None]
"""Called with the number of the APDU in its connection, from 1."""


def no_hook(number: int, moment: Moment) -> None:
    """Let everything pass."""


class PullAt:
    """A hook that pulls the card at one APDU, to rehearse what a patient's hand does."""

    def __init__(self, reader: VirtualReader, number: int, moment: Moment) -> None:
        self._reader = reader
        self._at = (number, moment)

    def __call__(self, number: int, moment: Moment) -> None:
        """Pull when it is time."""
        if (number, moment) == self._at:
            self._reader.remove()


class InProcessService:
    """Offers virtual readers as a ``ReaderService``."""

    def __init__(self, *readers: VirtualReader, hook: Hook = no_hook) -> None:
        self._readers = {reader.name: reader for reader in readers}
        self._hook = hook

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
        return InProcessConnection(found, found.take(), self._hook)

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

    def __init__(self, reader: VirtualReader, insertion: Insertion, hook: Hook) -> None:
        self._reader = reader
        self._insertion = insertion
        self._hook = hook
        self._number = 0
        self._open = True

    def transmit(self, command: bytes | bytearray) -> bytes:
        """Send one command.

        Raises:
            CardRemoved: the card was pulled, also while it was answering, or this is closed.
        """
        if not self._open:
            raise CardRemoved(self._reader.name)
        self._number += 1
        self._hook(self._number, Moment.BEFORE)
        answer = self._reader.transmit(self._insertion, command)
        self._hook(self._number, Moment.AFTER)
        if self._reader.insertion is not self._insertion:
            raise CardRemoved(self._reader.name)
        return answer

    def close(self) -> None:
        """Give the card back, reset."""
        if self._open:
            self._open = False
            self._reader.release(self._insertion)


def _facts(reader: VirtualReader) -> ReaderFacts:
    presence = CardPresence.EMPTY if reader.card is None else CardPresence.PRESENT
    return ReaderFacts(reader.name, vendor="zaitaku", card=presence)
