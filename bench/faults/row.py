"""A row of the table: one fault, met under load."""

from collections.abc import Callable
from dataclasses import dataclass

from bench.faults.harness import Stage
from bench.faults.verdict import Verdict


@dataclass(frozen=True)
class Row:
    """One fault. It finds a stage, and its scale there, and returns its verdict."""

    name: str
    run: Callable[[Stage], Verdict]
    must_lose: bool = False
    """A control: it holds only when the suite has seen losses."""
    is_walked: bool = True
    """Whether patients walk, and count; else the row measures something by itself."""

    def passes(self, verdict: Verdict) -> bool:
        """Tell whether the verdict is the one that is to be."""
        if self.must_lose:
            return verdict.lost > 0 and verdict.doubled == 0
        return verdict.holds
