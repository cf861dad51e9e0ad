"""Jobs and their files in the durable store."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    JSON,
    Column,
    ColumnElement,
    Connection,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    RowMapping,
    Select,
    String,
    Table,
    UniqueConstraint,
    Uuid,
    and_,
    func,
    or_,
    select,
)

from zaitaku.core.database import Moment, metadata
from zaitaku.core.ids import AccountId, FacilityId
from zaitaku.core.resealing import SealedColumn
from zaitaku.core.sealing import Seal
from zaitaku.jobs.model import (
    HELD_FOR,
    MOST_ATTEMPTS,
    STALE_AFTER,
    TOLD_FOR,
    Job,
    JobId,
    JobKind,
    JobState,
)

PIECE_BYTES: Final = 256 * 1024
"""Files are kept and read in pieces of this size: nobody holds a whole one in memory."""
MOST_SWEPT: Final = 100
"""So many jobs at most are looked after in one sweep."""

job = Table(
    "job",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("facility_id", Uuid, ForeignKey("facility.id"), nullable=False),
    Column("kind", String(30), nullable=False),
    Column("reference", String(10), nullable=False),
    Column("account_id", Uuid, nullable=False),
    Column("actor", String(100), nullable=False),
    Column("parameters", JSON, nullable=False),
    Column("state", String(10), nullable=False),
    Column("lane", String(80)),
    Column("outcome", String(40), nullable=False),
    Column("counts", JSON, nullable=False),
    Column("done", Integer, nullable=False),
    Column("total", Integer, nullable=False),
    Column("submitted_at", Moment, nullable=False),
    Column("started_at", Moment),
    Column("heartbeat_at", Moment),
    Column("finished_at", Moment),
    Column("attempts", Integer, nullable=False),
    Column("claim", String(22)),
    Column("result_name", String(200), nullable=False),
    Column("result_type", String(100), nullable=False),
    Column("result_bytes", Integer, nullable=False),
    Column("secret_told_at", Moment),
    UniqueConstraint("facility_id", "reference"),
    UniqueConstraint("facility_id", "lane"),
    Index(None, "facility_id", "kind", "submitted_at"),
    Index(None, "state", "submitted_at"),
)
"""``lane`` is set while the job waits or runs, so that the database keeps one at a time;
``claim`` is the secret of the worker that has it; ``secret_told_at``: when ``Part.SECRET`` was
first told."""

job_piece = Table(
    "job_piece",
    metadata,
    Column("job_id", Uuid, ForeignKey("job.id"), primary_key=True),
    Column("part", String(10), primary_key=True),
    Column("sequence", Integer, primary_key=True),
    Column("content", LargeBinary, nullable=False),
)
"""The files of jobs, in pieces, each sealed for its place."""
CONTENT: Final = SealedColumn(job_piece.c.content, batch=16)
_NO_RESULT: Final[Mapping[str, object]] = MappingProxyType({"result_name": "", "result_bytes": 0})


class Part(StrEnum):
    """Which of a job's files."""

    INPUT = "input"
    RESULT = "result"
    SECRET = "secret"  # noqa: S105 - the name of a part, no secret
    """Told until somebody says that they have it, or ``TOLD_FOR`` is over."""


class JobStore:
    """The jobs of one facility."""

    def __init__(self, connection: Connection, facility_id: FacilityId) -> None:
        self._connection = connection
        self._facility_id = facility_id

    def insert(self, values: Mapping[str, Any]) -> None:
        """Add a job; a taken lane breaks a unique constraint."""
        self._connection.execute(job.insert().values(facility_id=self._facility_id, **values))

    def has_lane(self, lane: str) -> bool:
        """Tell whether a job waits or runs in this lane."""
        query = select(job.c.id).where(self._is_ours, job.c.lane == lane)
        return self._connection.execute(query).first() is not None

    def find(self, job_id: JobId) -> Job | None:
        """Return the job."""
        query = select(job).where(self._is_ours, job.c.id == job_id)
        row = self._connection.execute(query).mappings().one_or_none()
        return job_from(row) if row else None

    def newest(self, kind: JobKind, account_id: AccountId | None, limit: int) -> tuple[Job, ...]:
        """Return the newest confirmed jobs of a kind, also of one account only."""
        query = select(job).where(
            self._is_ours, job.c.kind == kind.value, job.c.state != JobState.HELD.value
        )
        if account_id is not None:
            query = query.where(job.c.account_id == account_id)
        newest = query.order_by(job.c.submitted_at.desc(), job.c.id.desc()).limit(limit)
        return tuple(job_from(row) for row in self._connection.execute(newest).mappings())

    def drop_held(self, kind: JobKind, account_id: AccountId) -> None:
        """Forget the jobs of a kind that the account has not confirmed."""
        _forget(
            self._connection,
            and_(
                self._is_ours,
                job.c.kind == kind.value,
                job.c.account_id == account_id,
                job.c.state == JobState.HELD.value,
            ),
        )

    def release(self, job_id: JobId, lane: str, at: datetime) -> bool:
        """Let a held job wait for a worker; tell whether it was held, and not for too long."""
        is_held = (job.c.state == JobState.HELD.value, ~_is_far(job.c.submitted_at, HELD_FOR, at))
        released = (
            job.update()
            .where(self._is_ours, job.c.id == job_id, *is_held)
            .values(state=JobState.WAITING.value, lane=lane, submitted_at=at)
        )
        return self._connection.execute(released).rowcount == 1

    def secret(self, job_id: JobId, now: datetime, seal: Seal) -> bytes:
        """Return what the job still tells; empty if that is over, or there never was anything."""
        query = (
            select(job_piece.c.sequence, job_piece.c.content)
            .join_from(job_piece, job)
            .where(self._is_ours, job.c.id == job_id, job_piece.c.part == Part.SECRET.value)
            .where(
                or_(job.c.secret_told_at.is_(None), ~_is_far(job.c.secret_told_at, TOLD_FOR, now))
            )
            .order_by(job_piece.c.sequence)
        )
        return b"".join(
            seal.opened(content, CONTENT.place, job_id, Part.SECRET, sequence)
            for sequence, content in self._connection.execute(query)
        )

    def note_telling(self, job_id: JobId, at: datetime) -> None:
        """Write down that the secret was told; only the first time counts."""
        first = (self._is_ours, job.c.id == job_id, job.c.secret_told_at.is_(None))
        self._connection.execute(job.update().where(*first).values(secret_told_at=at))

    def drop_told_secret(self, job_id: JobId) -> bool:
        """Remove the secret if it was told at least once; tell whether there was such a one."""
        is_told = select(job.c.id).where(
            self._is_ours, job.c.id == job_id, job.c.secret_told_at.is_not(None)
        )
        return _drop_secrets(self._connection, is_told) > 0

    def drop_result(self, job_id: JobId) -> None:
        """Remove the file that the job made."""
        mine = (self._is_ours, job.c.id == job_id)
        if self._connection.execute(job.update().where(*mine).values(_NO_RESULT)).rowcount:
            drop_pieces(self._connection, job_id, Part.RESULT)

    @property
    def _is_ours(self) -> ColumnElement[bool]:
        return job.c.facility_id == self._facility_id


def claim(connection: Connection, job_id: JobId, token: str, now: datetime) -> Job | None:
    """Give the job to the worker that has ``token``, unless another has it: exactly one gets it."""
    claimed = (
        job.update()
        .where(job.c.id == job_id, job.c.attempts < MOST_ATTEMPTS, _is_free(now))
        .values(
            state=JobState.RUNNING.value,
            claim=token,
            attempts=job.c.attempts + 1,
            started_at=now,
            heartbeat_at=now,
            done=0,
            total=0,
        )
    )
    if connection.execute(claimed).rowcount == 0:
        return None
    row = connection.execute(select(job).where(job.c.id == job_id)).mappings().one()
    return job_from(row)


def update_claimed(
    connection: Connection, job_id: JobId, token: str, values: Mapping[str, Any]
) -> bool:
    """Set columns of the job if ``token`` still has it; its row then waits for the commit."""
    mine = (job.c.id == job_id, job.c.claim == token)
    return connection.execute(job.update().where(*mine).values(values)).rowcount == 1


def free_jobs(connection: Connection, now: datetime) -> tuple[JobId, ...]:
    """Return the jobs that no worker has, the oldest first; a bounded number."""
    query = (
        select(job.c.id)
        .where(job.c.attempts < MOST_ATTEMPTS, _is_free(now))
        .order_by(job.c.submitted_at)
        .limit(MOST_SWEPT)
    )
    return tuple(JobId(each) for each in connection.execute(query).scalars())


def counted(connection: Connection, state: JobState, since: datetime | None = None) -> int:
    """Return how many jobs are in a state, of those submitted ``since``."""
    query = select(func.count()).where(job.c.state == state.value)
    if since is not None:
        query = query.where(job.c.submitted_at >= since)
    return connection.execute(query).scalar_one()


def oldest_waiting(connection: Connection) -> datetime | None:
    """Return when the job was submitted that waits longest; ``None`` when none waits."""
    query = select(func.min(job.c.submitted_at)).where(job.c.state == JobState.WAITING.value)
    found: datetime | None = connection.execute(query).scalar_one()
    return found


def date_beats(
    connection: Connection, now: datetime, before: Mapping[JobId, datetime]
) -> Mapping[JobId, datetime]:
    """Date heartbeats from the future as of now, if they stand still; return those that there are.

    ``before`` are those of the last look round, longer ago than a living heart takes for a beat:
    whoever lives, by whatever clock, keeps the job. A worker that died with its clock ahead would
    hold it, and with it the lane of a whole facility, until the other clocks have come that far.
    """
    is_ahead = (job.c.state == JobState.RUNNING.value, job.c.heartbeat_at > now + STALE_AFTER)
    query = select(job.c.id, job.c.heartbeat_at).where(*is_ahead).limit(MOST_SWEPT)
    found = {JobId(name): beat for name, beat in connection.execute(query)}
    for name, beat in found.items():
        if before.get(name) == beat:
            still = (job.c.id == name, job.c.heartbeat_at == beat, *is_ahead)
            connection.execute(job.update().where(*still).values(heartbeat_at=now))
    return found


def give_up(connection: Connection, now: datetime) -> int:
    """Fail the jobs that have lost their worker too often; return how many.

    What was handed in with them goes, as with every job that ends.
    """
    values = {
        "state": JobState.FAILED.value,
        "outcome": "worker-lost",
        "finished_at": now,
        "claim": None,
        "lane": None,
    }
    is_lost = (job.c.attempts >= MOST_ATTEMPTS, _is_free(now))
    ended = job.update().where(*is_lost).values(values).returning(job.c.id)
    lost = connection.execute(ended).scalars().all()
    for job_id in lost:
        drop_pieces(connection, job_id, Part.INPUT)
    return len(lost)


def drop_told_secrets(connection: Connection, now: datetime) -> int:
    """Remove what was told long enough; return how many pieces went.

    What was told in the future stays, though ``JobStore.secret`` shows it to nobody: the clock
    that is wrong may be this one, and what is removed does not come back.
    """
    is_told_out = job.c.secret_told_at < now - TOLD_FOR
    return _drop_secrets(connection, select(job.c.id).where(is_told_out))


def _drop_secrets(connection: Connection, jobs: Select[tuple[UUID]]) -> int:
    dropped = job_piece.delete().where(
        job_piece.c.part == Part.SECRET.value, job_piece.c.job_id.in_(jobs)
    )
    return connection.execute(dropped).rowcount


def remove_old(connection: Connection, *, ended_before: datetime, now: datetime) -> int:
    """Remove the files and parameters of old jobs, and jobs that nobody confirmed.

    Returns how many jobs were touched.
    """
    has_files = job_piece.select().where(job_piece.c.job_id == job.c.id).exists()
    old = select(job.c.id).where(job.c.finished_at < ended_before, has_files).limit(MOST_SWEPT)
    ended = connection.execute(old).scalars().all()
    connection.execute(job_piece.delete().where(job_piece.c.job_id.in_(ended)))
    emptied = {**_NO_RESULT, "parameters": {}}
    connection.execute(job.update().where(job.c.id.in_(ended)).values(emptied))
    is_late = and_(job.c.state == JobState.HELD.value, job.c.submitted_at < now - HELD_FOR)
    return len(ended) + _forget(connection, is_late)


def _forget(connection: Connection, condition: ColumnElement[bool]) -> int:
    query = select(job.c.id).where(condition).limit(MOST_SWEPT).with_for_update()
    forgotten = connection.execute(query).scalars().all()
    connection.execute(job_piece.delete().where(job_piece.c.job_id.in_(forgotten)))
    connection.execute(job.delete().where(job.c.id.in_(forgotten)))
    return len(forgotten)


def add_piece(
    connection: Connection,
    job_id: JobId,
    part: Part,
    sequence: int,
    content: bytes,
    *,
    seal: Seal,
) -> None:
    """Keep one piece of a file."""
    values = {
        "job_id": job_id,
        "part": part.value,
        "sequence": sequence,
        "content": seal.sealed(content, CONTENT.place, job_id, part, sequence),
    }
    connection.execute(job_piece.insert().values(values))


def piece(
    connection: Connection, job_id: JobId, part: Part, sequence: int, seal: Seal
) -> bytes | None:
    """Return one piece of a file; ``None`` past its end.

    Raises:
        SealBroken: it cannot be opened.
    """
    query = select(job_piece.c.content).where(_is_piece(job_id, part, sequence))
    found: bytes | None = connection.execute(query).scalar_one_or_none()
    if found is None:
        return None
    return seal.opened(found, CONTENT.place, job_id, part, sequence)


def drop_pieces(connection: Connection, job_id: JobId, *parts: Part) -> None:
    """Remove files of a job."""
    names = [part.value for part in parts]
    connection.execute(
        job_piece.delete().where(job_piece.c.job_id == job_id, job_piece.c.part.in_(names))
    )


def job_from(row: RowMapping) -> Job:
    """Return the job in a row of ``job``."""
    return Job(
        id=JobId(row["id"]),
        facility_id=FacilityId(row["facility_id"]),
        kind=JobKind(row["kind"]),
        reference=row["reference"],
        account_id=AccountId(row["account_id"]),
        actor=row["actor"],
        parameters=MappingProxyType(row["parameters"]),
        state=JobState(row["state"]),
        outcome=row["outcome"],
        counts=MappingProxyType(row["counts"]),
        done=row["done"],
        total=row["total"],
        submitted_at=row["submitted_at"],
        started_at=row["started_at"],
        finished_at=row["finished_at"],
        result_name=row["result_name"],
        result_type=row["result_type"],
        result_bytes=row["result_bytes"],
    )


def _is_free(now: datetime) -> ColumnElement[bool]:
    is_lost = and_(job.c.state == JobState.RUNNING.value, job.c.heartbeat_at < now - STALE_AFTER)
    return or_(job.c.state == JobState.WAITING.value, is_lost)


def _is_far(moment: Column[datetime], span: timedelta, now: datetime) -> ColumnElement[bool]:
    # Also in the future: what a clock that was far ahead wrote down would count for longer.
    return or_(moment < now - span, moment > now + span)


def _is_piece(job_id: JobId, part: Part, sequence: int) -> ColumnElement[bool]:
    return and_(
        job_piece.c.job_id == job_id,
        job_piece.c.part == part.value,
        job_piece.c.sequence == sequence,
    )
