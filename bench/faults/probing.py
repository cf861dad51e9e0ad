"""What a probe may see, and what it meets on the way."""

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from bench.faults.patients import ReloadingBrowser

PATIENCE_SECONDS: Final = 10.0


class Outcome(StrEnum):
    """What became of a trial."""

    WORKED = "worked"
    """What had ended was shown, or let somebody in."""
    REFUSED = "refused"
    """The very answer came that says that it has ended."""
    NO_ANSWER = "no answer"
    """None came in time, or one that says nothing about it: this shows nothing."""


@dataclass
class Browsers:
    """Makes a probe's browsers, and keeps in mind what went wrong in them."""

    patience: float = PATIENCE_SECONDS
    _troubles: list[Counter[str]] = field(default_factory=list)

    def new(self) -> ReloadingBrowser:
        """Return a browser whose troubles count."""
        browser = ReloadingBrowser(self.patience)
        self._troubles.append(browser.troubles)
        return browser

    @property
    def crashed(self) -> int:
        """How many answers with status 500 they have had."""
        return sum(met["500"] for met in self._troubles)
