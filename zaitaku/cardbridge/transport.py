"""Readers and connections to cards, whatever carries them, and what can go wrong on the way."""

from typing import ClassVar, Protocol


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


class CardRemoved(TransportTrouble):
    """The session with the card ended: it was pulled, slipped or was reset; start over."""

    code = "card-removed"


class CardUnresponsive(TransportTrouble):
    """Something lies in the reader but does not answer: upside down, dirty, not a chip card."""

    code = "card-unresponsive"


class ReaderFault(TransportTrouble):
    """The reader or its service failed in a way that none of the others names."""

    code = "reader-fault"


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
