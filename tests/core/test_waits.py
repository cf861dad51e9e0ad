"""No wait for PostgreSQL is without end, even for a server process that hangs."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta

import pytest

from tests.core.stores import NOW
from zaitaku.core.clock import FixedClock
from zaitaku.core.database import Database
from zaitaku.core.ephemeral_sql import SqlEphemeralStore
from zaitaku.core.errors import StoreUnavailable

BUSY = 0.2
BOUND = 10.0
"""Seconds: two for the statement, one of grace, the rest for a busy machine."""


@contextmanager
def frozen(pid: int) -> Iterator[None]:
    """Stop one server process; its kernel goes on acknowledging what arrives."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


def seconds_until_unavailable(act: Callable[[], object]) -> float:
    began = time.monotonic()
    with pytest.raises(StoreUnavailable):
        act()
    return time.monotonic() - began


@pytest.fixture
def store(empty_postgres: str) -> Iterator[Database]:
    opened = Database(empty_postgres, busy_seconds=BUSY)
    yield opened
    opened.close()


def number_of_process(store: Database) -> int:
    with store.reading() as connection:
        pid = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
    return int(pid)


def test_a_hanging_server_process_is_left_for_another(store: Database) -> None:
    hanging = number_of_process(store)
    with frozen(hanging):
        assert seconds_until_unavailable(lambda: number_of_process(store)) < BOUND
        assert number_of_process(store) != hanging


def test_a_server_process_that_hangs_in_the_middle_is_given_up(store: Database) -> None:
    def write() -> None:
        with store.transaction() as connection:
            pid = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
            with frozen(pid):
                connection.exec_driver_sql("SELECT 1")

    assert seconds_until_unavailable(write) < BOUND


def test_the_short_lived_store_leaves_it_as_well(empty_postgres: str) -> None:
    store = SqlEphemeralStore(empty_postgres, FixedClock(NOW), busy_seconds=BUSY)
    with store._engine.connect() as connection:
        pid = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
    with frozen(pid):
        began = time.monotonic()
        assert store.create("key", {"a": "b"}, timedelta(hours=1))
        assert time.monotonic() - began < BOUND
    store.close()


def test_a_statement_without_end_is_ended_by_the_server(store: Database) -> None:
    def sleep() -> None:
        with store.reading() as connection:
            connection.exec_driver_sql("SELECT pg_sleep(60)")

    assert seconds_until_unavailable(sleep) < BOUND
    with store.reading() as connection:
        sleeping = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%%'"
        assert connection.exec_driver_sql(f"{sleeping} AND state = 'active'").scalar_one() == 0


def test_who_holds_locks_and_does_nothing_loses_them(store: Database) -> None:
    def idle() -> None:
        with store.transaction() as connection:
            connection.exec_driver_sql("SET idle_in_transaction_session_timeout = 100")
            time.sleep(0.5)
            connection.exec_driver_sql("SELECT 1")

    seconds_until_unavailable(idle)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("lock_timeout", "200ms"),
        ("statement_timeout", "2s"),
        ("idle_in_transaction_session_timeout", "1min"),
    ],
)
def test_the_servers_own_limits(store: Database, name: str, value: str) -> None:
    with store.reading() as connection:
        assert connection.exec_driver_sql(f"SHOW {name}").scalar_one() == value


@pytest.mark.parametrize(
    ("name", "value"),
    [("tcp_user_timeout", "2000"), ("keepalives", "1"), ("keepalives_idle", "30")],
)
def test_the_clients_own_limits(store: Database, name: str, value: str) -> None:
    with store.engine.connect() as connection:
        driver = connection.connection.driver_connection
        assert driver is not None
        assert driver.info.get_parameters()[name] == value


def test_a_table_that_is_not_there_yet_is_no_surprise(store: Database) -> None:
    with pytest.raises(StoreUnavailable), store.reading() as connection:
        connection.exec_driver_sql("SELECT 1 FROM facility")
