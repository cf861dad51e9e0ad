"""What a reading's pages remember from one request to the next; never anything that was typed.

A form is answered by a redirect (post/redirect/get), so that Back and Reload never meet a browser's
question whether to send it again. What the form brought waits here until its page is fetched.
"""

from dataclasses import dataclass, replace
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


@dataclass
class PageState:
    """How one reading is shown, and what its latest form brought."""

    text_size: str = ""
    """One of ``wire.TEXT_SIZES``; empty: the one that the site asked for."""
    is_shuffled: bool = False
    """The digits of the keys on the screen stand in another order each time."""
    types_on_screen: bool = False
    """The PIN is typed on the screen although the reader has keys of its own."""
    seen: CardView | None = None
    """The card as it was last shown ready for a PIN: only its reader is spoken to then."""
    offered: tuple[str, ...] = ()
    """Names of the readers among which one can be chosen."""
    _turn: int = -1
    _notice: Notice = NOTHING

    def keep(self, notice: Notice, *, turn: int) -> None:
        """Keep what the form of ``turn`` brought, in place of what there was."""
        self._turn, self._notice = turn, notice

    def notice(self, turn: int) -> Notice:
        """Return what the form of ``turn`` brought, ``NOTHING`` when a later one has come."""
        return self._notice if turn == self._turn else NOTHING

    def in_its_reader(self, view: CardView) -> CardView:
        """Return what the card said after a PIN, with what was known of its reader before."""
        if self.seen is None:
            return view
        seen = self.seen
        return replace(seen, state=view.state, tries=view.tries, trouble=view.trouble)

    def choose_keys(self, asked: str) -> None:
        """Take ``screen`` or ``reader`` as the place where the PIN is typed."""
        if asked in {"screen", "reader"}:
            self.types_on_screen = asked == "screen"

    def choose_text_size(self, asked: str) -> None:
        """Take another text size, if it is one."""
        if asked in wire.TEXT_SIZES:
            self.text_size = asked
