"""Single questions: their answers, and that a connection is as good after them as before."""

import time
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from sqlalchemy import Column, Integer, MetaData, String, Table, bindparam, select, text

from zaitaku.core.asking import Question
from zaitaku.core.database import Database
from zaitaku.core.errors import StoreUnavailable

_TABLE = Table(
    "asked", MetaData(), Column("id", Integer, primary_key=True), Column("word", String(9))
)
_WORD = Question(select(_TABLE.c.id, _TABLE.c.word).where(_TABLE.c.word == bindparam("wanted")))
_MISSING = Question(select(Table("missing", MetaData(), Column("id", Integer)).c.id))


@pytest.fixture
def store(empty_postgres: str) -> Iterator[Database]:
    opened = Database(empty_postgres)
    with opened.transaction() as connection:
        _TABLE.create(connection)
        connection.execute(_TABLE.insert(), [{"id": 1, "word": "%s"}, {"id": 2, "word": "い"}])
    yield opened
    opened.close()


def test_the_rows_come_by_name(store: Database) -> None:
    assert [dict(row) for row in store.ask(_WORD, wanted="%s")] == [{"id": 1, "word": "%s"}]
    assert list(store.ask(_WORD, wanted="ろ")) == []


def test_a_transaction_that_follows_on_the_same_connection_is_one(store: Database) -> None:
    store.ask(_WORD, wanted="い")
    with pytest.raises(ZeroDivisionError), store.transaction() as connection:
        connection.execute(_TABLE.insert().values(id=3, word="は"))
        raise ZeroDivisionError
    assert not store.ask(_WORD, wanted="は")


def test_a_connection_that_the_server_has_closed_is_not_used(
    store: Database, postgres_url: str
) -> None:
    store.ask(_WORD, wanted="い")
    _close_all(postgres_url)
    assert store.ask(_WORD, wanted="い")
    _close_all(postgres_url)
    with store.reading() as connection:
        assert connection.execute(_WORD.statement, {"wanted": "い"}).one().id == 2


def test_a_connection_on_which_something_was_said_unasked_is_not_used(
    store: Database, postgres_url: str
) -> None:
    # As the last words of one that is being ended, which come before it closes.
    with store.engine.connect() as connection:
        connection.execute(text("LISTEN words"))
        connection.commit()
        driver: Any = connection.connection.driver_connection
        assert driver.is_open()
        with psycopg.connect(postgres_url.replace("+psycopg", "")) as other:
            other.execute("NOTIFY words")
        deadline = time.monotonic() + 5
        while driver.is_open() and time.monotonic() < deadline:
            time.sleep(0.01)
        assert not driver.is_open()
        former = driver.info.backend_pid
    with store.engine.connect() as connection:
        assert connection.scalar(text("SELECT pg_backend_pid()")) != former


def test_a_question_that_cannot_be_answered_spoils_nothing(store: Database) -> None:
    with pytest.raises(StoreUnavailable):
        store.ask(_MISSING)
    assert store.ask(_WORD, wanted="い")


def _close_all(address: str) -> None:
    with psycopg.connect(address.replace("+psycopg", "")) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE pid <> pg_backend_pid() AND datname = current_database()"
        )
