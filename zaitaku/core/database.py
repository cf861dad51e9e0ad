"""The durable store: SQLite for one machine, PostgreSQL for many.

Only three ways in: ``transaction`` (may write; all or nothing), ``reading``, and ``ask`` for the
single questions of every page. Connections are handed to the subjects' stores; nothing is global.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from sqlite3 import Connection as SqliteConnection
from sqlite3 import DatabaseError as SqliteDatabaseError
from sqlite3 import OperationalError as SqliteOperationalError
from sqlite3 import ProgrammingError as SqliteProgrammingError
from typing import Any, Final, TypeVar, cast

import psycopg
from sqlalchemy import (
    Connection,
    DateTime,
    Dialect,
    MetaData,
    TypeDecorator,
    create_engine,
    event,
    make_url,
)
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from zaitaku.core.asking import Question, Row, ping_by_looking, stand_alone
from zaitaku.core.errors import OutcomeUnknown, StoreUnavailable
from zaitaku.core.postgres import (
    STANDBY,
    BoundedConnection,
    CommittedAlone,
    bound_answers,
    connection_arguments,
    leave_standbys,
)
from zaitaku.core.replication import ONE_MORE_WORD, insist_on_standbys, see_replicated
from zaitaku.core.sealing import Seal
from zaitaku.core.sqlite import keep_private, set_up_sqlite
from zaitaku.core.sqlite_queue import WriterQueue
from zaitaku.core.together import Work, rule_broken
from zaitaku.core.watch import NO_WATCH, Watch

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_N_label)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)
"""Every subject's tables are declared on this; migrations compare it with the database."""

BUSY_SECONDS = 5.0
"""How long a writer waits for another's lock, or anyone for a connection, before it gives up."""

_AWAY: Final = (
    *(OperationalError, InterfaceError, PoolTimeoutError),
    *(psycopg.OperationalError, psycopg.InterfaceError),
)
_UNAVAILABLE_STATES: Final = frozenset(
    {
        STANDBY,
        "25P03",  # was idle in a transaction for too long
        "42501",  # this role may not read it
        "42P01",  # the table is not there: not migrated
        "XX001",  # a damaged table
        "XX002",  # a damaged index
    }
)
"""Answers of a PostgreSQL that cannot work as it is (PostgreSQL 15, appendix A).

What is ``_AWAY`` by its kind comes on top of them.
"""


_T = TypeVar("_T")
Begin = Callable[[SqliteConnection], None]
"""How a transaction begins on SQLite's own connection."""


class Moment(TypeDecorator[datetime]):
    """An aware moment, kept in UTC on either database (SQLite has no time zones of its own)."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Turn an aware moment into UTC; a naive one is a programming error."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment must be aware of its time zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give the moment back in UTC."""
        if value is None or value.tzinfo is not None:
            return value
        return value.replace(tzinfo=UTC)


class Database:
    """A durable store behind one address (SQLAlchemy URL)."""

    def __init__(
        self,
        url: str,
        *,
        busy_seconds: float = BUSY_SECONDS,
        seal: Seal | None = None,
        watch: Watch = NO_WATCH,
        standbys: int = 0,
    ) -> None:
        self.url = make_url(url)
        self.seal = seal or Seal()
        self._watch = watch
        self._busy_seconds = busy_seconds
        self._standbys = standbys
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self.engine = create_engine(self.url, **self._pool_options())
        self._begin_writing: Begin = WriterQueue(self.url.database or "", busy_seconds).begin
        if self.is_sqlite:
            keep_private(self.engine)
            event.listen(self.engine, "connect", self._set_up_sqlite)
        else:
            bound_answers(self.engine, busy_seconds)
            leave_standbys(self.engine)
            ping_by_looking(self.engine)
            stand_alone(self.engine)
            if standbys:
                insist_on_standbys(self.engine, standbys)

    def _pool_options(self) -> dict[str, Any]:
        if self.is_sqlite:
            # isolation_level=None is the driver's autocommit in every Python from 3.11 on.
            driver = {"timeout": self._busy_seconds, "isolation_level": None}
            return {"pool_timeout": self._busy_seconds, "connect_args": driver}
        return {
            "pool_timeout": self._busy_seconds,
            "pool_pre_ping": True,
            # The connection used last is the one whose statements are known and still in caches.
            "pool_use_lifo": True,
            "pool_reset_on_return": None,  # ``stand_alone`` does it
            "connect_args": {**connection_arguments(self._busy_seconds), "autocommit": True},
        }

    def _set_up_sqlite(self, connection: SqliteConnection, _record: object) -> None:
        set_up_sqlite(connection, synchronous="FULL", busy_seconds=self._busy_seconds)

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Give a connection whose work is committed at the end, or rolled back on any exception.

        On SQLite the write lock is taken at the start, so that what was read cannot change before
        what is written; on PostgreSQL the stores lock the rows that decide.

        Raises:
            StoreUnavailable: the database is away, locked, full, damaged or a standby. Nothing was
                written, unless the connection broke during the commit itself, or the standbys that
                it has to wait for were taken from it: then nobody knows, and who tries again must
                look whether it is there, and confirm it.
        """
        with (
            self._watch.asked("database", "write"),
            _REPORTED,
            self.engine.connect() as connection,
        ):
            with self._begun(connection, self._begin_writing):
                yield connection
            if self._standbys and not self.is_sqlite:
                see_replicated(connection, self._standbys)

    def confirm(self) -> None:
        """Wait until all that can be read now stands wherever a commit has to stand.

        A commit that waits for a standby becomes visible when the server crashes meanwhile: what
        is found must not be acknowledged before the standbys have it as well. They get what is
        written in its order, so one more word tells of all before it (PostgreSQL 15, §27.2.8).

        Raises:
            StoreUnavailable: they do not have it yet.
        """
        if not self.is_sqlite:
            with self.transaction() as connection:
                connection.exec_driver_sql(ONE_MORE_WORD)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Give a connection that only reads, from one consistent state on SQLite.

        Raises:
            StoreUnavailable: the database is away, locked or damaged.
        """
        with (
            self._watch.asked("database", "read"),
            _REPORTED,
            self.engine.connect() as connection,
            self._begun(connection, _begin_reading),
        ):
            yield connection

    def ask(self, question: Question, **values: object) -> Sequence[Row]:
        """Return the rows of a single question, as its one statement finds them.

        Raises:
            StoreUnavailable: the database is away, locked or damaged.
        """
        with self._watch.asked("database", "read"), _REPORTED:
            if self.is_sqlite:
                with self.engine.connect() as connection:
                    return connection.execute(question.statement, values).mappings().all()
            return self._lend(partial(question.ask, values=values))

    def do(self, work: Work) -> None:
        """Do what is whole in a single statement; on PostgreSQL one round trip.

        Raises:
            IntegrityError: it would break a rule of the tables.
            StoreUnavailable: as with ``transaction``.
        """
        with self._watch.asked("database", "write"):
            if self.is_sqlite:
                with (
                    _REPORTED,
                    self.engine.connect() as connection,
                    self._begun(connection, self._begin_writing),
                ):
                    work.run(connection)
                return
            with _REPORTED:
                self._lend(partial(_send, work))

    def _lend(self, act: Callable[[BoundedConnection], _T]) -> _T:
        lent = self.engine.raw_connection()
        driver = cast("BoundedConnection", lent.driver_connection)
        try:
            return act(driver)
        except psycopg.Error as error:
            if driver.closed or error.sqlstate == STANDBY:
                lent.invalidate(error)
            raise
        finally:
            lent.close()

    @contextmanager
    def _begun(self, connection: Connection, sqlite_begin: Begin) -> Iterator[None]:
        with connection.begin():
            if self.is_sqlite:
                with _sqlite_transaction(connection, sqlite_begin):
                    yield
            else:
                yield

    def close(self) -> None:
        """Close all pooled connections."""
        self.engine.dispose()


def _send(work: Work, driver: BoundedConnection) -> None:
    try:
        driver.send(*work.spoken())
    except psycopg.IntegrityError as error:
        raise rule_broken(error) from error


class _Reported:
    """Tells that the store is away, whoever of those between us and it has said so."""

    def __enter__(self) -> None:
        """Do nothing yet."""

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        """Tell of ``error``."""
        if error is not None and _is_away(error):
            is_unknown = isinstance(getattr(error, "orig", error), CommittedAlone)
            kind = OutcomeUnknown if is_unknown else StoreUnavailable
            raise kind(type(error).__name__) from error


_REPORTED: Final = _Reported()


def _is_away(error: BaseException) -> bool:
    if isinstance(error, _AWAY):
        return True
    if not isinstance(error, DBAPIError):
        return isinstance(error, psycopg.Error) and error.sqlstate in _UNAVAILABLE_STATES
    if error.connection_invalidated or _is_file_trouble(error.orig):
        return True
    return getattr(error.orig, "sqlstate", None) in _UNAVAILABLE_STATES


def _is_file_trouble(error: BaseException | None) -> bool:
    # The bare class stands for a file that is damaged or no database (sqlite.org/rescode.html,
    # 11 and 26); its subclasses but one are about the statement.
    return type(error) in {SqliteDatabaseError, SqliteOperationalError}


def _begin_reading(driver: SqliteConnection) -> None:
    driver.execute("BEGIN")


def _roll_back(driver: SqliteConnection) -> None:
    # A full disk has already rolled it back; where somebody has ended the program (Ctrl-C), the
    # connection may be closed, which rolls it back as well (sqlite.org/lang_transaction.html).
    with suppress(SqliteProgrammingError):
        if driver.in_transaction:
            driver.execute("ROLLBACK")


@contextmanager
def _sqlite_transaction(connection: Connection, begin: Begin) -> Iterator[None]:
    # The driver runs in autocommit: SQLAlchemy's own begin and commit are empty, these are real.
    # They go to the driver itself, which saves a third of what a short reading costs.
    driver: Any = connection.connection.driver_connection
    try:
        begin(driver)
        try:
            yield
        except BaseException:
            _roll_back(driver)
            raise
        driver.execute("COMMIT")
    except SqliteDatabaseError as error:
        if not _is_file_trouble(error):
            raise
        raise StoreUnavailable(type(error).__name__) from error
