"""A worker to be run, killed and replaced: ``python -m tests.jobs.worker_process …``."""

import os
import sys
import time
from datetime import UTC, datetime

from tests.jobs.conftest import KEEP
from zaitaku.core.clock import FixedClock
from zaitaku.core.database import Database
from zaitaku.jobs.context import JobContext
from zaitaku.jobs.model import JobKind
from zaitaku.jobs.runner import Runner
from zaitaku.jobs.worker import work

LONGEST_SECONDS = 60


def handle(context: JobContext) -> None:
    """Make a file, or first say that it began and then take very long."""
    if context.parameters.get("is_slow") and "--patient" not in sys.argv:
        context.write_result("begun.txt", "text/plain", [b"begun"])
        time.sleep(LONGEST_SECONDS)
    context.write_result("done.txt", "text/plain", [*context.read_input(), b"!"])


def main(database_url: str, ephemeral_url: str, moment: str, *_: str) -> None:
    """Work for the parent, at a moment that stands still."""
    clock = FixedClock(datetime.fromisoformat(moment).astimezone(UTC))
    kinds = {JobKind.VIEW_HISTORY_EXPORT: handle}
    runner = Runner(database=Database(database_url), clock=clock, handlers=kinds, keep=KEEP)
    parent = os.getppid() if "--follow" in sys.argv else None
    work(runner, ephemeral_url, parent=parent)


if __name__ == "__main__":
    main(*sys.argv[1:])
