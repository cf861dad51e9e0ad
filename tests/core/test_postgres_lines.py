"""Connections that stand ready: kept while they are good, few, and left as soon as they are not."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier

import psycopg
import pytest
from psycopg.pq import TransactionStatus
from sqlalchemy import Integer, literal_column, select

from zaitaku.core.asking import Question
from zaitaku.core.database import Database
from zaitaku.core.postgres import BoundedConnection
from zaitaku.core.postgres_lines import KEPT, PostgresLines

_WHO = Question(select(literal_column("pg_backend_pid()", Integer).label("who")))


@pytest.fixture
def store(empty_postgres: str) -> Iterator[Database]:
    opened = Database(empty_postgres)
    yield opened
    opened.close()


@pytest.fixture
def lines(store: Database) -> PostgresLines:
    return PostgresLines(store.engine)


def number_of_process(driver: BoundedConnection) -> int:
    return driver.info.backend_pid


def lent(store: Database) -> int:
    return int(store.engine.pool.checkedout())  # type: ignore[attr-defined]


def refuse_writes(driver: BoundedConnection) -> None:
    driver.execute("SET default_transaction_read_only = on")
    driver.execute("CREATE TABLE refused ()")


def end(driver: BoundedConnection, lost: int) -> None:
    driver.execute("SELECT pg_terminate_backend(%s, 5000)", [lost])


def begin(driver: BoundedConnection) -> int:
    driver.execute("BEGIN")
    return number_of_process(driver)


def test_the_same_connection_serves_again(lines: PostgresLines) -> None:
    first = lines.lend(number_of_process)
    with pytest.raises(psycopg.errors.UndefinedTable):
        lines.lend(lambda driver: driver.execute("SELECT 1 FROM missing"))
    assert lines.lend(number_of_process) == first


def test_few_stand_ready(store: Database, lines: PostgresLines) -> None:
    together = Barrier(KEPT + 2)
    with ThreadPoolExecutor(KEPT + 2) as pool:
        for each in [pool.submit(lines.lend, lambda _: together.wait(30)) for _ in range(KEPT + 2)]:
            each.result()
    assert lent(store) == KEPT


def test_a_transaction_takes_over_what_stands_ready(store: Database) -> None:
    for _ in range(2):
        asked = store.ask(_WHO)[0]["who"]
        with store.transaction() as connection:
            assert connection.execute(_WHO.statement).scalar_one() == asked
    assert lent(store) == 0


def test_a_standby_is_left_by_all(store: Database, lines: PostgresLines) -> None:
    both = Barrier(2)
    with ThreadPoolExecutor(2) as pool:
        for each in [pool.submit(lines.lend, lambda _: both.wait(30)) for _ in range(2)]:
            each.result()
    assert lent(store) == 2
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        lines.lend(refuse_writes)
    assert lent(store) == 0


def test_after_a_connection_was_lost_the_next_one_is_kept(lines: PostgresLines) -> None:
    lost = lines.lend(number_of_process)
    with ThreadPoolExecutor(1) as pool:
        lines.lend(lambda _: pool.submit(lines.lend, partial(end, lost=lost)).result())
    following = lines.lend(number_of_process)
    assert following != lost
    assert lines.lend(number_of_process) == following


def test_who_is_at_work_when_all_are_left_does_not_come_back(
    store: Database, lines: PostgresLines
) -> None:
    def work(driver: BoundedConnection) -> int:
        store.engine.dispose()
        return number_of_process(driver)

    assert lines.lend(work) != lines.lend(number_of_process)


def test_a_connection_within_a_transaction_does_not_stand_ready(
    store: Database, lines: PostgresLines
) -> None:
    first = lines.lend(begin)
    assert lent(store) == 0
    assert lines.lend(lambda driver: driver.info.transaction_status) == TransactionStatus.IDLE
    assert lines.lend(number_of_process) == first


def test_none_is_left_open_at_the_end(store: Database, lines: PostgresLines) -> None:
    driver = lines.lend(lambda driver: driver)
    store.close()
    assert driver.closed
