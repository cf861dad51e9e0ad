"""The SQL adapter: its table, its cleaning, its troubles."""

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import make_url

from tests.core.stores import HOUR, NOW, create_each
from tests.servers import postgres_server
from zaitaku.core import ephemeral_sql
from zaitaku.core.clock import FixedClock
from zaitaku.core.ephemeral_sql import PURGE_EVERY, SqlEphemeralStore
from zaitaku.core.errors import EphemeralStoreUnavailable, StoreUnavailable

BRIEFLY = 0.05


@pytest.fixture
def held_clock() -> FixedClock:
    return FixedClock(NOW)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


@pytest.fixture
def store(path: Path, held_clock: FixedClock) -> Iterator[SqlEphemeralStore]:
    opened = SqlEphemeralStore(f"sqlite:///{path}", held_clock, busy_seconds=BRIEFLY)
    yield opened
    opened.close()


def rows(path: Path) -> list[tuple[str, str, int]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT key, fields, expires_at FROM ephemeral").fetchall()


class TestFile:
    def test_is_in_write_ahead_mode(self, store: SqlEphemeralStore, path: Path) -> None:
        with closing(sqlite3.connect(path)) as connection:
            assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)

    def test_survives_a_restart(
        self, store: SqlEphemeralStore, path: Path, held_clock: FixedClock
    ) -> None:
        store.create("k", {"a": "1"}, HOUR)
        store.close()
        again = SqlEphemeralStore(f"sqlite:///{path}", held_clock)
        assert again.read("k") == {"a": "1"}
        again.close()

    def test_names_no_key(self, store: SqlEphemeralStore, path: Path) -> None:
        store.create("journey:secret-name", {"a": "1"}, HOUR)
        assert all(b"secret-name" not in file.read_bytes() for file in path.parent.iterdir())

    def test_many_processes_open_a_new_one_at_once(
        self, tmp_path: Path, processes: ProcessPoolExecutor
    ) -> None:
        for number in range(10):
            url = f"sqlite:///{tmp_path / f'{number}.db'}"
            created = processes.map(create_each, [url] * 4, [["k"]] * 4)
            assert sorted(created) == [[], [], [], ["k"]]


def test_many_processes_open_a_new_postgres_table_at_once(
    empty_postgres: str, processes: ProcessPoolExecutor
) -> None:
    created = processes.map(create_each, [empty_postgres] * 4, [["k"]] * 4)
    assert sorted(created) == [[], [], [], ["k"]]


class TestTime:
    def test_to_the_microsecond(self, store: SqlEphemeralStore, held_clock: FixedClock) -> None:
        store.create("k", {"a": "1"}, timedelta(seconds=1))
        held_clock.advance(timedelta(microseconds=999_999))
        assert store.read("k") == {"a": "1"}
        held_clock.advance(timedelta(microseconds=1))
        assert store.read("k") is None


class TestCleaning:
    def test_a_writer_removes_the_dead_after_a_while(
        self, store: SqlEphemeralStore, path: Path, held_clock: FixedClock
    ) -> None:
        store.create("dies", {"a": "1"}, timedelta(seconds=1))
        store.create("lives", {"a": "2"}, HOUR)
        held_clock.advance(PURGE_EVERY - timedelta(seconds=1))
        store.count("c", HOUR)
        assert len(rows(path)) == 3
        held_clock.advance(timedelta(seconds=1))
        store.count("c", HOUR)
        assert len(rows(path)) == 2
        assert store.read("lives") == {"a": "2"}

    def test_in_batches_until_nothing_dead_is_left(
        self,
        store: SqlEphemeralStore,
        path: Path,
        held_clock: FixedClock,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(ephemeral_sql, "PURGE_BATCH", 10)
        for number in range(25):
            store.create(f"k{number}", {}, timedelta(seconds=1))
        held_clock.advance(PURGE_EVERY)
        left = []
        for _ in range(4):
            store.count("c", HOUR)
            left.append(len(rows(path)) - 1)
        assert left == [15, 5, 0, 0]

    def test_happens_on_postgres_too(self, empty_postgres: str, held_clock: FixedClock) -> None:
        store = SqlEphemeralStore(empty_postgres, held_clock)
        store.create("dies", {}, timedelta(seconds=1))
        store.create("lives", {}, HOUR)
        held_clock.advance(timedelta(seconds=1))
        assert [store.purge(), store.purge()] == [1, 0]
        assert store.read("lives") == {}
        store.close()

    def test_goes_on_after_the_clock_was_set_back(
        self, path: Path, store: SqlEphemeralStore, held_clock: FixedClock
    ) -> None:
        held_clock.advance(timedelta(days=30))
        store.count("ahead", HOUR)
        held_clock.advance(timedelta(days=-30))
        store.create("dies", {}, timedelta(seconds=1))
        held_clock.advance(PURGE_EVERY)
        store.count("c", HOUR)
        assert len(rows(path)) == 2

    def test_failing_does_not_spoil_the_call(
        self,
        store: SqlEphemeralStore,
        held_clock: FixedClock,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        def fail() -> int:
            raise StoreUnavailable

        monkeypatch.setattr(store, "purge", fail)
        held_clock.advance(PURGE_EVERY)
        assert store.count("c", HOUR) == 1


class TestCost:
    def test_each_call_is_one_statement(self, store: SqlEphemeralStore) -> None:
        seen: list[str] = []
        with store._engine.connect() as connection:
            driver = connection.connection.driver_connection
            assert isinstance(driver, sqlite3.Connection)
            driver.set_trace_callback(seen.append)
        store.create("k", {"a": "1"}, HOUR)
        store.read("k")
        store.merge("k", {"b": "1"}, HOUR)
        store.count("c", HOUR)
        store.take("k")
        store.delete("k")
        assert len(seen) == 6


class TestTrouble:
    def test_no_such_folder(self, tmp_path: Path, held_clock: FixedClock) -> None:
        with pytest.raises(StoreUnavailable):
            SqlEphemeralStore(f"sqlite:///{tmp_path / 'none' / 'store.db'}", held_clock)

    def test_not_a_database(self, path: Path, held_clock: FixedClock) -> None:
        path.write_bytes(b"no database at all" * 1000)
        with pytest.raises(StoreUnavailable):
            SqlEphemeralStore(f"sqlite:///{path}", held_clock)

    def test_another_writer_holds_the_lock(self, store: SqlEphemeralStore, path: Path) -> None:
        store.create("k", {"a": "1"}, HOUR)
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(EphemeralStoreUnavailable):
                store.create("new", {"a": "1"}, HOUR)
            with pytest.raises(EphemeralStoreUnavailable):
                store.merge("k", {"a": "2"}, HOUR)
            with pytest.raises(EphemeralStoreUnavailable):
                store.take("k")
            with pytest.raises(EphemeralStoreUnavailable):
                store.delete("k")
            with pytest.raises(EphemeralStoreUnavailable):
                store.count("c", HOUR)
            assert store.read("k") == {"a": "1"}
        assert store.read("new") is None
        assert store.read("k") == {"a": "1"}
        assert store.count("c", HOUR) == 1

    def test_postgres_is_killed_and_comes_back_no_more(self, held_clock: FixedClock) -> None:
        with postgres_server() as server:
            store = SqlEphemeralStore(server.url, held_clock, busy_seconds=2)
            store.create("k", {"a": "1"}, HOUR)
            server.kill()
            for _ in range(2):
                with pytest.raises(StoreUnavailable):
                    store.read("k")
            with pytest.raises(StoreUnavailable):
                SqlEphemeralStore(server.url, held_clock, busy_seconds=2)
            store.close()

    def test_a_cut_postgres_connection_is_replaced(
        self, empty_postgres: str, held_clock: FixedClock
    ) -> None:
        store = SqlEphemeralStore(empty_postgres, held_clock)
        store.create("k", {"a": "1"}, HOUR)
        with store._engine.connect() as other:
            other.exec_driver_sql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE pid <> pg_backend_pid() AND usename = current_user"
            )
        assert store.read("k") == {"a": "1"}
        store.close()

    def test_the_report_shows_nothing_private(self, tmp_path: Path, held_clock: FixedClock) -> None:
        url = make_url("postgresql+psycopg://user:secret-word@127.0.0.1:1/none")
        with pytest.raises(StoreUnavailable) as caught:
            SqlEphemeralStore(url.render_as_string(hide_password=False), held_clock, busy_seconds=2)
        assert caught.value.detail == "OperationalError"
