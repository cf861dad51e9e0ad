"""Jobs as the pages see them: handed in, looked up, their files fetched."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from zaitaku.core.clock import Clock
from zaitaku.core.database import Database
from zaitaku.core.errors import StoreUnavailable
from zaitaku.core.ids import AccountId, FacilityId, new_uuid, random_digits
from zaitaku.jobs.errors import JobUnderWay, JobUnknown, NoResult
from zaitaku.jobs.model import Job, JobId, JobKind, JobState, lane_of
from zaitaku.jobs.store import (
    PIECE_BYTES,
    JobStore,
    Part,
    add_piece,
    piece,
)

log = logging.getLogger(__name__)

REFERENCE_DIGITS = 10


class JobQueue(Protocol):
    """Tells workers that there is something to do."""

    def announce(self, job_id: JobId) -> None:
        """Wake a worker for the job. Nothing is lost without it: workers also look by themselves.

        Raises:
            StoreUnavailable: the queue is away.
        """
        ...

    def close(self) -> None:
        """Close its connections; the next announcement opens them again."""
        ...


class NoQueue:
    """No way to wake anybody; workers look by themselves."""

    def announce(self, job_id: JobId) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


class JobService:
    """The jobs of all facilities; each method names the facility it works in."""

    def __init__(self, *, database: Database, clock: Clock, queue: JobQueue | None = None) -> None:
        self._database = database
        self._clock = clock
        self._queue = queue or NoQueue()

    def close(self) -> None:
        """Close the way to the workers; the next job opens it again."""
        self._queue.close()

    def submit(
        self,
        facility_id: FacilityId,
        *,
        kind: JobKind,
        account_id: AccountId,
        actor: str,
        parameters: Mapping[str, str],
        input: bytes | None = None,  # noqa: A002 - the word of the trade
        is_held: bool = False,
    ) -> Job:
        """Keep a job for the workers and return it; its ``reference`` is the 受付番号.

        With ``is_held`` it waits for ``release``, an hour at most, and takes the place of what
        the account handed in before and did not confirm.

        Raises:
            JobUnderWay: one of this kind waits or runs (in the facility for ``FACILITY_WIDE``,
                else of this account); nothing was kept.
            StoreUnavailable: the database is away; nothing was kept.
        """
        lane = lane_of(kind, account_id)
        state = JobState.HELD if is_held else JobState.WAITING
        values = self._fresh(kind, account_id, actor, parameters) | {
            "state": state.value,
            "lane": None if is_held else lane,
        }
        job_id = JobId(values["id"])
        with self._one_at_a_time(facility_id, lane), self._database.transaction() as connection:
            store = JobStore(connection, facility_id)
            if is_held:
                store.drop_held(kind, account_id)
            store.insert(values)
            for sequence, content in enumerate(_pieces(input or b"")):
                add_piece(
                    connection, job_id, Part.INPUT, sequence, content, seal=self._database.seal
                )
        if not is_held:
            self._announce(job_id)
        return self.find(facility_id, job_id)

    def submit_ended(
        self,
        facility_id: FacilityId,
        *,
        kind: JobKind,
        account_id: AccountId,
        actor: str,
        parameters: Mapping[str, str],
        outcome: str,
    ) -> Job:
        """Keep a job that was over before it began, so that it has its 受付番号 and is listed.

        Raises:
            StoreUnavailable: the database is away; nothing was kept.
        """
        values = self._fresh(kind, account_id, actor, parameters)
        ended = {
            "state": JobState.DONE.value,
            "lane": None,
            "outcome": outcome,
            "finished_at": values["submitted_at"],
        }
        with self._database.transaction() as connection:
            JobStore(connection, facility_id).insert(values | ended)
        return self.find(facility_id, JobId(values["id"]))

    def _fresh(
        self, kind: JobKind, account_id: AccountId, actor: str, parameters: Mapping[str, str]
    ) -> dict[str, Any]:
        return {
            **_FRESH,
            "id": new_uuid(),
            "kind": kind.value,
            "reference": random_digits(REFERENCE_DIGITS),
            "account_id": account_id,
            "actor": actor,
            "parameters": dict(parameters),
            "submitted_at": self._clock.now(),
        }

    def release(self, facility_id: FacilityId, job_id: JobId) -> Job:
        """Let a held job wait for a worker; released again it stays as it is.

        Raises:
            JobUnknown: the facility has no such job (any more).
            JobUnderWay: one of this kind waits or runs; this one is still held.
            StoreUnavailable: the database is away; this one is still held.
        """
        held = self.find(facility_id, job_id)
        lane = lane_of(held.kind, held.account_id)
        with self._one_at_a_time(facility_id, lane), self._database.transaction() as connection:
            store = JobStore(connection, facility_id)
            is_released = store.release(job_id, lane, self._clock.now())
        if is_released:
            self._announce(job_id)
        known = self.find(facility_id, job_id)
        if known.state is JobState.HELD:
            raise JobUnknown("held for too long")
        return known

    @contextmanager
    def _one_at_a_time(self, facility_id: FacilityId, lane: str) -> Iterator[None]:
        try:
            yield
        except IntegrityError as error:
            with self._database.reading() as connection:
                is_taken = JobStore(connection, facility_id).has_lane(lane)
            if is_taken:
                raise JobUnderWay from error
            raise

    def _announce(self, job_id: JobId) -> None:
        # The line of the request that asked: the worker's own lines name the job alone.
        log.info("job submitted", extra={"job": str(job_id)})
        try:
            self._queue.announce(job_id)
        except StoreUnavailable as error:
            # The job is kept; a worker finds it at its next look round.
            log.warning("job not announced", extra={"job": str(job_id), "detail": error.detail})

    def find(
        self, facility_id: FacilityId, job_id: JobId, *, account_id: AccountId | None = None
    ) -> Job:
        """Return a job; with ``account_id`` only one that this account asked for.

        Raises:
            JobUnknown: there is no such job.
        """
        with self._database.reading() as connection:
            found = JobStore(connection, facility_id).find(job_id)
        if found is None or (account_id is not None and found.account_id != account_id):
            raise JobUnknown
        return found

    def newest(
        self,
        facility_id: FacilityId,
        kind: JobKind,
        *,
        account_id: AccountId | None = None,
        limit: int = 3,
    ) -> tuple[Job, ...]:
        """Return the newest jobs of a kind, the newest first; held ones are not among them."""
        with self._database.reading() as connection:
            return JobStore(connection, facility_id).newest(kind, account_id, limit)

    def input(self, facility_id: FacilityId, job_id: JobId) -> Iterator[bytes]:
        """Yield what was handed in, in pieces; nothing once the job has ended.

        Raises:
            JobUnknown: there is no such job.
        """
        self.find(facility_id, job_id)
        return read_pieces(self._database, job_id, Part.INPUT)

    def result(self, facility_id: FacilityId, job_id: JobId) -> tuple[str, str, Iterator[bytes]]:
        """Return the name, the media type and the content of the file that the job made.

        The content is read piece by piece as it is asked for.

        Raises:
            JobUnknown: there is no such job.
            NoResult: it has no file.
        """
        found = self.find(facility_id, job_id)
        if not found.has_result:
            raise NoResult
        content = read_pieces(self._database, job_id, Part.RESULT)
        return found.result_name, found.result_type, content

    def drop_result(self, facility_id: FacilityId, job_id: JobId) -> None:
        """Remove the file that the job made, before its days are over.

        Raises:
            StoreUnavailable: the database is away; the file is still there.
        """
        with self._database.transaction() as connection:
            JobStore(connection, facility_id).drop_result(job_id)

    def secret(self, facility_id: FacilityId, job_id: JobId) -> bytes:
        """Return, as it was kept, what the job tells for a while; empty when that is over.

        Raises:
            JobUnknown: there is no such job.
        """
        self.find(facility_id, job_id)
        with self._database.reading() as connection:
            store = JobStore(connection, facility_id)
            return store.secret(job_id, self._clock.now(), self._database.seal)

    def note_telling(self, connection: Connection, facility_id: FacilityId, job_id: JobId) -> None:
        """Write down that the secret is told: from the first time on it lives ``TOLD_FOR``.

        In the caller's transaction, so that the record of the telling is one with it.
        """
        JobStore(connection, facility_id).note_telling(job_id, self._clock.now())

    @staticmethod
    def drop_told_secret(connection: Connection, facility_id: FacilityId, job_id: JobId) -> bool:
        """Remove the secret, if it was told; tell whether there was one to remove.

        In the caller's transaction, as ``note_telling``.
        """
        return JobStore(connection, facility_id).drop_told_secret(job_id)


_FRESH: Mapping[str, object] = {
    "outcome": "",
    "counts": {},
    "done": 0,
    "total": 0,
    "attempts": 0,
    "result_name": "",
    "result_type": "",
    "result_bytes": 0,
}


def read_pieces(database: Database, job_id: JobId, part: Part) -> Iterator[bytes]:
    """Yield a file piece by piece; no transaction stays open in between."""
    sequence = 0
    while True:
        with database.reading() as connection:
            content = piece(connection, job_id, part, sequence, database.seal)
        if content is None:
            return
        yield content
        sequence += 1


def _pieces(content: bytes) -> Iterator[bytes]:
    for start in range(0, len(content), PIECE_BYTES):
        yield content[start : start + PIECE_BYTES]
