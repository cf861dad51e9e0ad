"""Load: patients in a few processes, each with cards of its own, until they are told to end.

``python -m bench.faults.load PLAN JOURNAL`` is one such process.
"""

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass
from itertools import cycle
from pathlib import Path
from typing import Any, Final, Self

from bench.faults.hurry import HurriedWalker
from bench.faults.journal import UNACKNOWLEDGED, Journal, Walk, read_walks
from bench.faults.patients import ReloadingBrowser, walk_once
from bench.faults.posters import cards_in_hand, read_posters
from bench.walker import Card, Walker

LOOK_SECONDS: Final = 0.2


@dataclass(frozen=True)
class Plan:
    """What one process of patients does."""

    origin: str
    posters: str
    """JSON file of the addresses that hang on the walls now (``read_posters``)."""
    cards: str
    """The file of all cards."""
    turn: int
    """Which of the processes this one is: it has every so many-th card."""
    processes: int
    patients: int
    patience: float
    is_hurried: bool
    """Whether only the first of its patients reads every page."""
    end: str
    """When this file appears, no further walk begins."""

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a plan."""
        body: dict[str, Any] = json.loads(path.read_text("utf-8"))
        return cls(**body)


class Load:
    """Walks without a pause, whatever happens to the site."""

    def __init__(
        self,
        folder: Path,
        *,
        origin: str,
        posters: Path,
        cards: Path,
        processes: int,
        patients: int,
        patience: float,
        is_hurried: bool,
    ) -> None:
        self._folder = folder
        self._end = folder / "end"
        self._plans = [
            Plan(
                origin=origin,
                posters=str(posters),
                cards=str(cards),
                turn=turn,
                processes=processes,
                patients=patients,
                patience=patience,
                is_hurried=is_hurried,
                end=str(self._end),
            )
            for turn in range(processes)
        ]
        self._running: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        self._folder.mkdir(parents=True)
        for turn, plan in enumerate(self._plans):
            path = self._folder / f"{turn}.plan"
            path.write_text(json.dumps(asdict(plan)), "utf-8")
            journal = self._folder / f"{turn}.jsonl"
            command = [sys.executable, "-m", "bench.faults.load", str(path), str(journal)]
            self._running.append(subprocess.Popen(command))
        return self

    def __exit__(self, *_: object) -> None:
        self._end.touch()
        for process in self._running:
            process.wait()

    def walks(self) -> list[Walk]:
        """Return what has been written down so far."""
        return read_walks(self._folder)

    def acknowledged(self) -> int:
        """Return how many patients have seen a reference number so far."""
        lines = [
            line for path in self._folder.glob("*.jsonl") for line in path.read_bytes().splitlines()
        ]
        return sum(UNACKNOWLEDGED not in line for line in lines)

    def wait_for(self, acknowledged: int, seconds: float) -> None:
        """Wait until so many patients have seen a reference number.

        Raises:
            TimeoutError: they have not, in time.
        """
        deadline = time.monotonic() + seconds
        while self.acknowledged() < acknowledged:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self.acknowledged()} of {acknowledged} acknowledged")
            time.sleep(LOOK_SECONDS)


def walk_by(plan: Plan, journal: Journal) -> None:
    """Let the plan's patients walk until the end is there."""
    cards = cards_in_hand(Path(plan.cards))[plan.turn :: plan.processes]
    hands = [cards[turn :: plan.patients] or cards for turn in range(plan.patients)]
    with ThreadPoolExecutor(plan.patients) as pool:
        for ended in [
            pool.submit(_one_after_another, plan, journal, own, _walker(plan, turn))
            for turn, own in enumerate(hands)
        ]:
            ended.result()


def _walker(plan: Plan, patient: int) -> type[Walker]:
    return HurriedWalker if plan.is_hurried and patient else Walker


def _one_after_another(
    plan: Plan, journal: Journal, cards: Sequence[Card], walker: type[Walker]
) -> None:
    browser, end = ReloadingBrowser(plan.patience), Path(plan.end)
    for turn, card in enumerate(cycle(cards)):
        if end.exists():
            return
        posters = read_posters(Path(plan.posters))
        walk = walk_once(browser, plan.origin, posters[turn % len(posters)], card, walker)
        journal.add(walk)
        if walk.failure:
            time.sleep(0.1)


def main() -> None:
    """Run one process of patients."""
    plan, journal = map(Path, sys.argv[1:])
    with suppress(KeyboardInterrupt), Journal(journal) as kept:
        walk_by(Plan.read(plan), kept)


if __name__ == "__main__":
    main()
