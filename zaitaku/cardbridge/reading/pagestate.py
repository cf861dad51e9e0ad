"""What a reading's pages remember from one request to the next; never anything that was typed.

A form is answered by a redirect (post/redirect/get), so that Back and Reload never meet a browser's
question whether to send it again. What the form brought waits here until its page is fetched.
"""

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

from zaitaku import wire
from zaitaku.cardbridge.card.cardwork import CardView


@dataclass(frozen=True)
class Notice:
    """What one form brought."""

    status: HTTPStatus = HTTPStatus.OK
    view: CardView | None = None
    """What the card said; None: it was not spoken to, and is looked at when the page is fetched."""
    error: str = ""
    """Name of the words of what went wrong with what was typed."""
    page: str = ""
    """The page that stands above the card's own, such as ``send-refused``."""


NOTHING: Final = Notice()
MOST_SHOWN: Final = 8
"""Far more cards than anybody lays on a reader during one reading."""


@dataclass
class PageState:
    """How one reading is shown, and what its latest form brought."""

    text_size: str = ""
    """One of ``wire.TEXT_SIZES``; empty: the one that the site asked for."""
    is_shuffled: bool = False
    """The digits of the keys on the screen stand in another order each time."""
    types_on_screen: bool = False
    """The PIN is typed on the screen although the reader has keys of its own."""
    offered: tuple[str, ...] = ()
    """Names of the readers among which one can be chosen."""
    _turn: int = -1
    _notice: Notice = NOTHING
    _shown: dict[str, CardView] = field(default_factory=dict)

    def keep(self, notice: Notice, *, turn: int) -> None:
        """Keep what the form of ``turn`` brought, in place of what there was."""
        self._turn, self._notice = turn, notice

    def notice(self, turn: int) -> Notice:
        """Return what the form of ``turn`` brought, ``NOTHING`` when a later one has come."""
        return self._notice if turn == self._turn else NOTHING

    def show_for_pin(self, view: CardView) -> None:
        """Remember a card with which a page asks for a PIN; the form of that page names its mark.

        Several windows may show several cards.
        """
        self._shown.pop(view.mark, None)
        self._shown[view.mark] = view
        while len(self._shown) > MOST_SHOWN:
            del self._shown[next(iter(self._shown))]

    def shown(self, mark: str) -> CardView | None:
        """Return the card for which a page has asked for the PIN."""
        return self._shown.get(mark)

    def choose_keys(self, asked: str) -> None:
        """Take ``screen`` or ``reader`` as the place where the PIN is typed."""
        if asked in {"screen", "reader"}:
            self.types_on_screen = asked == "screen"

    def choose_text_size(self, asked: str) -> None:
        """Take another text size, if it is one."""
        if asked in wire.TEXT_SIZES:
            self.text_size = asked
