"""What the pages do with the card: look at it, and have it sign once.

Every look and every signature is a session of its own that no other program can enter and that
ends with a reset, so a verified PIN never outlives it. A reader that hangs costs its page a
bounded time and the other pages less: the session goes on in a thread that nobody waits for any
more, and that never begins to show a PIN after its page has said that the card is silent.
"""

import hmac
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from enum import StrEnum
from threading import BoundedSemaphore
from typing import Final

from zaitaku.cardbridge.card.algorithms import SignatureMalformed, check_signature
from zaitaku.cardbridge.card.finding import FoundCard, found_card
from zaitaku.cardbridge.card.jpki import (
    CERTIFICATE_BEGINNING,
    PIN_TRIES,
    CardChanged,
    CardFault,
    JpkiCard,
    PinLocked,
    PinRequired,
    PinWrong,
    algorithm_for,
)
from zaitaku.cardbridge.card.pinpad import ENTRY_SECONDS, PadNeeded, PadUnusable
from zaitaku.cardbridge.card.sessions import Result, Session, Sessions
from zaitaku.cardbridge.card.transport import (
    CardTrouble,
    CardUnresponsive,
    ChooseReader,
    NoService,
    ReaderFacts,
    ReaderService,
    StillReading,
)
from zaitaku.cardbridge.card.watching import Watch

LAST_TRY: Final = 1
SERVICE_SECONDS: Final = 2.0
"""A service that does not say in this time which readers there are is taken for stopped."""
LOOKS_AT_ONCE: Final = 4
"""More looks than this at the same time are told that one is under way: threads stay free."""


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
    reader: str = ""
    """Name of the reader that holds the My Number Card; empty while none is held."""
    readers: tuple[str, ...] = ()
    """Names of all readers; with ``choose-reader`` of those only that hold a My Number Card."""
    has_pinpad: bool = False
    """The PIN can be typed on the reader's own keys."""
    mark: str = field(default="", repr=False)
    """Tells this card in this reader from any other while this bridge runs, and means nothing else.
    Phones that show their certificate after the PIN only have one mark in common. Empty without a
    card."""

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
        self._service = Sessions(turn=SERVICE_SECONDS, longest=SERVICE_SECONDS)
        self._facts = Sessions(turn=SERVICE_SECONDS, longest=SERVICE_SECONDS)
        self._looks = BoundedSemaphore(LOOKS_AT_ONCE)
        self._watch = Watch(readers)
        self._without_pad: frozenset[str] = frozenset()
        self._key = secrets.token_bytes(32)

    def stamp(self) -> str:
        """Return an opaque sign that changes whenever a reader or a card comes or goes.

        Touches no card, and is cheap but for the first time: made to be asked every second.
        """
        return self._watch.stamp()

    def facts(self) -> tuple[ReaderFacts, ...]:
        """Return what each reader says about itself, for whoever helps; takes a bounded time.

        Of readers that do not say it in time there is the name alone.

        Raises:
            NoService, NoReader, ReaderFault
        """
        try:
            return self._facts.run(lambda _: self._readers.facts())
        except (StillReading, CardUnresponsive):
            names = self._ask_service(self._readers.readers)
            return tuple(ReaderFacts(name) for name in names)

    def look(self, preferred: str | None = None) -> CardView:
        """Return what lies in the reader and how many tries are left; uses none.

        Of several readers with a My Number Card, ``preferred`` wins by its name.
        """
        try:
            with self._one_look():
                return self._run(lambda _: self._seen(preferred))
        except CardTrouble as trouble:
            return view_of_trouble(trouble)

    def sign(
        self,
        pin: bytearray | None,
        statement: bytes,
        *,
        insisted: bool,
        reader: str | None = None,
        mark: str | None = None,
    ) -> CardAnswer:
        """Show the PIN to the card once; if it is right, take certificate and signature.

        ``pin`` is wiped whatever happens; None has it typed on the reader's own keys, which may
        take a minute. With ``reader`` no card in another one is touched, and with ``mark`` (of a
        view) no PIN is shown to another card than that one; None: no card was shown before.

        Raises:
            NotInsisted: one try is left and ``insisted`` is false.
            PinWrong, PinLocked: the card refused the PIN.
            ChooseReader: several readers hold a My Number Card, and ``reader`` names none.
            PadTimedOut, PadCancelled, PadCount, PadUnusable: nothing was shown to the card.
            CardChanged: it is another card than the one that was seen.
            PadNeeded: the reader takes the PIN on its own keys only.
            CardTrouble: as its subclasses say.
        """
        own = None if pin is None else bytearray(pin)  # the session may outlive this call
        wipe(pin)

        def work(session: Session) -> CardAnswer:
            try:
                with found_card(self._readers, only=reader) as found:
                    early = self._certificate(found, insisted=insisted, mark=mark)
                    self._verify(found, own, session)
                    return _signed(found.card, early, statement)
            finally:
                wipe(own)

        longer = 2 * ENTRY_SECONDS if pin is None else 0
        return self._run(work, when_abandoned=lambda: wipe(own), longer=longer)

    def _run(
        self,
        work: Callable[[Session], Result],
        *,
        when_abandoned: Callable[[], None] | None = None,
        longer: float = 0.0,
    ) -> Result:
        try:
            return self._sessions.run(work, when_abandoned=when_abandoned, longer=longer)
        except CardUnresponsive:
            self._ask_service(self._readers.readers)  # is it the card, or does nobody answer?
            raise

    def _ask_service(self, question: Callable[[], Result]) -> Result:
        try:
            return self._service.run(lambda _: question())
        except (StillReading, CardUnresponsive) as silent:
            raise NoService("does not answer") from silent

    def _certificate(self, found: FoundCard, *, insisted: bool, mark: str | None) -> bytes | None:
        """Return the certificate if the card gives it without a PIN, as all but phones do.

        Whatever stands in the way of a signature is found here, before a PIN is shown.
        """
        _check_tries(found.card, insisted=insisted)
        certificate = _early_certificate(found.card)
        here = self._mark(found.reader, certificate[:CERTIFICATE_BEGINNING])
        if mark is not None and not hmac.compare_digest(mark.encode(), here.encode()):
            raise CardChanged
        if not certificate:
            return None
        algorithm_for(certificate)  # a card that could not sign afterwards is told now
        return certificate

    def _mark(self, reader: str, beginning: bytes) -> str:
        return hmac.digest(self._key, reader.encode() + b"\0" + beginning, "sha256").hex()

    def _verify(self, found: FoundCard, pin: bytearray | None, session: Session) -> None:
        if pin is None:
            self._verify_on_pad(found, session)
            return
        try:
            found.card.verify_pin(pin, last_word=session.commit)
        except (CardFault, PinRequired) as fault:
            if found.pad() is None:
                raise
            raise PadNeeded(fault.detail) from fault

    def _verify_on_pad(self, found: FoundCard, session: Session) -> None:
        pad = found.pad()
        if pad is None:
            raise PadUnusable("no pad")
        try:
            found.card.verify_on_pad(pad, last_word=session.commit)
        except PadUnusable:
            self._without_pad |= {found.reader}
            raise

    def _seen(self, preferred: str | None) -> CardView:
        with found_card(self._readers, preferred=preferred) as found:
            tries = found.card.tries_left()
            beginning = found.card.check_certificate() if tries else b""
            return replace(
                view_of(tries),
                reader=found.reader,
                readers=found.readers,
                has_pinpad=found.reader not in self._without_pad and found.pad() is not None,
                mark=self._mark(found.reader, beginning),
            )

    @contextmanager
    def _one_look(self) -> Iterator[None]:
        if not self._looks.acquire(blocking=False):
            raise StillReading("too many looks at once")
        try:
            yield
        finally:
            self._looks.release()


def wipe(buffer: bytearray | None) -> None:
    """Overwrite a PIN."""
    if buffer is not None:
        buffer[:] = bytes(len(buffer))


def _early_certificate(card: JpkiCard) -> bytes:
    """Return the certificate; nothing from a phone, which wants the PIN first."""
    try:
        return card.auth_certificate()
    except PinRequired:
        return b""


def _signed(card: JpkiCard, early: bytes | None, statement: bytes) -> CardAnswer:
    certificate = early or card.auth_certificate()
    signature = card.sign(statement, algorithm_for(certificate))
    try:
        check_signature(certificate, signature, statement)
    except SignatureMalformed as error:
        raise CardFault(f"signature: {error}") from error
    return CardAnswer(certificate, signature)


def _check_tries(card: JpkiCard, *, insisted: bool) -> None:
    tries = card.tries_left()
    if tries == 0:
        raise PinLocked
    if tries <= LAST_TRY and not insisted:
        raise NotInsisted


def view_of(tries: int) -> CardView:
    """Return how a card with ``tries`` left is shown: never more than the PIN has."""
    if tries == 0:
        return CardView(CardState.LOCKED)
    state = CardState.LAST_TRY if tries == LAST_TRY else CardState.READY
    return CardView(state, min(tries, PIN_TRIES))


def view_of_trouble(trouble: CardTrouble) -> CardView:
    """Return how a foreseen trouble is shown."""
    if isinstance(trouble, PinLocked):
        return CardView(CardState.LOCKED)
    if isinstance(trouble, PinWrong):
        return view_of(trouble.tries_left)
    if isinstance(trouble, ChooseReader):
        return CardView(CardState.TROUBLE, trouble=trouble.code, readers=trouble.readers)
    return CardView(CardState.TROUBLE, trouble=trouble.code)
