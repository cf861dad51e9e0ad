"""The form in which a failure is explained to people; the words are in ``failures``."""

from dataclasses import dataclass
from enum import StrEnum


class NextStep(StrEnum):
    """The button of a failure page."""

    NONE = ""
    CARD_AGAIN = "card"
    OTHER_CARD = "other-card"
    DONE = "done"
    TYPE_NUMBER = "number"
    BEGIN_AGAIN = "begin"
    """Where this browser began, if it knows; else as ``TYPE_NUMBER``."""
    SAME_PAGE = "same-page"


@dataclass(frozen=True)
class Explanation:
    """One failure in words: heading, what happened, what to do."""

    heading: str
    happened: tuple[str, ...]
    to_do: tuple[str, ...] = ()
    next_step: NextStep = NextStep.NONE
    offers_ways: bool = False
    """Whether the page also names the other ways to read the card, and help with the PIN."""
    comes_back: bool = False
    """Whether waiting helps: a page that was only asked for is asked for again by itself."""
