"""Finding the My Number Card among all readers, and holding it alone."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Final

from zaitaku.cardbridge.card.jpki import CardFault, JpkiCard, NotMyNumberCard
from zaitaku.cardbridge.card.pinpad import PinPad, pad_of
from zaitaku.cardbridge.card.recognition import TransitCard, is_felica, recognised
from zaitaku.cardbridge.card.transport import (
    CardBusy,
    CardConnection,
    CardRemoved,
    CardTrouble,
    CardUnresponsive,
    ChooseReader,
    NoCard,
    NoReader,
    ReaderFault,
    ReaderService,
    TransportTrouble,
)


@dataclass(frozen=True)
class FoundCard:
    """A My Number Card that is held alone."""

    card: JpkiCard
    reader: str
    """Name of its reader."""
    readers: tuple[str, ...]
    """Names of all readers of this computer."""
    connection: CardConnection

    def pad(self) -> PinPad | None:
        """Return the reader's own keys, if it has them."""
        return pad_of(self.connection)


@contextmanager
def found_card(
    service: ReaderService, *, preferred: str | None = None, only: str | None = None
) -> Iterator[FoundCard]:
    """Hold the My Number Card alone, and leave it reset.

    ``preferred`` wins when its reader holds one. With ``only`` no other reader is looked at.

    Raises:
        ChooseReader: several readers hold one, and none of them is preferred.
        TransportTrouble, NotMyNumberCard: of several readers, the one that helps most: a card that
            is there but of another kind, then one that is busy or silent, then none.
    """
    names = service.readers()
    with ExitStack() as open_sessions:
        search = _Search(service, tuple(names), open_sessions)
        yield search.run(_in_order(names, preferred, only), preferred)


def _in_order(names: list[str], preferred: str | None, only: str | None) -> list[str]:
    if only is not None:
        return [only]
    return sorted(names, key=lambda name: name != preferred)


class _Search:
    """Looks into one reader after the other; every card that it holds is in ``open_sessions``."""

    def __init__(
        self, service: ReaderService, readers: tuple[str, ...], open_sessions: ExitStack
    ) -> None:
        self._service = service
        self._readers = readers
        self._open = open_sessions
        self._found: list[FoundCard] = []
        self._troubles: list[CardTrouble] = []

    def run(self, names: list[str], preferred: str | None) -> FoundCard:
        for name in names:
            self._look_into(name)
            if self._found and name == preferred:
                break
        if not self._found:
            raise _most_telling(self._troubles)
        if len(self._found) > 1:
            raise ChooseReader(tuple(found.reader for found in self._found))
        return self._found[0]

    def _look_into(self, name: str) -> None:
        try:
            connection = self._service.connect(name)
        except TransportTrouble as trouble:
            self._troubles.append(trouble)
            return
        with ExitStack() as session:
            session.callback(connection.close)
            try:
                card = _card_in(connection)
            except CardTrouble as trouble:
                self._troubles.append(trouble)
                return
            self._found.append(FoundCard(card, name, self._readers, connection))
            self._open.push(session.pop_all())


def _card_in(connection: CardConnection) -> JpkiCard:
    try:
        return JpkiCard(connection)
    except NotMyNumberCard as refused:
        raise recognised(connection) from refused
    except CardTrouble:
        # A reader that finds no chip behind the radio may fail the command instead of refusing it.
        if is_felica(connection):
            raise TransitCard from None
        raise


_TELLING: Final = (
    NotMyNumberCard,
    CardFault,
    CardBusy,
    CardRemoved,
    CardUnresponsive,
    ReaderFault,
    NoCard,
)


def _most_telling(troubles: list[CardTrouble]) -> CardTrouble:
    ranked = [trouble for kind in _TELLING for trouble in troubles if isinstance(trouble, kind)]
    return (ranked or troubles or [NoReader()])[0]
