"""A row of the table: one fault, met under load."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from bench.faults.harness import Stage
from bench.faults.scale import FULL, Scale
from bench.faults.verdict import Verdict

HURRIED_ACKED: Final = 1200
"""So many patients in the time of ``FULL.acked`` that read every page."""
CONTROL_ACKED: Final = 200
"""A control's patients count for nothing but its own losses."""


@dataclass(frozen=True)
class Row:
    """One fault. It finds a stage, and its scale there, and returns its verdict."""

    name: str
    run: Callable[[Stage], Verdict]
    must_lose: bool = False
    """A control: it holds only when the suite has seen losses."""
    is_walked: bool = True
    """Whether patients walk, and count; else the row measures something by itself."""
    is_below_pages: bool = False
    """Whether the fault meets what lies below the pages, so that few need to be read."""

    @property
    def is_counted(self) -> bool:
        """Whether its numbers are part of the sum: a control's losses are not the product's."""
        return self.is_walked and not self.must_lose

    @property
    def scale(self) -> Scale:
        """How much load its long form runs."""
        if self.must_lose:
            return replace(FULL, acked=CONTROL_ACKED, is_hurried=True)
        if self.is_below_pages:
            return replace(FULL, acked=HURRIED_ACKED, is_hurried=True)
        return FULL

    def passes(self, verdict: Verdict) -> bool:
        """Tell whether the verdict is the one that is to be."""
        if self.must_lose:
            return verdict.lost > 0 and verdict.doubled == 0
        return verdict.holds
