"""``make faults``: every row with load running, a table, and one line for machines.

``python -m bench.faults [--rows NAME,…] [--acked N] [--resume | --table | --list]``

Each row's line is printed and kept as it ends (``build/faults.jsonl``): ``--table`` prints what is
kept at any moment, ``--resume`` runs the rows that have not passed yet. Without either all rows
begin anew, and with ``--rows`` these only.
"""

import argparse
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Container, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from bench.faults import kept, table
from bench.faults.harness import Stage
from bench.faults.kept import Result
from bench.faults.row import Row
from bench.faults.rows import ROWS
from bench.faults.verdict import Verdict


def main() -> None:
    """Run the rows; the exit status tells whether every promise was kept.

    Of a table that is printed while rows are still to run, those that are in it tell.
    """
    options = _options()
    rows = _chosen(options.rows)
    if options.list:
        print("\n".join(row.name for row in rows))
        return
    if not (options.rows or options.resume or options.table):
        options.kept.unlink(missing_ok=True)
    print(table.heading(), flush=True)
    done = [result for result in _of(rows, options.kept) if result.passed and options.resume]
    for result in _of(rows, options.kept) if options.table else done:
        print(table.line(result), flush=True)
    if not options.table:
        # Told to end, it still ends what it has started.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
        _run_all([row for row in rows if row.name not in {each.row for each in done}], options)
    results = _of(rows, options.kept)
    print("\n".join(table.ending(results, rows)))
    is_short = len(results) < len(rows) and not options.table
    sys.exit(is_short or not all(result.passed for result in results))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="faults under load")
    parser.add_argument("--rows", default="", help="names, or parts of names; empty: all")
    parser.add_argument("--acked", type=int, help="patients to be served in each row")
    parser.add_argument("--kept", type=Path, default=kept.DEFAULT, help="the file of results")
    parser.add_argument("--resume", action="store_true", help="only rows that have not passed")
    parser.add_argument("--table", action="store_true", help="what is kept; run nothing")
    parser.add_argument("--list", action="store_true", help="the names; run nothing")
    return parser.parse_args()


def _chosen(names: str) -> list[Row]:
    wanted = [word.strip() for word in names.split(",") if word.strip()]
    whole = {row.name for row in ROWS}
    strange = [word for word in wanted if not any(_is_meant(row, word, whole) for row in ROWS)]
    if strange:
        sys.exit(f"no row is called {', '.join(strange)}; --list tells their names")
    return [
        row for row in ROWS if not wanted or any(_is_meant(row, word, whole) for word in wanted)
    ]


def _is_meant(row: Row, word: str, whole: Container[str]) -> bool:
    return word == row.name if word in whole else word in row.name


def _of(rows: Sequence[Row], path: Path) -> list[Result]:
    found = {result.row: result for result in kept.read(path)}
    return [found[row.name] for row in rows if row.name in found]


def _run_all(rows: Iterable[Row], options: argparse.Namespace) -> None:
    for row in rows:
        result = _run(row, options)
        kept.keep(options.kept, result)
        print(table.line(result), flush=True)


def _run(row: Row, options: argparse.Namespace) -> Result:
    began = time.monotonic()
    scale = replace(row.scale, acked=options.acked or row.scale.acked)
    with tempfile.TemporaryDirectory(prefix="zaitaku-faults-") as folder:
        try:
            with Stage(Path(folder), scale) as stage:
                verdict = row.run(stage)
        except Exception:  # noqa: BLE001 - the other rows shall still be seen
            traceback.print_exc()
            verdict = Verdict(note="did not run to its end")
        result = Result.of(row, verdict, time.monotonic() - began)
        if not result.passed:
            _keep_traces(Path(folder), options.kept.with_suffix("") / row.name)
    return result


def _keep_traces(folder: Path, place: Path) -> None:
    """Keep what programs and patients wrote, for whoever looks for the reason."""
    for pattern in ("*.log", "*.jsonl"):
        for found in folder.rglob(pattern):
            target = place / found.relative_to(folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(found, target)


if __name__ == "__main__":
    main()
