"""Readers in the same process that call a test before and after each command."""

from collections.abc import Callable
from enum import Enum

from zaitaku.cardbridge.card.transport import CardConnection
from zaitaku.cardbridge.virtual.inprocess import InProcessConnection, InProcessService
from zaitaku.cardbridge.virtual.reader import Insertion, VirtualReader


class Moment(Enum):
    """When a hook is called."""

    BEFORE = "before"
    """The command has not reached the card."""
    AFTER = "after"
    """The card has carried the command out; its answer has not arrived."""


Hook = Callable[[int, Moment], None]
"""Called with the number of the APDU in its connection, from 1."""


class PullAt:
    """A hook that pulls the card at one APDU, as a patient's hand does."""

    def __init__(self, reader: VirtualReader, number: int, moment: Moment) -> None:
        self._reader = reader
        self._at = (number, moment)

    def __call__(self, number: int, moment: Moment) -> None:
        """Pull when it is time."""
        if (number, moment) == self._at:
            self._reader.remove()


class HookedService(InProcessService):
    """Offers one virtual reader, with a hook in each session."""

    def __init__(self, reader: VirtualReader, *, hook: Hook) -> None:
        super().__init__(reader)
        self._hooked = reader
        self._hook = hook

    def connect(self, reader: str) -> CardConnection:
        """Take the card."""
        return HookedConnection(self._hooked, self._hooked.take(), self._hook)


class HookedConnection(InProcessConnection):
    """A session that calls its hook."""

    def __init__(self, reader: VirtualReader, insertion: Insertion, hook: Hook) -> None:
        super().__init__(reader, insertion)
        self._hook = hook
        self._number = 0

    def transmit(self, command: bytes | bytearray) -> bytes:
        """Send one command, between the two moments."""
        self._number += 1
        self._hook(self._number, Moment.BEFORE)
        answer = super().transmit(command)
        self._hook(self._number, Moment.AFTER)
        self._check_there()
        return answer
