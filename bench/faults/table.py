"""The table of a run, as people read it, and its last line, as machines do."""

import os
from collections.abc import Sequence
from typing import Final

from bench.faults.kept import Result
from bench.faults.row import Row
from bench.faults.verdict import Verdict

_NUMBERS: Final = ("acked", "lost", "doubled", "stale", "half", "unfinished")
_WIDTH: Final = 46
_COLUMN: Final = 11


def heading() -> str:
    """Return the line above all rows."""
    names = (*_NUMBERS, "gap s", "seconds")
    return f"{'row':{_WIDTH}}" + "".join(f"{name:>{_COLUMN}}" for name in names)


def line(result: Result) -> str:
    """Return a row's line."""
    verdict = result.verdict
    cells = "".join(f"{getattr(verdict, name):>{_COLUMN},}" for name in _NUMBERS)
    times = f"{verdict.longest_gap:>{_COLUMN}.1f}{result.seconds:>{_COLUMN}.0f}"
    mark = "" if result.passed else "  FAILED"
    return f"{result.row:{_WIDTH}}{cells}{times}  {verdict.load} {verdict.note}".rstrip() + mark


def ending(results: Sequence[Result], rows: Sequence[Row]) -> list[str]:
    """Return what stands below the rows; the last line is the sum of those that count."""
    names = {row.name for row in rows if row.is_counted}
    failed = [result.row for result in results if not result.passed]
    counted = [result.verdict for result in results if result.row in names]
    places = {f"{result.ended} {result.commit}" for result in results}
    missing = len(rows) - len(results)
    seconds = sum(each.seconds for each in results)
    short = f" ({missing} have not run)" if missing else ""
    return [
        *([f"failed: {', '.join(failed)}"] if failed else []),
        f"{len(results)} of {len(rows)} rows{short} in {seconds:.0f} s;"
        f" {os.cpu_count()} cores; {', '.join(sorted(places))}",
        _sum(counted),
    ]


def _sum(verdicts: Sequence[Verdict]) -> str:
    names = ("acked", "lost", "doubled", "stale")
    return " ".join(f"{name}={sum(getattr(each, name) for each in verdicts)}" for name in names)
