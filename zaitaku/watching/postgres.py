"""What PostgreSQL tells of its standbys and of its archive (PostgreSQL 15, §28.2.4, §28.2.11)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Self

from sqlalchemy import Connection, text

_STANDBYS: Final = text(
    """
    SELECT application_name, state, sync_state,
           pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn)::bigint AS lag_bytes,
           extract(epoch FROM replay_lag)::float AS lag_seconds
    FROM pg_stat_replication ORDER BY application_name, pid
    """
)
_ARCHIVE: Final = text("SELECT last_archived_time, last_failed_time FROM pg_stat_archiver")
_IN_RECOVERY: Final = text("SELECT pg_is_in_recovery()")
_PROMISE: Final = text("SELECT current_setting('synchronous_standby_names')")
_SYNCHRONOUS: Final = frozenset({"sync", "quorum"})


@dataclass(frozen=True)
class Standby:
    """One server that follows.

    A role without ``pg_monitor`` learns its name and nothing more.
    """

    name: str
    state: str | None
    is_synchronous: bool | None
    """Whether commits may wait for it; ``None``: the role may not know."""
    lag_bytes: int | None
    lag: timedelta | None
    """``None`` also when there was nothing to follow lately."""

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Self:
        """Read a row of the question above."""
        seconds, kind = row["lag_seconds"], row["sync_state"]
        return cls(
            name=row["application_name"] or "",
            state=row["state"],
            is_synchronous=None if kind is None else kind in _SYNCHRONOUS,
            lag_bytes=row["lag_bytes"],
            lag=None if seconds is None else timedelta(seconds=seconds),
        )


@dataclass(frozen=True)
class PostgresCondition:
    """The primary's view."""

    is_primary: bool
    is_synchronous: bool
    """Whether commits wait for a standby."""
    standbys: tuple[Standby, ...]
    archived_at: datetime | None
    """When the last piece of the write-ahead log was archived."""
    archive_fails: bool
    """Whether the last attempt to archive failed."""

    @property
    def synchronous_standbys(self) -> int | None:
        """How many there are for which commits may wait; ``None``: the role may not know."""
        kinds = [each.is_synchronous for each in self.standbys]
        return None if None in kinds else kinds.count(True)

    @property
    def worst_lag_bytes(self) -> int | None:
        """How far the last of those is behind for which it is known."""
        known = [each.lag_bytes for each in self.standbys if each.lag_bytes is not None]
        return max(known, default=None)


def postgres_condition(connection: Connection) -> PostgresCondition | None:
    """Return what PostgreSQL tells; ``None`` on SQLite."""
    if connection.dialect.name != "postgresql":
        return None
    is_primary = not connection.execute(_IN_RECOVERY).scalar_one()
    rows = connection.execute(_STANDBYS).mappings().all() if is_primary else []
    archived_at, failed_at = connection.execute(_ARCHIVE).one()
    return PostgresCondition(
        is_primary=is_primary,
        is_synchronous=bool(connection.execute(_PROMISE).scalar_one()),
        standbys=tuple(Standby.of(dict(row)) for row in rows),
        archived_at=archived_at,
        archive_fails=archive_fails(archived_at, failed_at),
    )


def archive_fails(archived_at: datetime | None, failed_at: datetime | None) -> bool:
    """Tell whether the last attempt failed, of which the last good and the last bad are known."""
    return failed_at is not None and (archived_at is None or failed_at > archived_at)
