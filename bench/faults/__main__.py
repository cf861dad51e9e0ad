"""``make faults``: every row with load running, a table, and one line for machines.

``python -m bench.faults [--rows NAME,…] [--acked 1500] [--list]``
"""

import argparse
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Final

from bench.faults.harness import Stage
from bench.faults.row import Row
from bench.faults.rows import ROWS
from bench.faults.scale import FULL, Scale
from bench.faults.verdict import Verdict

_HEADINGS: Final = ("acked", "lost", "doubled", "stale", "half", "unfinished", "longest gap s")
_WIDTH: Final = 44

Result = tuple[Row, Verdict]


def main() -> None:
    """Run the rows; the exit status tells whether every promise was kept."""
    parser = argparse.ArgumentParser(description="faults under load")
    parser.add_argument("--rows", default="", help="names, or parts of names; empty: all")
    parser.add_argument("--acked", type=int, default=FULL.acked)
    parser.add_argument("--list", action="store_true")
    options = parser.parse_args()
    wanted = [word.strip() for word in options.rows.split(",") if word.strip()]
    rows = [row for row in ROWS if not wanted or any(word in row.name for word in wanted)]
    if options.list:
        print("\n".join(row.name for row in rows))
        return
    # Told to end, it still ends what it has started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    results = _run_all(rows, replace(FULL, acked=options.acked))
    failed = [row.name for row, verdict in results if not row.passes(verdict)]
    _print(results, failed)
    sys.exit(bool(failed) or len(results) < len(rows))


def _run_all(rows: Iterable[Row], scale: Scale) -> list[Result]:
    results = []
    print(f"{'row':{_WIDTH}}" + "".join(f"{name:>14}" for name in _HEADINGS) + "  load", flush=True)
    for row in rows:
        began = time.monotonic()
        try:
            with (
                tempfile.TemporaryDirectory(prefix="zaitaku-faults-") as folder,
                Stage(Path(folder), scale) as stage,
            ):
                verdict = row.run(stage)
        except Exception:  # noqa: BLE001 - the other rows shall still be seen
            traceback.print_exc()
            verdict = Verdict(note="did not run to its end")
        results.append((row, verdict))
        print(f"{_line(row, verdict)} ({time.monotonic() - began:.0f} s)", flush=True)
    return results


def _line(row: Row, verdict: Verdict) -> str:
    numbers = (verdict.acked, verdict.lost, verdict.doubled, verdict.stale, verdict.half)
    cells = "".join(f"{number:>14,}" for number in (*numbers, verdict.unfinished))
    mark = "" if row.passes(verdict) else "  FAILED"
    told = f"{verdict.load} {verdict.note}".strip()
    return f"{row.name:{_WIDTH}}{cells}{verdict.longest_gap:>14.1f}  {told}{mark}"


def _print(results: Iterable[Result], failed: list[str]) -> None:
    real = [verdict for row, verdict in results if row.is_walked and not row.must_lose]
    if failed:
        print(f"failed: {', '.join(failed)}")
    print(
        f"acked={sum(verdict.acked for verdict in real)}"
        f" lost={sum(verdict.lost for verdict in real)}"
        f" doubled={sum(verdict.doubled for verdict in real)}"
        f" stale={sum(verdict.stale for verdict in real)}"
    )


if __name__ == "__main__":
    main()
