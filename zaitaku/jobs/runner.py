"""Runs jobs: takes one, has it done, says how it ended; looks after what was left behind."""

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from threading import Event, Thread
from typing import Final

from zaitaku.core.clock import Clock
from zaitaku.core.database import Database
from zaitaku.core.errors import StoreUnavailable, ZaitakuError
from zaitaku.core.ids import new_secret_name
from zaitaku.core.watch import NO_WATCH, Happening, Watch
from zaitaku.jobs.context import Handler, JobContext
from zaitaku.jobs.errors import JobLost
from zaitaku.jobs.model import BEAT_EVERY, JobId, JobKind, JobState
from zaitaku.jobs.store import (
    claim,
    date_beats,
    drop_told_secrets,
    free_jobs,
    give_up,
    remove_old,
)

log = logging.getLogger(__name__)

NO_HANDLER: Final = "no-handler"


class Runner:
    """Does jobs by the handlers of their kinds."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        handlers: Mapping[JobKind, Handler],
        keep: timedelta,
        watch: Watch = NO_WATCH,
        chores: tuple[Callable[[], object], ...] = (),
    ) -> None:
        self._database = database
        self._clock = clock
        self._handlers = handlers
        self._keep = keep
        self._watch = watch
        self._chores = chores
        self._running: set[JobContext] = set()
        self._ahead: Mapping[JobId, datetime] = {}
        """Heartbeats from the future at the last look round."""

    def run(self, job_id: JobId) -> bool:
        """Do the job unless another worker has it or has done it; tell whether it was taken.

        However the handler fails, the job ends as failed or is tried again; nothing is raised.

        Raises:
            StoreUnavailable: the database was away before the job was taken.
        """
        token = new_secret_name()
        with self._database.transaction() as connection:
            taken = claim(connection, job_id, token, self._clock.now())
        if taken is None:
            return False
        context = JobContext(taken, token, database=self._database, clock=self._clock)
        with self._known(context), _beating(context):
            self._do(context)
        return True

    @contextmanager
    def _known(self, context: JobContext) -> Iterator[None]:
        self._running.add(context)
        try:
            yield
        finally:
            self._running.discard(context)

    def _do(self, context: JobContext) -> None:
        told = {"job": str(context.job.id), "kind": context.job.kind.value}
        try:
            self._handle(context)
            log.info("job done", extra=told)
            self._watch.happened(Happening.JOB, told["kind"], "done")
        except JobLost:
            log.warning("job lost to another worker", extra=told)
        except StoreUnavailable as error:
            log.warning("job put back", extra={**told, "detail": error.detail})
            _try_to_give_back(context)
        except ZaitakuError as error:
            log.warning("job failed", extra={**told, "code": error.code, "detail": error.detail})
            self._fail(context, error.code)
        except Exception:
            log.exception("job failed", extra=told)
            self._fail(context, ZaitakuError.code)

    def _handle(self, context: JobContext) -> None:
        handler = self._handlers.get(context.job.kind)
        if handler is None:
            log.error("no handler", extra={"kind": context.job.kind.value})
            self._fail(context, NO_HANDLER)
            return
        handler(context)
        if not context.is_finished:
            with context.transaction() as connection:
                context.finish(connection)

    def _fail(self, context: JobContext, code: str) -> None:
        self._watch.happened(Happening.JOB, context.job.kind.value, code)
        # Where even this cannot be written, the heart stops and a later sweep does it.
        with suppress(JobLost, StoreUnavailable), context.transaction() as connection:
            context.end(connection, {"state": JobState.FAILED.value, "outcome": code[:40]})

    def waiting(self) -> tuple[JobId, ...]:
        """Return jobs that no living worker has, the oldest first; a bounded number.

        Raises:
            StoreUnavailable: the database is away.
        """
        with self._database.reading() as connection:
            return free_jobs(connection, self._clock.now())

    def clean_up(self) -> None:
        """Fail what has lost its worker too often; remove the files of old jobs; do the chores.

        Raises:
            StoreUnavailable: the database is away.
        """
        now = self._clock.now()
        with self._database.transaction() as connection:
            self._ahead = date_beats(connection, now, self._ahead)
            failed = give_up(connection, now)
            drop_told_secrets(connection, now)
            removed = remove_old(connection, ended_before=now - self._keep, now=now)
        if failed or removed:
            log.info("jobs cleaned up", extra={"failed": failed, "removed": removed})
        for chore in self._chores:
            chore()

    def work_off(self) -> int:
        """Do everything that waits, one after the other; return how many jobs were done."""
        return sum(self.run(job_id) for job_id in self.waiting())

    def give_back(self) -> None:
        """Before this process ends: let other workers have at once what is under way here."""
        for context in tuple(self._running):
            _try_to_give_back(context)


def _try_to_give_back(context: JobContext) -> None:
    with suppress(JobLost, StoreUnavailable):
        context.give_back()


@contextmanager
def _beating(context: JobContext) -> Iterator[None]:
    """Keep the job's heart beating, also while its handler says nothing."""
    is_over = Event()

    def beat() -> None:
        while not is_over.wait(BEAT_EVERY.total_seconds()):
            with suppress(JobLost, StoreUnavailable):
                context.beat()

    heart = Thread(target=beat, name="job-heart", daemon=True)
    heart.start()
    try:
        yield
    finally:
        is_over.set()
        heart.join()
