"""The audit trail in the durable store: append-only, one chain a facility."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from sqlalchemy import (
    JSON,
    Column,
    Connection,
    ForeignKey,
    Index,
    Integer,
    RowMapping,
    String,
    Table,
    Uuid,
    select,
)
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from zaitaku.audit.model import FIRST_LINK, Act, Entry, digest_of
from zaitaku.core.append_only import guard
from zaitaku.core.database import Moment, metadata
from zaitaku.core.ids import FacilityId

STREAM_ROWS: Final = 500
INSERTED_AT_ONCE: Final = 500
NOTHING: Final[Mapping[str, str]] = MappingProxyType({})

audit_entry = Table(
    "audit_entry",
    metadata,
    Column("facility_id", Uuid, ForeignKey("facility.id"), primary_key=True),
    Column("sequence", Integer, primary_key=True),
    Column("at", Moment, nullable=False),
    Column("act", String(30), nullable=False),
    Column("actor", String(100), nullable=False),
    Column("subject", String(200), nullable=False),
    Column("detail", JSON, nullable=False),
    Column("previous", String(64), nullable=False),
    Column("digest", String(64), nullable=False),
    Index(None, "facility_id", "at"),
)
guard(audit_entry)

audit_head = Table(
    "audit_head",
    metadata,
    Column("facility_id", Uuid, ForeignKey("facility.id"), primary_key=True),
    Column("sequence", Integer, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("told", String(64), nullable=False, server_default=""),
)
"""The last entry of each chain; its row is the lock that puts entries in one order.

``told`` is the end that was written into the log last.
"""
_IS_UNTOLD: Final = audit_head.c.told != audit_head.c.digest
Index(
    "ix_audit_head_untold",
    audit_head.c.facility_id,
    postgresql_where=_IS_UNTOLD,
    sqlite_where=_IS_UNTOLD,
)


@dataclass(frozen=True)
class Head:
    """The end of a chain: how many entries it has, and the digest of the last."""

    sequence: int
    digest: str


@dataclass(frozen=True)
class Record:
    """One act of many that are recorded together (``append_many``)."""

    act: Act
    subject: str = ""
    detail: Mapping[str, str] = field(default_factory=lambda: NOTHING)


def append(
    connection: Connection,
    facility_id: FacilityId,
    act: Act,
    *,
    actor: str,
    at: datetime,
    subject: str = "",
    detail: Mapping[str, str] = NOTHING,
) -> None:
    """Record an act in the transaction that does it; nothing is done unrecorded.

    Call it last: from here on other acts of the facility wait for this transaction's end.
    """
    record = Record(act, subject, detail)
    append_many(connection, facility_id, [record], actor=actor, at=at)


def append_many(
    connection: Connection,
    facility_id: FacilityId,
    records: Sequence[Record],
    *,
    actor: str,
    at: datetime,
) -> None:
    """Record many acts of one person and one moment, in their order; else as ``append``."""
    head = _locked_head(connection, facility_id)
    for start in range(0, len(records), INSERTED_AT_ONCE):
        rows = list[dict[str, Any]]()
        for record in records[start : start + INSERTED_AT_ONCE]:
            row = _next_row(facility_id, head, record, actor, at)
            head = Head(row["sequence"], row["digest"])
            rows.append(row)
        connection.execute(audit_entry.insert(), rows)
    of_facility = audit_head.c.facility_id == facility_id
    connection.execute(
        audit_head.update().where(of_facility).values(sequence=head.sequence, digest=head.digest)
    )


def _next_row(
    facility_id: FacilityId, head: Head, record: Record, actor: str, at: datetime
) -> dict[str, Any]:
    said: dict[str, Any] = {
        "at": at,
        "act": record.act.value,
        "actor": actor,
        "subject": record.subject,
        "detail": dict(record.detail),
        "previous": head.digest,
    }
    sequence = head.sequence + 1
    digest = digest_of(facility_id, sequence, **said)
    return {**said, "facility_id": facility_id, "sequence": sequence, "digest": digest}


def _locked_head(connection: Connection, facility_id: FacilityId) -> Head:
    is_sqlite = connection.dialect.name == "sqlite"
    insert = sqlite_insert if is_sqlite else postgresql_insert
    first = {"facility_id": facility_id, "sequence": 0, "digest": FIRST_LINK}
    connection.execute(insert(audit_head).values(first).on_conflict_do_nothing())
    query = select(audit_head.c.sequence, audit_head.c.digest)
    locked = query.where(audit_head.c.facility_id == facility_id).with_for_update()
    return Head(*connection.execute(locked).one())


class AuditTrail:
    """One facility's chain."""

    def __init__(self, connection: Connection, facility_id: FacilityId) -> None:
        self._connection = connection
        self._facility_id = facility_id

    def head(self) -> Head:
        """Return the end of the chain; ``Head(0, FIRST_LINK)`` when nothing was ever recorded."""
        query = select(audit_head.c.sequence, audit_head.c.digest)
        found = self._connection.execute(
            query.where(audit_head.c.facility_id == self._facility_id)
        ).one_or_none()
        return Head(*found) if found else Head(0, FIRST_LINK)

    def digest_at(self, sequence: int) -> str | None:
        """Return the digest of one entry, or ``None`` where there is none."""
        same = audit_entry.c.sequence == sequence
        own = audit_entry.c.facility_id == self._facility_id
        return self._connection.scalar(select(audit_entry.c.digest).where(own, same))

    def entries(self, *, after: int = 0) -> Iterator[Entry]:
        """Yield the chain behind the entry ``after``, read as it is asked for."""
        query = (
            select(audit_entry)
            .where(audit_entry.c.facility_id == self._facility_id)
            .where(audit_entry.c.sequence > after)
            .order_by(audit_entry.c.sequence)
            .execution_options(yield_per=STREAM_ROWS)
        )
        with self._connection.execute(query) as result:
            for row in result.mappings():
                yield entry_from(row)


def take_grown_heads(connection: Connection, most: int) -> dict[FacilityId, Head]:
    """Return up to ``most`` ends that were not told yet, and note that they are told now.

    What it costs depends on how many grew, not on how many there are. An end that is just growing
    is left to the next time.
    """
    # In the order of the small index, or the database may look for them among all heads.
    untold = select(audit_head.c.facility_id, audit_head.c.sequence, audit_head.c.digest)
    untold = untold.where(_IS_UNTOLD).order_by(audit_head.c.facility_id).limit(most)
    rows = connection.execute(untold.with_for_update(skip_locked=True)).all()
    chosen = audit_head.c.facility_id.in_([row.facility_id for row in rows])
    connection.execute(audit_head.update().where(chosen).values(told=audit_head.c.digest))
    return {FacilityId(row.facility_id): Head(row.sequence, row.digest) for row in rows}


def entry_from(row: RowMapping) -> Entry:
    """Return the entry in a row of ``audit_entry``."""
    return Entry(
        facility_id=FacilityId(row["facility_id"]),
        sequence=row["sequence"],
        at=row["at"],
        act=Act(row["act"]),
        actor=row["actor"],
        subject=row["subject"],
        detail=MappingProxyType(row["detail"]),
        previous=row["previous"],
        digest=row["digest"],
    )
