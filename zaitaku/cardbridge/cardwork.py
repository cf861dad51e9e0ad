"""What the pages do with the card: look at it, and have it sign once.

Every look and every signature is a session of its own that no other program can enter and that
ends with a reset, so a verified PIN never outlives it. A reader that hangs costs its page a
bounded time and the other pages less: the session goes on in a thread that nobody waits for any
more, and that never begins to show a PIN after its page has said that the card is silent.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from threading import BoundedSemaphore
from typing import Final

from zaitaku.cardbridge.jpki import PIN_TRIES, JpkiCard, PinLocked, PinWrong, my_number_card
from zaitaku.cardbridge.sessions import Session, Sessions
from zaitaku.cardbridge.transport import CardBusy, CardTrouble, ReaderService

LAST_TRY: Final = 1
LOOKS_AT_ONCE: Final = 4
"""More looks than this at the same time are told that the card is in use: threads stay free."""


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

    def __init__(self, readers: ReaderService, sessions: Sessions | None = None) -> None:
        self._readers = readers
        self._sessions = sessions or Sessions()
        self._looks = BoundedSemaphore(LOOKS_AT_ONCE)

    def look(self) -> CardView:
        """Return what lies in the reader and how many tries are left; uses none."""
        try:
            with self._one_look():
                return view_of(self._sessions.run(self._tries_left))
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
        own = bytearray(pin)  # the session may outlive this call
        wipe(pin)

        def work(session: Session) -> CardAnswer:
            try:
                return self._sign(session, own, statement, insisted=insisted)
            finally:
                wipe(own)

        return self._sessions.run(work, when_abandoned=lambda: wipe(own))

    def _sign(
        self, session: Session, pin: bytearray, statement: bytes, *, insisted: bool
    ) -> CardAnswer:
        with my_number_card(self._readers) as card:
            _check_tries(card, insisted=insisted)
            session.commit()
            card.verify_pin(pin)
            return CardAnswer(card.auth_certificate(), card.sign(statement))

    def _tries_left(self, _: Session) -> int:
        with my_number_card(self._readers) as card:
            return card.tries_left()

    @contextmanager
    def _one_look(self) -> Iterator[None]:
        if not self._looks.acquire(blocking=False):
            raise CardBusy("too many looks at once")
        try:
            yield
        finally:
            self._looks.release()


def wipe(buffer: bytearray) -> None:
    """Overwrite a PIN."""
    buffer[:] = bytes(len(buffer))


def _check_tries(card: JpkiCard, *, insisted: bool) -> None:
    tries = card.tries_left()
    if tries == 0:
        raise PinLocked
    if tries <= LAST_TRY and not insisted:
        raise NotInsisted


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
