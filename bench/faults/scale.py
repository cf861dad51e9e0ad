"""How much load a row of the table runs."""

from dataclasses import dataclass
from typing import Final

SHORT_SECONDS: Final = 2.0


@dataclass(frozen=True)
class Scale:
    """How much load a row runs."""

    acked: int
    """So many patients at least see a reference number in one row."""
    processes: int
    patients: int
    """At a time in each process."""
    cards: int
    seconds: float
    """How long a row waits for its patients before it fails."""
    patience: float
    """Seconds for which a patient goes on asking for one page."""
    is_hurried: bool = False
    """Whether only one patient of each process reads every page (``HurriedWalker``)."""
    is_short: bool = False

    def times(self, full: int) -> int:
        """Return how often a fault is repeated that happens ``full`` times in the long form."""
        return 1 if self.is_short else full

    def seconds_of(self, full: float) -> float:
        """Return how long a fault lasts that lasts ``full`` seconds in the long form."""
        return min(full, SHORT_SECONDS) if self.is_short else full

    def __str__(self) -> str:
        return f"{self.processes * self.patients} at a time"


FULL: Final = Scale(acked=600, processes=2, patients=6, cards=400, seconds=900, patience=60)
SHORT: Final = Scale(
    acked=4,
    processes=1,
    patients=2,
    cards=30,
    seconds=60,
    patience=30,
    is_hurried=True,
    is_short=True,
)
