"""How long a writer waits when eight processes write into one SQLite file without a pause.

Each transaction is durable (WAL, ``synchronous=FULL``) and the product's own way in.

``python -m bench.faults.sqlite_writers [--writers 8] [--seconds 20]``
"""

import argparse
import multiprocessing
import statistics
import tempfile
import time
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


@dataclass(frozen=True)
class Waits:
    """What all writers together have seen, in seconds."""

    commits: int
    refused: int
    longest: float
    p99: float
    median: float
    per_second: float

    @property
    def holds(self) -> bool:
        """Whether nobody was refused, or waited for longer than a second."""
        return not self.refused and self.longest <= LONGEST_SECONDS


def measure(folder: Path, writers: int = WRITERS, seconds: float = SECONDS) -> Waits:
    """Let the writers write into a file in ``folder``."""
    url = f"sqlite:///{folder / 'writers.db'}"
    database = Database(url)
    with database.transaction() as connection:
        connection.execute(text("CREATE TABLE line (writer INTEGER, body TEXT)"))
    database.close()
    told: Queue[tuple[list[float], int]] = multiprocessing.Queue()
    start = time.time() + 1.0
    crowd = [
        multiprocessing.Process(target=_write, args=(url, number, start, seconds, told))
        for number in range(writers)
    ]
    for process in crowd:
        process.start()
    found = [told.get() for _ in crowd]
    for process in crowd:
        process.join()
    waits = sorted(wait for own, _ in found for wait in own)
    return Waits(
        commits=len(waits),
        refused=sum(refused for _, refused in found),
        longest=waits[-1],
        p99=statistics.quantiles(waits, n=100)[98],
        median=statistics.median(waits),
        per_second=len(waits) / seconds,
    )


def _write(
    url: str, number: int, start: float, seconds: float, told: "Queue[tuple[list[float], int]]"
) -> None:
    database, waits, refused = Database(url), [], 0
    insert = text("INSERT INTO line VALUES (:writer, :body)")
    time.sleep(max(0.0, start - time.time()))
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        began = time.monotonic()
        try:
            with database.transaction() as connection:
                connection.execute(insert, {"writer": number, "body": "x" * 500})
        except StoreUnavailable:
            refused += 1
        waits.append(time.monotonic() - began)
    database.close()
    told.put((waits, refused))


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
        f" median_ms={waits.median * 1000:.1f} p99_ms={waits.p99 * 1000:.1f}"
        f" longest_s={waits.longest:.3f}"
    )


if __name__ == "__main__":
    main()
