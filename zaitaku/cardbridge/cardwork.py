"""What the pages do with the card: look at it, and have it sign once.

Every look and every signature is a session of its own that no other program can enter and that
ends with a reset, so a verified PIN never outlives it.
"""

from dataclasses import dataclass
from enum import StrEnum
from threading import Lock

from zaitaku.cardbridge.jpki import PIN_TRIES, PinLocked, PinWrong, my_number_card
from zaitaku.cardbridge.transport import CardTrouble, ReaderService

LAST_TRY = 1


class CardState(StrEnum):
    """What the page says before a PIN is typed."""

    READY = "pin"
    LAST_TRY = "last-try"
    LOCKED = "pin-locked"
    TROUBLE = "trouble"


@dataclass(frozen=True)
class CardView:
    """The card as it lies there; ``trouble`` is the code of what stands in the way."""

    state: CardState
    tries: int = 0
    trouble: str = ""

    @property
    def page(self) -> str:
        """Return the name of the page's words in the catalogue."""
        return self.trouble if self.state is CardState.TROUBLE else self.state.value


@dataclass(frozen=True)
class CardAnswer:
    """What the card gave after the right PIN."""

    certificate: bytes
    """DER."""
    signature: bytes


class NotInsisted(Exception):
    """One try is left and the patient has not said that it may be used; the PIN was not shown."""


class CardWork:
    """Looks at the card and has it sign, one caller at a time."""

    def __init__(self, readers: ReaderService) -> None:
        self._readers = readers
        self._turn = Lock()

    def look(self) -> CardView:
        """Return what lies in the reader and how many tries are left; uses none."""
        try:
            with self._turn, my_number_card(self._readers) as card:
                return view_of(card.tries_left())
        except CardTrouble as trouble:
            return view_of_trouble(trouble)

    def sign(self, pin: bytearray, statement: bytes, *, insisted: bool) -> CardAnswer:
        """Show ``pin`` to the card once; if it is right, take certificate and signature.

        ``pin`` is wiped whatever happens.

        Raises:
            NotInsisted: one try is left and ``insisted`` is false.
            PinWrong, PinLocked: the card refused the PIN.
            CardTrouble: as its subclasses say.
        """
        try:
            with self._turn, my_number_card(self._readers) as card:
                tries = card.tries_left()
                if tries == 0:
                    raise PinLocked
                if tries <= LAST_TRY and not insisted:
                    raise NotInsisted
                card.verify_pin(pin)
                return CardAnswer(card.auth_certificate(), card.sign(statement))
        finally:
            pin[:] = bytes(len(pin))


def view_of(tries: int) -> CardView:
    """Return how a card with ``tries`` left is shown."""
    if tries == 0:
        return CardView(CardState.LOCKED)
    return CardView(CardState.LAST_TRY if tries == LAST_TRY else CardState.READY, tries)


def view_of_trouble(trouble: CardTrouble) -> CardView:
    """Return how a foreseen trouble is shown."""
    if isinstance(trouble, PinLocked):
        return CardView(CardState.LOCKED)
    if isinstance(trouble, PinWrong):
        return view_of(min(trouble.tries_left, PIN_TRIES))
    return CardView(CardState.TROUBLE, trouble=trouble.code)
