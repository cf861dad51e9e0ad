"""Short questions that every page asks: the statement is made once, the answer is plain values.

Making a statement, opening a transaction around it and closing that again costs several times what
the answer does. On PostgreSQL a question is one round trip here: nothing begins and nothing is
committed, because a single statement sees one moment anyway (PostgreSQL 15, §13.2.1).
"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, Final

import psycopg
from psycopg.pq import TransactionStatus
from sqlalchemy import CompoundSelect, Connection, Engine, RowMapping, Select, event

from zaitaku.core.postgres import BoundedConnection
from zaitaku.core.spelling import Spelt, spelt

_AUTOCOMMIT: Final = "AUTOCOMMIT"

Row = RowMapping | Mapping[str, Any]


class Question:
    """A select with named parameters whose values, and columns, are of types that drivers know.

    Those are texts, numbers, UUIDs, dates, aware moments and JSON; PostgreSQL's driver gives them
    as they are (psycopg 3, "Adapting basic Python types").
    """

    def __init__(self, statement: Select[Any] | CompoundSelect[Any]) -> None:
        self.statement: Final = statement
        self._columns = tuple(statement.selected_columns.keys())

    @cached_property
    def _spelt(self) -> Spelt:
        return spelt(self.statement)

    def ask(self, driver: BoundedConnection, values: Mapping[str, object]) -> Sequence[Row]:
        """Return the rows that a PostgreSQL connection gives; it is in no transaction.

        Raises:
            psycopg.Error: the question was not answered.
        """
        found = driver.send(self._spelt.text, self._spelt.in_order(values)).fetchall()
        return [dict(zip(self._columns, row, strict=True)) for row in found]


def stand_alone(engine: Engine) -> None:
    """Let statements stand alone on every connection of ``engine`` that is in no transaction.

    What is rare says what it is, so that nothing has to be said around a question.
    """

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        if connection.get_execution_options().get("isolation_level") != _AUTOCOMMIT:
            driver: Any = connection.connection.driver_connection
            driver.autocommit = False

    @event.listens_for(engine, "reset")
    def end(driver: psycopg.Connection[Any], _record: object, _state: object) -> None:
        if driver.pgconn.transaction_status != TransactionStatus.IDLE:
            driver.rollback()
        if not driver.autocommit:
            driver.autocommit = True


def ping_by_looking(engine: Engine) -> None:
    """Let the pool of ``engine`` see by itself which connections their server has closed."""
    engine.dialect.do_ping = BoundedConnection.is_open  # type: ignore[method-assign,assignment]
