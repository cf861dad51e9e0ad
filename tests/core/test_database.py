"""The durable store: all or nothing, on SQLite and PostgreSQL, and when it is away or locked."""

import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from threading import Event

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Column, Connection, Integer, MetaData, Table, create_engine, insert, select
from sqlalchemy.exc import IntegrityError, StatementError

from tests.core.stores import NOW
from tests.servers import RunningServer, postgres_server
from zaitaku.core.clock import JST
from zaitaku.core.database import Database, Moment, metadata
from zaitaku.core.errors import Conflict, StoreUnavailable

BRIEFLY = 0.2
OWN = MetaData()
THINGS = Table("thing", OWN, Column("number", Integer, primary_key=True), Column("at", Moment))


class CallersMistake(Exception):
    """Raised by the code inside a block."""


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest) -> Iterator[Database]:
    """Each engine in turn, with one empty table, patient for a moment only."""
    name = "sqlite_url" if request.param == "sqlite" else "empty_postgres"
    opened = Database(request.getfixturevalue(name), busy_seconds=BRIEFLY)
    OWN.create_all(opened.engine)
    yield opened
    opened.close()


def add(connection: Connection, number: int) -> None:
    connection.execute(insert(THINGS).values(number=number))


def numbers(store: Database) -> list[int]:
    with store.reading() as connection:
        return list(connection.execute(select(THINGS.c.number).order_by("number")).scalars())


def test_what_was_done_is_kept(store: Database) -> None:
    with store.transaction() as connection:
        add(connection, 1)
        add(connection, 2)
    assert numbers(store) == [1, 2]


@pytest.mark.parametrize("error", [CallersMistake("words"), Conflict("words"), SystemExit(3)])
def test_the_callers_errors_pass_unchanged_and_nothing_is_kept(
    store: Database, error: BaseException
) -> None:
    with pytest.raises(type(error)) as caught, store.transaction() as connection:
        add(connection, 1)
        raise error
    assert caught.value is error
    assert numbers(store) == []
    with store.transaction() as connection:
        add(connection, 1)
    assert numbers(store) == [1]


@pytest.mark.parametrize("ended", [KeyboardInterrupt, SystemExit])
def test_who_ends_the_program_in_the_middle_meets_nothing_else(
    store: Database, ended: type[BaseException]
) -> None:
    """Also where Ctrl-C came in a statement, whose connection SQLAlchemy then closes."""
    with pytest.raises(ended), store.transaction() as connection:
        connection.execute(insert(THINGS).values(number=1))
        connection.invalidate()
        raise ended
    with store.reading() as connection:
        assert connection.execute(select(THINGS)).all() == []


def test_a_broken_rule_of_the_tables_is_told_as_such(store: Database) -> None:
    with pytest.raises(IntegrityError), store.transaction() as connection:
        add(connection, 1)
        add(connection, 1)
    assert numbers(store) == []


def test_a_generator_that_is_left_keeps_nothing(store: Database) -> None:
    def half_way() -> Iterator[None]:
        with store.transaction() as connection:
            add(connection, 1)
            yield

    steps = half_way()
    next(steps)
    steps.close()  # type: ignore[attr-defined]
    assert numbers(store) == []


def test_a_reader_does_not_see_what_is_not_kept_yet(store: Database) -> None:
    with store.transaction() as connection:
        add(connection, 1)
        assert numbers(store) == []
    assert numbers(store) == [1]


def test_two_writers_of_one_row_lose_nothing(store: Database) -> None:
    patient = Database(store.url.render_as_string(hide_password=False))
    with patient.transaction() as connection:
        add(connection, 0)

    def step(_: int) -> None:
        with patient.transaction() as connection:
            number = connection.execute(select(THINGS.c.number).with_for_update()).scalar_one()
            connection.execute(THINGS.update().values(number=number + 1))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(step, range(40)))
    assert numbers(patient) == [40]
    patient.close()


class TestLocked:
    def test_sqlite_waits_only_so_long(self, sqlite_url: str) -> None:
        store = Database(sqlite_url, busy_seconds=BRIEFLY)
        OWN.create_all(store.engine)
        with closing(sqlite3.connect(sqlite_url[10:], isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            other.execute("INSERT INTO thing (number) VALUES (7)")
            began = time.monotonic()
            with pytest.raises(StoreUnavailable), store.transaction() as connection:
                add(connection, 1)
            assert BRIEFLY * 0.9 < time.monotonic() - began < 4
            assert numbers(store) == []
            other.execute("COMMIT")
        assert numbers(store) == [7]
        store.close()

    def test_postgres_waits_only_so_long_for_a_row(self, empty_postgres: str) -> None:
        store = Database(empty_postgres, busy_seconds=BRIEFLY)
        OWN.create_all(store.engine)
        with store.transaction() as connection:
            add(connection, 1)
        with store.transaction() as holder:
            holder.execute(select(THINGS).with_for_update())
            with pytest.raises(StoreUnavailable), store.transaction() as connection:
                add(connection, 2)
                connection.execute(select(THINGS).with_for_update())
        assert numbers(store) == [1]
        store.close()

    def test_all_connections_in_use(self, store: Database) -> None:
        enough = Event()

        def hold(_: int) -> None:
            with store.reading():
                enough.wait(30)

        with ThreadPoolExecutor(15) as pool:
            held = [pool.submit(hold, number) for number in range(15)]
            while store.engine.pool.checkedout() < 15:  # type: ignore[attr-defined]
                time.sleep(0.01)
            with pytest.raises(StoreUnavailable), store.reading():
                pytest.fail("there was a sixteenth connection")
            enough.set()
            for each in held:
                each.result()
        assert numbers(store) == []


def _kill_with_backend(server: RunningServer, connection: Connection) -> None:
    backend = psutil.Process(connection.exec_driver_sql("SELECT pg_backend_pid()").scalar())
    server.kill()
    backend.wait(60)  # it may outlive its parent for a moment, and commit or roll back


class TestAway:
    def test_sqlite_in_no_folder(self, tmp_path: Path) -> None:
        store = Database(f"sqlite:///{tmp_path / 'none' / 'store.db'}")
        with pytest.raises(StoreUnavailable), store.transaction():
            pytest.fail("there is no such folder")

    def test_sqlite_full(self, sqlite_url: str) -> None:
        store = Database(sqlite_url)
        OWN.create_all(store.engine)
        with pytest.raises(StoreUnavailable), store.transaction() as connection:
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
            connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")
            connection.execute(insert(THINGS), [{"number": n} for n in range(5000)])
        assert numbers(store) == []
        with pytest.raises(CallersMistake), store.transaction() as connection:
            connection.exec_driver_sql("PRAGMA max_page_count=1073741823")
            raise CallersMistake
        store.close()

    def test_nobody_listens(self) -> None:
        store = Database("postgresql+psycopg://user:secret-word@127.0.0.1:1/none", busy_seconds=2)
        with pytest.raises(StoreUnavailable) as caught, store.reading():
            pytest.fail("there is no such server")
        assert caught.value.detail == "OperationalError"

    def test_killed_in_the_middle(self) -> None:
        with postgres_server() as server:
            store = Database(server.url, busy_seconds=2)
            OWN.create_all(store.engine)
            with pytest.raises(StoreUnavailable), store.transaction() as connection:
                add(connection, 1)
                _kill_with_backend(server, connection)
                add(connection, 2)
            with pytest.raises(StoreUnavailable), store.reading():
                pytest.fail("the server is dead")
            store.close()

    def test_a_store_that_dies_with_the_caller_is_the_one_blamed(self) -> None:
        with postgres_server() as server:
            store = Database(server.url, busy_seconds=2)
            OWN.create_all(store.engine)
            with pytest.raises(StoreUnavailable), store.transaction() as used:
                add(used, 1)
                _kill_with_backend(server, used)
                raise CallersMistake
            store.close()

    def test_a_standby_takes_no_writes(self, empty_postgres: str) -> None:
        store = Database(empty_postgres)
        OWN.create_all(store.engine)
        with pytest.raises(StoreUnavailable), store.transaction() as connection:
            connection.exec_driver_sql("SET TRANSACTION READ ONLY")
            add(connection, 1)
        assert numbers(store) == []
        store.close()


def open_and_add(url: str, number: int) -> bool:
    """Open a file that may not exist yet and write to it (in a process of its own)."""
    store = Database(url)
    with store.transaction() as connection:
        connection.exec_driver_sql("CREATE TABLE IF NOT EXISTS thing (number INTEGER)")
        connection.exec_driver_sql(f"INSERT INTO thing VALUES ({number})")
    store.close()
    return True


def test_many_processes_open_a_new_file_at_once(
    tmp_path: Path, processes: ProcessPoolExecutor
) -> None:
    for attempt in range(10):
        url = f"sqlite:///{tmp_path / f'{attempt}.db'}"
        assert all(processes.map(open_and_add, [url] * 4, range(4)))
        store = Database(url)
        assert numbers(store) == [0, 1, 2, 3]
        store.close()


def test_sqlite_is_durable_and_keeps_foreign_keys(sqlite_url: str) -> None:
    store = Database(sqlite_url)
    with store.reading() as connection:
        told = [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        ]
    assert told == ["wal", 2, 1]
    store.close()


class TestMoment:
    @pytest.mark.parametrize("zone", [UTC, JST, timezone(timedelta(hours=-9, minutes=-30))])
    def test_comes_back_as_the_same_moment_in_utc(self, store: Database, zone: timezone) -> None:
        moment = NOW.replace(microsecond=123456).astimezone(zone)
        with store.transaction() as connection:
            connection.execute(insert(THINGS).values(number=1, at=moment))
        with store.reading() as connection:
            kept = connection.execute(select(THINGS.c.at)).scalar_one()
        assert kept == moment
        assert kept.utcoffset() == timedelta(0)

    def test_none_stays_none(self, store: Database) -> None:
        with store.transaction() as connection:
            add(connection, 1)
            assert connection.execute(select(THINGS.c.at)).scalar_one() is None

    def test_a_naive_moment_is_refused(self, store: Database) -> None:
        naive = datetime(2026, 11, 20, 10)  # noqa: DTZ001
        with pytest.raises(StatementError, match="aware"), store.transaction() as connection:
            connection.execute(insert(THINGS).values(number=1, at=naive))
        assert numbers(store) == []

    @given(st.lists(st.datetimes(timezones=st.timezones()), min_size=2))
    def test_order_in_sqlite_is_order_in_time(self, moments: list[datetime]) -> None:
        engine = create_engine("sqlite://")
        with engine.begin() as connection:
            OWN.create_all(connection)
            connection.execute(insert(THINGS), [{"at": moment} for moment in moments])
            kept = list(connection.execute(select(THINGS.c.at).order_by(THINGS.c.at)).scalars())
        assert kept == sorted(moment.astimezone(UTC) for moment in moments)
        engine.dispose()


def test_constraints_get_names_that_migrations_can_use() -> None:
    assert set(metadata.naming_convention) >= {"ix", "uq", "ck", "fk", "pk"}
