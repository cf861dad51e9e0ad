"""Statements of one transaction that go to the database together.

They are made once and given plain values, as questions are (``zaitaku.core.asking``). PostgreSQL
gets all of them in one round trip (PostgreSQL 15, §34.5, pipeline mode) and runs them one after
another: each sees what those before it have done, and waits for the locks that it needs. SQLite is
no trip away.

Where none of them has to see what another does they can be joined to a single statement: PostgreSQL
runs the parts of a ``WITH`` on one snapshot and checks foreign keys at its end (§7.8.4), and what
the driver does around a statement costs more than most of them.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, Final, Protocol

import psycopg
from psycopg import RawCursor
from sqlalchemy import (
    ARRAY,
    Column,
    ColumnElement,
    CompoundSelect,
    Connection,
    Executable,
    Insert,
    Select,
    String,
    Table,
    TableValuedAlias,
    bindparam,
    cast,
    func,
    literal_column,
    select,
)
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.sql.base import ReadOnlyColumnCollection

from zaitaku.core.asking import Row
from zaitaku.core.postgres import STANDBY, BoundedConnection
from zaitaku.core.spelling import Spelt, Values, spelt

Spoken = tuple[str, list[object]]
"""PostgreSQL's text of a statement, and the value of each of its places."""
_PLACE: Final = re.compile(r"\$(\d+)")
_COMMA: Final = ","
"""Between the values of a column of new rows on their way; no value has it in itself."""


class Work(Protocol):
    """What can be done together with others."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of what it finds; none if it finds nothing."""
        ...

    def run(self, connection: Connection) -> Sequence[Row]:
        """Do it at once, by SQLAlchemy."""
        ...

    def spoken(self) -> Spoken:
        """Return what PostgreSQL is given."""
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

    def __call__(self, **values: object) -> "Doing":
        """Return the statement with its values."""
        return Doing(self, values)

    @cached_property
    def spelt(self) -> Spelt:
        """PostgreSQL's text."""
        return spelt(self.statement, self._sets)


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

    def spoken(self) -> Spoken:
        """Return PostgreSQL's text and the value of each of its places."""
        own = self.command.spelt
        return own.text, own.in_order(self.values)


class NewRows:
    """New rows of a table: one statement, however many they are.

    ``each`` are the columns that differ from row to row, in words without commas or in numbers;
    the others are alike. A row that stands under the same ``replacing`` columns, if any are named,
    takes the values of the new one.
    """

    def __init__(self, table: Table, *each: str, replacing: tuple[str, ...] = ()) -> None:
        self._table = table
        self._each = each
        self._replacing = replacing

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

    @cached_property
    def command(self) -> Command:
        """PostgreSQL's command, which takes the values of a column as one text (``values``)."""
        arrays = [self._array(self._table.columns[name]) for name in self._each]
        new = func.unnest(*arrays).table_valued(*self._each).render_derived(name="new")
        statement = postgresql_insert(self._table)
        rows = statement.from_select(
            self._table.columns.keys(),
            select(*(self._cell(column, new) for column in self._table.columns)),
        )
        if not self._replacing:
            return Command(rows)
        return Command(
            rows.on_conflict_do_update(
                index_elements=self._replacing, set_=self._others(statement.excluded)
            )
        )

    def values(self, rows: Sequence[Values], alike: Values) -> Values:
        """Return the values of ``command``."""
        texts = {name: _COMMA.join([str(row[name]) for row in rows]) for name in self._each}
        return {f"the_{name}": value for name, value in {**alike, **texts}.items()}

    def _others(self, excluded: ReadOnlyColumnCollection[str, Any]) -> dict[str, Any]:
        return {name: excluded[name] for name in set(excluded.keys()) - set(self._replacing)}

    def _array(self, column: Column[Any]) -> ColumnElement[Any]:
        text = bindparam(f"the_{column.name}", type_=String)
        between = literal_column(f"'{_COMMA}'", String)
        return cast(func.string_to_array(text, between), ARRAY(column.type))

    def _cell(self, column: Column[Any], new: TableValuedAlias) -> ColumnElement[Any]:
        if column.name in self._each:
            return new.c[column.name]
        return bindparam(f"the_{column.name}", type_=column.type)


@dataclass(frozen=True)
class Adding:
    """Rows that are to be added."""

    new: NewRows
    rows: Sequence[Values]
    alike: Values
    columns: tuple[str, ...] = ()

    @property
    def command(self) -> Command:
        """PostgreSQL's command."""
        return self.new.command

    def run(self, connection: Connection) -> Sequence[Row]:
        """Add them at once, by SQLAlchemy."""
        connection.execute(self.new.one, [{**self.alike, **row} for row in self.rows])
        return ()

    def spoken(self) -> Spoken:
        """Return PostgreSQL's text and the value of each of its places."""
        own = self.command.spelt
        return own.text, own.in_order(self.new.values(self.rows, self.alike))


@dataclass(frozen=True)
class Joined:
    """Changes of which none sees, or touches a row of, another: one statement on PostgreSQL."""

    works: Sequence[Doing | Adding]
    columns: tuple[str, ...] = ()

    def run(self, connection: Connection) -> Sequence[Row]:
        """Do them at once, in their order, by SQLAlchemy."""
        for work in self.works:
            work.run(connection)
        return ()

    def spoken(self) -> Spoken:
        """Return PostgreSQL's text and the value of each of its places."""
        text = _joined(*[work.command for work in self.works])
        return text, [value for work in reversed(self.works) for value in work.spoken()[1]]


@cache
def _joined(*commands: Command) -> str:
    # PostgreSQL runs the last part first and then the others backwards, as far as nothing hangs on
    # it: two transactions that make the same rows wait for each other in one order.
    parts, places = list[str](), 0
    for command in reversed(commands):
        parts.append(_moved(command.spelt.text, by=places))
        places += len(command.spelt.names)
    *before, last = parts
    heads = ", ".join(f"part_{number} AS ({part})" for number, part in enumerate(before))
    return f"WITH {heads} {last}" if heads else last


def _moved(text: str, *, by: int) -> str:
    return _PLACE.sub(lambda place: f"${int(place[1]) + by}", text)


def together(connection: Connection, *works: Work) -> list[Sequence[Row]]:
    """Do ``works`` in their order, in one round trip; return the rows of each.

    Raises:
        IntegrityError: one of them would break a rule of the tables; what follows it is not done.
        psycopg.Error: PostgreSQL did not do one of them.
    """
    if connection.dialect.name == "sqlite":
        return [work.run(connection) for work in works]
    driver: Any = connection.connection.driver_connection
    try:
        answers = _sent(driver, [work.spoken() for work in works])
        return [_rows(work, answer) for work, answer in zip(works, answers, strict=True)]
    except psycopg.IntegrityError as error:
        raise rule_broken(error) from error
    except psycopg.Error as error:
        _leave(connection, driver, error)
        raise


def _sent(driver: BoundedConnection, all_spoken: Sequence[Spoken]) -> list[RawCursor[Any]]:
    if len(all_spoken) == 1:
        # One alone is a round trip as it is, and a pipeline costs as much as a statement.
        return [driver.send(*all_spoken[0])]
    with driver.pipeline():
        if len({text for text, _ in all_spoken}) == len(all_spoken):
            return [driver.send(text, values) for text, values in all_spoken]
        # A cursor holds one answer.
        return [RawCursor(driver).execute(text, values) for text, values in all_spoken]


def rule_broken(error: psycopg.IntegrityError) -> IntegrityError:
    """Return what SQLAlchemy would raise, but without the values: they may be a person's."""
    return IntegrityError(type(error).__name__, None, error)


def _leave(connection: Connection, driver: BoundedConnection, error: psycopg.Error) -> None:
    """Tell the pool what it would have heard from SQLAlchemy."""
    if driver.closed:
        connection.invalidate(error)
    elif error.sqlstate == STANDBY:
        connection.invalidate(error)
        connection.engine.dispose()  # the others lead there as well


def _rows(work: Work, answer: psycopg.Cursor[Any]) -> Sequence[Row]:
    if not work.columns:
        return ()
    return [dict(zip(work.columns, row, strict=True)) for row in answer.fetchall()]


def _found_by(statement: Executable) -> tuple[str, ...]:
    if isinstance(statement, Select | CompoundSelect):
        return tuple(statement.selected_columns.keys())
    return ()
