"""Readers and connections to cards, whatever carries them, and what can go wrong on the way."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, Protocol, runtime_checkable


class CardTrouble(Exception):
    """The root of everything foreseen between the bridge and a card.

    ``code`` is stable and chooses the words that people read; ``detail`` is for the log and never
    holds a PIN or anything that a card has stored.
    """

    code: ClassVar[str] = "card-trouble"

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail or self.code)
        self.detail = detail


class TransportTrouble(CardTrouble):
    """The way to the card failed; the card itself has refused nothing."""

    code = "transport-trouble"


class NoService(TransportTrouble):
    """The computer's smart-card service is missing or stopped."""

    code = "no-service"


class NoReader(TransportTrouble):
    """No card reader is attached, or the one in use was unplugged."""

    code = "no-reader"


class NoCard(TransportTrouble):
    """The reader holds no card."""

    code = "no-card"


class CardBusy(TransportTrouble):
    """Another program holds the card."""

    code = "card-busy"


class StillReading(TransportTrouble):
    """This bridge itself is at the card, for another page or for an earlier form."""

    code = "still-reading"


class CardRemoved(TransportTrouble):
    """The session with the card ended: it was pulled, slipped or was reset; start over."""

    code = "card-removed"


class CardUnresponsive(TransportTrouble):
    """Something lies in the reader but does not answer: upside down, dirty, not a chip card."""

    code = "card-unresponsive"


class ReaderFault(TransportTrouble):
    """The reader or its service failed in a way that none of the others names."""

    code = "reader-fault"


class ChooseReader(TransportTrouble):
    """Several readers hold a My Number Card, and nobody has said which one is meant."""

    code = "choose-reader"

    def __init__(self, readers: tuple[str, ...]) -> None:
        super().__init__(f"{len(readers)} readers")
        self.readers = readers
        """Names of those that hold one."""


class CardPresence(StrEnum):
    """What a reader says about its slot, without a word to the card."""

    EMPTY = "empty"
    PRESENT = "present"
    MUTE = "mute"
    """Something lies there and does not answer."""
    IN_USE = "in-use"
    """Another program holds it alone."""
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class ReaderFacts:
    """What can be told about one reader to whoever helps; never its serial number."""

    name: str
    vendor: str = ""
    """Empty when the driver does not say."""
    driver: str = ""
    """Version of the driver, ``major.minor.build``; empty when it does not say."""
    has_pinpad: bool = False
    card: CardPresence = CardPresence.UNKNOWN


class CardConnection(Protocol):
    """A session with one card that no other program can enter."""

    def transmit(self, command: bytes | bytearray) -> bytes:
        """Send one command APDU and return the response APDU as it came.

        An implementation keeps no copy of ``command``: it may hold a PIN.

        Raises:
            TransportTrouble: as its subclasses say, above all ``CardRemoved``.
        """
        ...

    def close(self) -> None:
        """End the session and reset the card, so that a verified PIN does not outlive it.

        Never fails, also when the card is gone; a second call does nothing.
        """
        ...


@runtime_checkable
class ReaderControl(Protocol):
    """What a connection may offer besides: words to the reader itself, such as its PIN pad."""

    @property
    def feature_request(self) -> int:
        """The control code that asks for the reader's features (PC/SC part 10 §2.2)."""
        ...

    def control(self, code: int, data: bytes) -> bytes:
        """Send ``data`` to the reader and return its answer.

        Raises:
            TransportTrouble: the reader does not know the code, or failed.
        """
        ...


@runtime_checkable
class AtrHolder(Protocol):
    """What a connection may offer besides: how the card introduced itself when it was powered."""

    def atr(self) -> bytes:
        """Return the answer to reset (ISO/IEC 7816-3 §8); empty when it cannot be had."""
        ...


@runtime_checkable
class Watchable(Protocol):
    """What a reader service may offer besides: to tell when something comes or goes."""

    def watch(self, changed: Callable[[], None]) -> None:
        """Call ``changed`` after each coming and going of a reader or card, from now on.

        May be called once more as the watch begins. Touches no card and ends with the
        program. Called from any thread; never fails.
        """
        ...


class ReaderService(Protocol):
    """Gives the readers of this computer."""

    def readers(self) -> list[str]:
        """Return the names of all readers, at least one.

        Raises:
            NoService: there is no smart-card service.
            NoReader: there is no reader.
        """
        ...

    def connect(self, reader: str) -> CardConnection:
        """Take the card in ``reader`` for us alone.

        Raises:
            NoService, NoReader, NoCard, CardBusy, CardUnresponsive, ReaderFault
        """
        ...

    def facts(self) -> tuple[ReaderFacts, ...]:
        """Return what each reader says about itself; disturbs no session.

        Raises:
            NoService, NoReader, ReaderFault
        """
        ...
