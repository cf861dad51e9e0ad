"""A row of the table: one fault, met under load."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.faults.verdict import Verdict


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

    @property
    def part(self) -> int:
        """A third: before a fault, while it is repeated, after it."""
        return self.acked // 3


FULL: Final = Scale(acked=1500, processes=2, patients=6, cards=24, seconds=900)
SHORT: Final = Scale(acked=9, processes=1, patients=3, cards=4, seconds=60)


@dataclass(frozen=True)
class Row:
    """One fault. It runs in an empty folder of its own and returns its verdict."""

    name: str
    run: Callable[[Path, Scale], Verdict]
    must_lose: bool = False
    """A control: it holds only when the suite has seen losses."""

    def passes(self, verdict: Verdict) -> bool:
        """Tell whether the verdict is the one that is to be."""
        if self.must_lose:
            return verdict.lost > 0 and verdict.doubled == 0
        return verdict.holds
