"""How long a writer waits when eight processes write into one SQLite file without a pause.

Each transaction is durable (WAL, ``synchronous=FULL``) and the product's own way in.

``python -m bench.faults.sqlite_writers [--writers 8] [--seconds 20]``
"""

import argparse
import multiprocessing
import sqlite3
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass
from multiprocessing.queues import Queue
from pathlib import Path
from typing import Final

from sqlalchemy import text

from zaitaku.core.database import Database
from zaitaku.core.errors import StoreUnavailable

WRITERS: Final = 8
SECONDS: Final = 20.0
LONGEST_SECONDS: Final = 1.0
"""Nobody may wait longer."""
ENDED_SECONDS: Final = 60.0
"""So long after its time a writer may take to tell what it has seen."""


Opening = Callable[[str], Database]
"""How a writer opens the store; another one shows what the count afterwards is worth."""


@dataclass(frozen=True)
class Waits:
    """What all writers together have seen, in seconds, and what stands of it."""

    commits: int
    """Acknowledged ones."""
    refused: int
    lost: int
    """Lines that were acknowledged and are not there."""
    doubled: int
    """Lines that are there twice, or that nobody was told of: all writers ended in good order."""
    longest: float
    p99: float
    median: float
    per_second: float


@dataclass(frozen=True)
class Task:
    """What one writer does, beginning with all the others."""

    writer: int
    url: str
    opening: Opening
    start: float
    """The moment (``time.time``)."""
    seconds: float


@dataclass(frozen=True)
class Told:
    """What one writer was told of the lines that it wrote."""

    writer: int
    waits: list[float]
    """Of each line, in the order of their numbers."""
    refused: frozenset[int]
    """The numbers of those that were refused: they may be there or not."""

    def acknowledged(self) -> set[tuple[int, int]]:
        """Return the lines that must be there."""
        return self._named(set(range(len(self.waits))) - self.refused)

    def known(self) -> set[tuple[int, int]]:
        """Return the lines that may be there."""
        return self._named(range(len(self.waits)))

    def _named(self, numbers: Iterable[int]) -> set[tuple[int, int]]:
        return {(self.writer, number) for number in numbers}


def measure(
    folder: Path,
    writers: int = WRITERS,
    seconds: float = SECONDS,
    opening: Opening = Database,
) -> Waits:
    """Let the writers write into a file in ``folder``, and count what is in it afterwards."""
    path = folder / "writers.db"
    url = f"sqlite:///{path}"
    database = Database(url)
    with database.transaction() as connection:
        connection.execute(text("CREATE TABLE line (writer INTEGER, number INTEGER, body TEXT)"))
    database.close()
    found = _written(url, writers, seconds, opening)
    waits = sorted(wait for own in found for wait in own.waits)
    standing = _standing(path)
    acknowledged = set().union(*(own.acknowledged() for own in found))
    known = set().union(*(own.known() for own in found))
    return Waits(
        commits=len(acknowledged),
        refused=sum(len(own.refused) for own in found),
        lost=len(acknowledged - standing.keys()),
        doubled=standing.total() - len(standing.keys() & known),
        longest=waits[-1],
        p99=statistics.quantiles(waits, n=100)[98],
        median=statistics.median(waits),
        per_second=len(acknowledged) / seconds,
    )


def _written(url: str, writers: int, seconds: float, opening: Opening) -> list[Told]:
    told: Queue[Told] = multiprocessing.Queue()
    start = time.time() + 1.0
    tasks = [Task(each, url, opening, start, seconds) for each in range(writers)]
    crowd = [multiprocessing.Process(target=_write, args=(task, told)) for task in tasks]
    for process in crowd:
        process.start()
    # A writer that broke tells nothing: better no measure than to wait for it for ever.
    found = [told.get(timeout=seconds + ENDED_SECONDS) for _ in crowd]
    for process in crowd:
        process.join()
    return found


def _standing(path: Path) -> Counter[tuple[int, int]]:
    # Not by the store that wrote it: a witness of its own.
    with closing(sqlite3.connect(path)) as connection:
        return Counter(connection.execute("SELECT writer, number FROM line").fetchall())


def _write(task: Task, told: "Queue[Told]") -> None:
    database = task.opening(task.url)
    waits: list[float] = []
    refused: set[int] = set()
    insert = text("INSERT INTO line VALUES (:writer, :number, :body)")
    time.sleep(max(0.0, task.start - time.time()))
    end = time.monotonic() + task.seconds
    while time.monotonic() < end:
        began, number = time.monotonic(), len(waits)
        try:
            with database.transaction() as connection:
                line = {"writer": task.writer, "number": number, "body": "x" * 500}
                connection.execute(insert, line)
        except StoreUnavailable:
            refused.add(number)
        waits.append(time.monotonic() - began)
    database.close()
    told.put(Told(task.writer, waits, frozenset(refused)))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="writers of one SQLite file")
    parser.add_argument("--writers", type=int, default=WRITERS)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        waits = measure(Path(folder), options.writers, options.seconds)
    print(
        f"commits={waits.commits} per_s={waits.per_second:.0f} refused={waits.refused}"
        f" lost={waits.lost} doubled={waits.doubled}"
        f" median_ms={waits.median * 1000:.1f} p99_ms={waits.p99 * 1000:.1f}"
        f" longest_s={waits.longest:.3f}"
    )


if __name__ == "__main__":
    main()
