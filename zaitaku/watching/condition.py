"""In which condition a deployment is: what an operator has to know, gathered in one look.

Each part is looked at by itself. What cannot be learnt is ``None``, never a guess, and one part
that is away hides no other.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Self, TypeVar

from sqlalchemy import Connection

from zaitaku.core.clock import Clock
from zaitaku.core.database import Database
from zaitaku.core.ephemeral import EphemeralStore
from zaitaku.core.errors import StoreUnavailable
from zaitaku.core.revisions import can_serve, revision_of
from zaitaku.jobs.model import JobState
from zaitaku.jobs.store import counted, oldest_waiting
from zaitaku.settings import Settings
from zaitaku.watching.certificates import CertificateEnd, certificate_ends, earliest_crl_end
from zaitaku.watching.door import Door, door_of
from zaitaku.watching.notes import Note, Notes, moment_in
from zaitaku.watching.postgres import PostgresCondition, postgres_condition
from zaitaku.watching.presence import Instance, code_version, instances

FAILED_WITHIN: Final = timedelta(days=1)

_Part = TypeVar("_Part")


@dataclass(frozen=True)
class JobsCondition:
    """What the workers have before them."""

    waiting: int
    running: int
    failed: int
    """Of the last day."""
    oldest_waiting: datetime | None

    @classmethod
    def of(cls, connection: Connection, now: datetime) -> Self:
        """Ask the database; by an index, whatever lies behind."""
        return cls(
            waiting=counted(connection, JobState.WAITING),
            running=counted(connection, JobState.RUNNING),
            failed=counted(connection, JobState.FAILED, since=now - FAILED_WITHIN),
            oldest_waiting=oldest_waiting(connection),
        )


@dataclass(frozen=True)
class AuditCondition:
    """What the last ``zaitaku audit verify`` found."""

    verified_at: datetime
    is_whole: bool


@dataclass(frozen=True)
class Condition:
    """The deployment as it was found."""

    at: datetime
    version: str
    """Of the code that looked."""
    database_answers: bool
    ephemeral_answers: bool
    schema: str | None
    """The database's newest migration."""
    schema_fits: bool | None
    """Whether this code can work on the database's tables."""
    instances: tuple[Instance, ...] | None
    door: Door | None
    """``None``: nothing is counted there, or nobody has told lately."""
    jobs: JobsCondition | None
    postgres: PostgresCondition | None
    """``None`` also on SQLite."""
    audit: AuditCondition | None
    """``None``: it is not known that anybody looked."""
    backup_at: datetime | None
    crl_ends: datetime | None
    """When the first of the revocation lists at hand ends."""
    crl_is_readable: bool | None
    """Whether there is one with an end; ``None``: the settings name no file of lists."""
    certificates: tuple[CertificateEnd, ...]


class Looker:
    """Looks at a deployment."""

    def __init__(
        self, settings: Settings, database: Database, ephemeral: EphemeralStore, clock: Clock
    ) -> None:
        self._settings = settings
        self._database = database
        self._notes = Notes(ephemeral)
        self._clock = clock

    def look(self) -> Condition:
        """Return the condition; no failure of a part is raised."""
        now = self._clock.now()
        jobs = _or_none(lambda: self._read(lambda connection: JobsCondition.of(connection, now)))
        seen = _or_none(lambda: instances(self._notes))
        crl_ends = earliest_crl_end(self._settings.crl_file)
        return Condition(
            at=now,
            version=code_version(),
            database_answers=jobs is not None or _or_none(self._answers) is not None,
            ephemeral_answers=seen is not None,
            schema=_or_none(lambda: revision_of(self._database)),
            schema_fits=_or_none(lambda: can_serve(self._database)),
            instances=seen,
            door=_or_none(lambda: door_of(self._notes, now)),
            jobs=jobs,
            postgres=_or_none(lambda: self._read(postgres_condition)),
            audit=_or_none(self._audit),
            backup_at=_or_none(lambda: moment_in(self._notes.read(Note.BACKUP), "at")),
            crl_ends=crl_ends,
            crl_is_readable=crl_ends is not None if self._settings.crl_file else None,
            certificates=certificate_ends(self._settings),
        )

    def _read(self, question: Callable[[Connection], _Part]) -> _Part:
        with self._database.reading() as connection:
            return question(connection)

    def _answers(self) -> bool:
        return self._read(lambda connection: bool(connection.exec_driver_sql("SELECT 1").scalar()))

    def _audit(self) -> AuditCondition | None:
        fields = self._notes.read(Note.AUDIT)
        verified_at = moment_in(fields, "at")
        if verified_at is None:
            return None
        return AuditCondition(verified_at, is_whole=fields.get("is_whole") == "yes")


def _or_none(part: Callable[[], _Part]) -> _Part | None:
    try:
        return part()
    except StoreUnavailable:
        return None
