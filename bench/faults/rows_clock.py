"""The application's clock, a day ahead and a day behind (libfaketime)."""

import time
from pathlib import Path
from typing import Final

from bench.faults.harness import Stage
from bench.faults.row import Row
from bench.faults.verdict import Verdict

JUMPS: Final = ("+1d", "-1d", "+0d")
NOTICED_SECONDS: Final = 1.5
"""So long it takes until every process has seen the jump."""


def jumping(stage: Stage) -> Verdict:
    """Let the web processes' clock jump while patients walk; the databases' clock stays."""
    clock = stage.folder / "clock"
    clock.write_text("+0d")
    environ = with_clock(FAKETIME_TIMESTAMP_FILE=str(clock), FAKETIME_CACHE_DURATION="1")
    jumps = iter(JUMPS)

    def jump() -> None:
        clock.write_text(next(jumps))
        time.sleep(NOTICED_SECONDS)

    with stage.own(stage.other_stores("clock"), environ=environ) as scene:
        scene.has_true_clock = False
        # In the short form the clock stays a day behind: so it has jumped both ways.
        scene.under_load(jump, repeated=2 if stage.scale.is_short else len(JUMPS))
        return scene.verdict()


def with_clock(**told: str) -> dict[str, str]:
    """Return the environment of a process whose clock libfaketime shows; ``told`` says what."""
    return {
        "LD_PRELOAD": str(_library()),
        # What measures waiting goes on as it was: a false monotonic clock stops every lock that
        # waits with a limit.
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        # So do the files whose times the server's workers set by it: a sign that they live.
        "NO_FAKE_STAT": "1",
        "PYTHONPATH": str(Path(__file__).parent / "sleeping"),
        **told,
    }


def _library() -> Path:
    root = Path("/usr/lib")
    found = sorted(root.glob("*/faketime/libfaketime.so.1"))
    if not found:
        raise FileNotFoundError("libfaketime is needed: apt-get install libfaketime")
    return found[0]


ROWS: Final = (Row("clock of the web jumps by a day", jumping),)
