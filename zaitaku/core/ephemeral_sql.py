"""The short-lived store in a table of its own, beside or apart from the durable database.

A SQLite file serves the processes of one machine, PostgreSQL several machines. Every call is one
statement in autocommit: no lock outlives it, and the database alone decides who was first.

Time is the injected clock's. An entry that has died is absent at once; its row is removed about a
minute later by whoever happens to write.
"""

import hashlib
import json
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import closing, contextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from sqlite3 import Connection as SqliteConnection
from typing import Any, Final

from sqlalchemy import URL, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from zaitaku.core.clock import Clock
from zaitaku.core.database import BUSY_SECONDS
from zaitaku.core.ephemeral import COUNT_FIELD, Fields
from zaitaku.core.ephemeral_statements import (
    CREATE,
    CREATE_TABLE,
    DELETE,
    POSTGRESQL,
    READ,
    SQLITE,
    TAKE,
    for_psycopg,
)
from zaitaku.core.errors import EphemeralStoreUnavailable, StoreUnavailable
from zaitaku.core.postgres import bound_answers, connection_arguments, standby_left
from zaitaku.core.sqlite import keep_private, set_up_sqlite
from zaitaku.core.sqlite_queue import WriterQueue

PURGE_EVERY: Final = timedelta(minutes=1)
PURGE_BATCH: Final = 1000
"""So many rows at most are removed at a time: nobody waits long behind a cleaner."""

POOL_SIZE: Final = 16
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_TABLE_LOCK: Final = 0x7A616974616B75
"""Any number that nothing else in the database locks by: "zaitaku" in ASCII."""

_UNSTORABLE: Final = re.compile("[%\0\ud800-\udfff]")
_ESCAPED: Final = re.compile("%([0-9a-f]{4})")


class SqlEphemeralStore:
    """An ``EphemeralStore`` behind an SQLAlchemy URL (SQLite in a file, or PostgreSQL).

    The table is made when the store is opened.

    Raises:
        StoreUnavailable: the database is away, locked or full.
    """

    def __init__(self, url: str, clock: Clock, *, busy_seconds: float = BUSY_SECONDS) -> None:
        address = make_url(url)
        self._clock = clock
        self._is_sqlite = address.get_backend_name() == "sqlite"
        self._statements = SQLITE if self._is_sqlite else POSTGRESQL
        self._purge_due = clock.now() + PURGE_EVERY
        self._engine = _engine(address, busy_seconds)
        self._queue = WriterQueue(address.database or "", busy_seconds)
        self._away = (self._engine.dialect.loaded_dbapi.Error, DBAPIError, PoolTimeoutError)
        try:
            self._make_table()
        except BaseException:
            self._engine.dispose()
            raise
        # Until the first call nothing is open, so a server may fork meanwhile: no connection of
        # SQLite may be carried into a child (sqlite.org/howtocorrupt.html, §2.6).
        self._engine.dispose()

    def create(self, key: str, fields: Fields, ttl: timedelta) -> bool:
        """Store ``fields`` under ``key`` unless a living entry has it; tell whether it was."""
        stored = self._fields(CREATE, key, fields=_packed(fields), dies=self._after(ttl))
        self._purge_when_due()
        return stored is not None

    def read(self, key: str) -> Fields | None:
        """Return the living entry's fields, or ``None``."""
        return self._fields(READ, key)

    def merge(self, key: str, fields: Fields, ttl: timedelta) -> Fields | None:
        """Set ``fields`` in a living entry and renew its time to live; return all its fields."""
        dies = self._after(ttl)
        return self._fields(self._statements.merge, key, fields=_packed(fields), dies=dies)

    def take(self, key: str) -> Fields | None:
        """Remove the living entry and return its fields: of many takers exactly one gets it."""
        return self._fields(TAKE, key)

    def discard(self, key: str, names: Collection[str]) -> None:
        """Remove the fields ``names`` from a living entry; it lives on, as long as before."""
        gone = json.dumps({_escaped(name): None for name in names})
        self._fields(self._statements.discard, key, fields=gone)

    def delete(self, key: str) -> None:
        """Remove the entry if there is one."""
        self._run(DELETE, {"key": _digest(key)})

    def count(self, key: str, ttl: timedelta, step: int = 1) -> int:
        """Add ``step`` to a counter and return it; the time to live runs from the first count."""
        first, dies = _packed({COUNT_FIELD: str(step)}), self._after(ttl)
        counter = self._fields(self._statements.count, key, fields=first, dies=dies, step=step)
        self._purge_when_due()
        return int((counter or {})[COUNT_FIELD])

    def count_all(self, keys: Mapping[str, timedelta]) -> list[int]:
        """Add one to each counter and return them; here a statement each."""
        return [self.count(key, ttl) for key, ttl in keys.items()]

    def purge(self) -> int:
        """Remove rows whose time is over, a bounded number; return how many."""
        now = self._after(timedelta())
        return len(self._run(self._statements.purge, {"now": now, "batch": PURGE_BATCH}))

    def close(self) -> None:
        """Close all pooled connections."""
        self._engine.dispose()

    def _make_table(self) -> None:
        with self._reported(), self._engine.connect() as connection:
            if self._is_sqlite:
                for statement in CREATE_TABLE:
                    connection.exec_driver_sql(statement)
                return
            # IF NOT EXISTS alone does not keep two openers from colliding in the catalogue.
            connection.execution_options(isolation_level="READ COMMITTED")
            with connection.begin():
                connection.execute(
                    text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _TABLE_LOCK}
                )
                for statement in CREATE_TABLE:
                    connection.exec_driver_sql(statement)

    def _after(self, ttl: timedelta) -> int:
        return (self._clock.now() + ttl - _EPOCH) // _MICROSECOND

    def _fields(self, statement: str, key: str, **values: str | int) -> Fields | None:
        now = self._after(timedelta())
        found = self._run(statement, {"key": _digest(key), "now": now, **values})
        return _unpacked(found[0]) if found else None

    def _run(self, statement: str, values: dict[str, str | int]) -> list[str]:
        # By the driver's own cursor: SQLAlchemy's results would cost four times the statement, on
        # every page.
        spelt = statement if self._is_sqlite else for_psycopg(statement)
        stands_in_line = self._is_sqlite and statement is not READ
        with (
            self._reported(),
            self._engine.connect() as connection,
            standby_left(connection),
            self._queue.turn() if stands_in_line else nullcontext(),
            closing(connection.connection.cursor()) as cursor,
        ):
            cursor.execute(spelt, values)
            return [row[0] for row in cursor.fetchall()] if cursor.description else []

    @contextmanager
    def _reported(self) -> Iterator[None]:
        try:
            yield
        except self._away as error:
            raise EphemeralStoreUnavailable(type(error).__name__) from error

    def _purge_when_due(self) -> None:
        # A clock that was set back must not make the pause longer.
        if timedelta() < self._purge_due - self._clock.now() <= PURGE_EVERY:
            return
        try:
            if self.purge() < PURGE_BATCH:
                self._purge_due = self._clock.now() + PURGE_EVERY
        except StoreUnavailable:
            # The caller's own work is done; the next writer cleans up.
            return


def _engine(address: URL, busy_seconds: float) -> Engine:
    options: dict[str, Any] = {"isolation_level": "AUTOCOMMIT", "pool_size": POOL_SIZE}
    if address.get_backend_name() != "sqlite":
        limits = connection_arguments(busy_seconds)
        # Losing the last half second in a crash is allowed here, so no commit waits for the disk.
        limits["options"] += " -c synchronous_commit=off"
        engine = create_engine(
            address,
            **options,
            pool_pre_ping=True,
            pool_timeout=busy_seconds,
            connect_args=limits,
        )
        bound_answers(engine, busy_seconds)
        return engine

    def set_up(connection: SqliteConnection, _record: object) -> None:
        # NORMAL waits for the disk only at checkpoints. OFF would be hardly faster, and a power
        # cut could leave a file that no process can open (sqlite.org/pragma.html, synchronous).
        set_up_sqlite(connection, synchronous="NORMAL", busy_seconds=busy_seconds)

    engine = create_engine(
        address, **options, pool_timeout=busy_seconds, connect_args={"timeout": busy_seconds}
    )
    keep_private(engine)
    event.listen(engine, "connect", set_up)
    return engine


def _digest(key: str) -> str:
    # Any text becomes a short key, and who reads the file learns no session's name from it.
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def _packed(fields: Fields) -> str:
    # PostgreSQL's jsonb holds neither U+0000 nor lone surrogates (PostgreSQL 15, §8.14).
    return json.dumps({_escaped(name): _escaped(value) for name, value in fields.items()})


def _unpacked(packed: str) -> dict[str, str]:
    return {_unescaped(name): _unescaped(value) for name, value in json.loads(packed).items()}


def _escaped(value: str) -> str:
    return _UNSTORABLE.sub(lambda found: f"%{ord(found[0]):04x}", value)


def _unescaped(value: str) -> str:
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), value)
