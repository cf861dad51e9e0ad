"""Statements of one transaction that go to the database together.

They are made once and given plain values, as questions are (``zaitaku.core.asking``). PostgreSQL
gets all of them in one round trip (PostgreSQL 15, §34.5, pipeline mode) and runs them one after
another: each sees what those before it have done, and waits for the locks that it needs. SQLite is
no trip away.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Protocol

import psycopg
from sqlalchemy import Connection, Executable, Insert, Select, Table, bindparam
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.sql.base import ReadOnlyColumnCollection

from zaitaku.core.asking import Row
from zaitaku.core.postgres import STANDBY

Values = Mapping[str, object]
Driver = psycopg.Connection[Any]


class Work(Protocol):
    """What can be done together with others."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of what it finds; none if it finds nothing."""
        ...

    def run(self, connection: Connection) -> Sequence[Row]:
        """Do it at once, by SQLAlchemy."""
        ...

    def send(self, driver: Driver) -> psycopg.Cursor[Any]:
        """Give it to PostgreSQL; its answer comes with those of the others."""
        ...


class Command:
    """A statement with named parameters whose values are of types that drivers know.

    ``sets`` are the columns that its values set without being named in it; ``sqlite`` is the same
    statement where SQLAlchemy spells it in another way for SQLite.
    """

    def __init__(self, statement: Executable, *sets: str, sqlite: Executable | None = None) -> None:
        self.statement: Final = statement
        self.sqlite: Final = statement if sqlite is None else sqlite
        self.columns: Final = _found_by(statement)
        self._sets: Final = sets
        self._spelt: tuple[str, Values] | None = None

    def __call__(self, **values: object) -> "Doing":
        """Return the statement with its values."""
        return Doing(self, values)

    def spelt(self) -> tuple[str, Values]:
        """Return PostgreSQL's text and the values that it always has."""
        if self._spelt is None:
            self._spelt = _spelt(self.statement, self._sets)
        return self._spelt


@dataclass(frozen=True)
class Doing:
    """A command with its values."""

    command: Command
    values: Values

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of what it finds."""
        return self.command.columns

    def run(self, connection: Connection) -> Sequence[Row]:
        """Do it at once, by SQLAlchemy."""
        found = connection.execute(self.command.sqlite, self.values)
        return found.mappings().all() if self.columns else ()

    def send(self, driver: Driver) -> psycopg.Cursor[Any]:
        """Give it to PostgreSQL."""
        text, fixed = self.command.spelt()
        return driver.execute(text, {**fixed, **self.values})


class NewRows:
    """New rows of a table: one statement, however many they are.

    ``each`` are the columns that differ from row to row; the others are alike. A row that stands
    under the same ``replacing`` columns, if any are named, takes the values of the new one.
    """

    def __init__(self, table: Table, *each: str, replacing: tuple[str, ...] = ()) -> None:
        self._table = table
        self._each = each
        self._replacing = replacing
        self._commands: dict[int, Command] = {}

    def __call__(self, rows: Sequence[Values], **alike: object) -> "Adding":
        """Return the adding of ``rows``, which are not empty."""
        return Adding(self, rows, alike)

    @cached_property
    def one(self) -> Insert:
        """SQLite's statement, which is run once for each row."""
        statement = sqlite_insert(self._table)
        if not self._replacing:
            return statement
        return statement.on_conflict_do_update(
            index_elements=self._replacing, set_=self._others(statement.excluded)
        )

    def of(self, count: int) -> Command:
        """Return PostgreSQL's command that adds so many rows."""
        if count not in self._commands:
            self._commands[count] = Command(self._many(count))
        return self._commands[count]

    def _many(self, count: int) -> Insert:
        statement = postgresql_insert(self._table)
        rows = statement.values([self._row(number) for number in range(count)])
        if not self._replacing:
            return rows
        return rows.on_conflict_do_update(
            index_elements=self._replacing, set_=self._others(statement.excluded)
        )

    def _others(self, excluded: ReadOnlyColumnCollection[str, Any]) -> dict[str, Any]:
        return {name: excluded[name] for name in set(excluded.keys()) - set(self._replacing)}

    def _row(self, number: int) -> dict[str, Any]:
        return {
            column.name: bindparam(
                f"{column.name}_{number}" if column.name in self._each else f"the_{column.name}",
                type_=column.type,
            )
            for column in self._table.columns
        }


@dataclass(frozen=True)
class Adding:
    """Rows that are to be added."""

    new: NewRows
    rows: Sequence[Values]
    alike: Values
    columns: tuple[str, ...] = ()

    def run(self, connection: Connection) -> Sequence[Row]:
        """Add them at once, by SQLAlchemy."""
        connection.execute(self.new.one, [{**self.alike, **row} for row in self.rows])
        return ()

    def send(self, driver: Driver) -> psycopg.Cursor[Any]:
        """Give them to PostgreSQL."""
        values = {f"the_{name}": value for name, value in self.alike.items()}
        for number, row in enumerate(self.rows):
            values |= {f"{name}_{number}": value for name, value in row.items()}
        text, fixed = self.new.of(len(self.rows)).spelt()
        return driver.execute(text, {**fixed, **values})


def together(connection: Connection, *works: Work) -> list[Sequence[Row]]:
    """Do ``works`` in their order, in one round trip; return the rows of each.

    Raises:
        IntegrityError: one of them would break a rule of the tables; what follows it is not done.
        psycopg.Error: PostgreSQL did not do one of them.
    """
    if connection.dialect.name == "sqlite":
        return [work.run(connection) for work in works]
    driver: Any = connection.connection.driver_connection
    with _told(connection, driver):
        with driver.pipeline():
            answers = [work.send(driver) for work in works]
        return [_rows(work, answer) for work, answer in zip(works, answers, strict=True)]


@contextmanager
def rules_told() -> Iterator[None]:
    """Tell of a broken rule as SQLAlchemy does, but without the values: they may be a person's."""
    try:
        yield
    except psycopg.IntegrityError as error:
        raise IntegrityError(type(error).__name__, None, error) from error


@contextmanager
def _told(connection: Connection, driver: Driver) -> Iterator[None]:
    """Say what went wrong as SQLAlchemy would, to whoever called and to the pool."""
    try:
        with rules_told():
            yield
    except psycopg.Error as error:
        if driver.closed:
            connection.invalidate(error)
        elif error.sqlstate == STANDBY:
            connection.invalidate(error)
            connection.engine.dispose()  # the others lead there as well
        raise


def _rows(work: Work, answer: psycopg.Cursor[Any]) -> Sequence[Row]:
    if not work.columns:
        return ()
    return [dict(zip(work.columns, row, strict=True)) for row in answer.fetchall()]


def _found_by(statement: Executable) -> tuple[str, ...]:
    return tuple(statement.selected_columns.keys()) if isinstance(statement, Select) else ()


def _spelt(statement: Executable, sets: Sequence[str]) -> tuple[str, Values]:
    dialect = PGDialect_psycopg()  # type: ignore[no-untyped-call]
    compiled = statement.compile(dialect=dialect, column_keys=sets or None)  # type: ignore[attr-defined]
    fixed = {name: value for name, value in compiled.params.items() if value is not None}
    return str(compiled), fixed
