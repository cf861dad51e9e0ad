"""A reader in software: which virtual card lies in it can change while everything runs."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from zaitaku.cardbridge.card.transport import CardBusy, CardRemoved, NoCard
from zaitaku.cardbridge.virtual.card import VirtualCard
from zaitaku.cardbridge.virtual.pad import VirtualPad

DEFAULT_NAME: Final = "Zaitaku Virtual Reader"


@dataclass(frozen=True, eq=False)
class Insertion:
    """One stay of a card in the reader; the same card put in again is another one."""

    card: VirtualCard


class VirtualReader:
    """Holds one card or none; safe for several threads."""

    def __init__(self, name: str = DEFAULT_NAME, *, pad: VirtualPad | None = None) -> None:
        self.name = name
        self.pad = pad
        """The reader's own keys, if it has them."""
        self._lock = threading.RLock()
        self._insertion: Insertion | None = None
        self._holder: Insertion | None = None
        self._listeners: list[Callable[[], None]] = []

    @property
    def insertion(self) -> Insertion | None:
        """The present stay, None while the reader is empty."""
        with self._lock:
            return self._insertion

    @property
    def card(self) -> VirtualCard | None:
        """The card in the reader."""
        insertion = self.insertion
        return insertion.card if insertion else None

    def insert(self, card: VirtualCard) -> None:
        """Put ``card`` in; what was there before comes out."""
        self._change(Insertion(card))

    def remove(self) -> None:
        """Pull the card; every session with it ends."""
        self._change(None)

    def listen(self, listener: Callable[[], None]) -> None:
        """Call ``listener`` after each change, in the thread that made it."""
        with self._lock:
            self._listeners.append(listener)

    def take(self) -> Insertion:
        """Hold the present card alone.

        Raises:
            NoCard: the reader is empty.
            CardBusy: somebody else holds the card.
        """
        with self._lock:
            if self._insertion is None:
                raise NoCard(self.name)
            if self._holder is self._insertion:
                raise CardBusy(self.name)
            self._holder = self._insertion
            return self._insertion

    def release(self, insertion: Insertion) -> None:
        """Give back what ``take`` gave; the card is reset."""
        with self._lock:
            self.reset(insertion)
            if self._holder is insertion:
                self._holder = None

    def reset(self, insertion: Insertion) -> None:
        """Power down and up, or reset; nothing when that stay is over: the card may be in again."""
        with self._lock:
            if self._insertion is insertion:
                insertion.card.reset()

    def transmit(self, insertion: Insertion, command: bytes | bytearray) -> bytes:
        """Hand a command to the card.

        Raises:
            CardRemoved: that stay is over.
        """
        with self._lock:
            if self._insertion is not insertion:
                raise CardRemoved(self.name)
            return insertion.card.process(command)

    def _change(self, insertion: Insertion | None) -> None:
        with self._lock:
            for each in (self._insertion, insertion):
                if each is not None:
                    each.card.reset()
            self._insertion = insertion
            listeners = tuple(self._listeners)
        for listener in listeners:
            listener()
