"""The worker: waits for messages, looks round every minute, ends in good order."""

import logging
import os
import signal
import sys
from contextlib import suppress
from threading import Event, Thread
from time import monotonic
from types import FrameType
from typing import Final

from huey import crontab
from huey.consumer import Consumer

from zaitaku.core.errors import StoreUnavailable
from zaitaku.jobs.queue import UNREACHABLE, HueyQueue, job_id_of
from zaitaku.jobs.runner import Runner

log = logging.getLogger(__name__)

POLL_SECONDS: Final = 1.0
"""Where the queue cannot wake the worker (SQLite), it looks this often."""
THREADS: Final = 2
"""So that a long export of one facility does not keep all others waiting."""
OUTAGE_SECONDS: Final = 60.0
"""While the queue is away, that is said once in this time."""
_ASKING: Final = frozenset(
    {
        "Error reading from queue",
        "Error reading schedule.",
        "Error enqueueing periodic task %s.",
    }
)
"""huey's words when it could not ask for the next message, or leave one for itself."""
_TALKERS: Final = ("huey.consumer.Worker", "huey.consumer.Scheduler")
END_SECONDS: Final = 3
"""A job that is not done so long after the worker was told to end is left to the next worker."""


def work(runner: Runner, ephemeral_url: str, *, parent: int | None = None) -> None:
    """Do jobs until this process is told to end (SIGTERM, SIGINT).

    With ``parent`` it also ends when that process, which started it, is gone.

    Raises:
        StoreUnavailable: the queue's store is away at the start.
    """

    def run(text: str) -> None:
        job_id = job_id_of(text)
        if job_id is not None:
            runner.run(job_id)

    queue = HueyQueue(ephemeral_url, run)
    look_round = Sweep(runner, queue)
    queue.huey().periodic_task(crontab(), name="look_round")(look_round.once)
    logging.getLogger("huey").setLevel(logging.WARNING)
    terse = Terse()
    for name in _TALKERS:
        logging.getLogger(name).addFilter(terse)
    is_over = Event()
    if parent is not None:
        Thread(target=_follow, args=(parent, is_over), daemon=True).start()
    # The consumer hears signals only once its threads, which may hold a job by then, are running.
    signal.signal(signal.SIGTERM, _end_at_once)
    try:
        _consumer(queue).run()
    finally:
        is_over.set()
        runner.give_back()


class Terse(logging.Filter):
    """Lets one line tell of an outage; huey prints where it happened, each second in each thread.

    Whatever else fails is told whole.
    """

    def __init__(self) -> None:
        super().__init__()
        self._silent_until: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether a line is printed; take from it what helps nobody."""
        error = record.exc_info[1] if record.exc_info else None
        if record.msg not in _ASKING or not isinstance(error, UNREACHABLE):
            return True
        kind = type(error).__name__
        if monotonic() < self._silent_until.get(kind, 0):
            return False
        self._silent_until[kind] = monotonic() + OUTAGE_SECONDS
        record.exc_info = None
        record.detail = getattr(error, "sqlite_errorname", kind)
        return True


class Sweep:
    """Looks for what no message told of."""

    def __init__(self, runner: Runner, queue: HueyQueue) -> None:
        self._runner = runner
        self._queue = queue

    def once(self) -> None:
        """Announce what waits, remove what is old; a store that is away is left to the next."""
        try:
            self._runner.clean_up()
            for job_id in self._runner.waiting():
                self._queue.announce(job_id)
        except StoreUnavailable as error:
            log.warning("looked round in vain", extra={"detail": error.detail})


def _consumer(queue: HueyQueue) -> Consumer:
    return Consumer(
        queue.huey(),
        workers=THREADS,
        max_delay=POLL_SECONDS,
        graceful_signal="TERM",
        shutdown_timeout=END_SECONDS,
    )


def _end_at_once(_signal: int, _frame: FrameType | None) -> None:
    sys.exit(0)


def _follow(parent: int, is_over: Event) -> None:
    # Also a parent that was killed takes its worker along: nobody would end it later.
    while not is_over.wait(1):
        if os.getppid() != parent:
            with suppress(ProcessLookupError):
                os.kill(os.getpid(), signal.SIGTERM)
            return
