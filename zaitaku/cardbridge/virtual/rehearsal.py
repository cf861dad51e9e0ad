"""Virtual cards made on the spot, so that anybody can rehearse each case in minutes."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class MadeCards:
    """Where the cards lie, and the roots that a site must trust for them."""

    cards: Path
    roots: Path
    """PEM; marked as test roots, which no production site takes."""
    lists: Path
    """PEM; the authority's revocation lists, good for a week."""

    @property
    def ids(self) -> list[str]:
        """The cards' names, as scripts lay them on the reader."""
        return sorted(path.stem for path in self.cards.glob("[!.]*.json"))


def make_cards(folder: Path) -> MadeCards:
    """Make a test authority and its cards in ``folder``, or refresh those that lie there."""
    # Nothing of the sandbox is loaded, or needed, where real cards are read.
    from zaitaku.sandbox.authority import TestAuthority  # noqa: PLC0415
    from zaitaku.sandbox.cards import make_demo_cards  # noqa: PLC0415
    from zaitaku.sandbox.strangers import make_strangers  # noqa: PLC0415

    authority = TestAuthority.open(folder / "authority")
    people = make_demo_cards(folder / "cards", authority)
    make_strangers(folder / "cards", people[0])
    return MadeCards(folder / "cards", authority.roots_file, authority.crl_bundle)
