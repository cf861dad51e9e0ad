"""SQLite under eight web processes: everybody is served, and no writer waits for long."""

from typing import Final

from bench.faults.harness import Stage, Stores
from bench.faults.row import Row
from bench.faults.sqlite_writers import LONGEST_SECONDS, WRITERS, Opening, measure
from bench.faults.verdict import Verdict
from zaitaku.core.database import Database

WRITING_SECONDS: Final = 20.0


class WriterStarved(Exception):
    """A writer waited for too long, or was refused."""


def crowd(stage: Stage) -> Verdict:
    """Run eight web processes on SQLite files alone, and kill one of them now and then."""
    urls = Stores(
        f"sqlite:///{stage.folder / 'crowd.db'}", f"sqlite:///{stage.folder / 'crowd-short.db'}"
    )
    with stage.own(urls, workers=2 if stage.scale.is_short else WRITERS) as scene:
        scene.under_load(scene.deployment.kill_one_web_worker, repeated=stage.scale.times(5))
        return scene.verdict()


def writers(stage: Stage, opening: Opening = Database) -> Verdict:
    """Let eight processes write without a pause; each commit is one acknowledgement here.

    What stands afterwards is counted against it.

    Raises:
        WriterStarved: one waited for over a second (in the long form), or was refused.
    """
    seconds = stage.scale.seconds_of(WRITING_SECONDS)
    waits = measure(stage.folder, seconds=seconds, opening=opening)
    # The short form runs beside all other tests: a second there is a process that was not let run,
    # not a queue. Its limit is the store's own, after which a writer is refused.
    if waits.refused or (waits.longest > LONGEST_SECONDS and not stage.scale.is_short):
        raise WriterStarved(waits)
    return Verdict(
        acked=waits.commits,
        lost=waits.lost,
        doubled=waits.doubled,
        longest_gap=waits.longest,
        load=f"{WRITERS} writers",
        note=f"the longest wait of a writer, {waits.per_second:.0f} commits a second",
    )


ROWS: Final = (
    Row("SQLite under eight web processes", crowd, is_below_pages=True),
    Row("SQLite, eight writers without a pause", writers, is_walked=False),
)
