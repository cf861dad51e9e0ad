"""Statements that go to the database together: in their order, all or nothing."""

import pytest
from sqlalchemy import Column, ForeignKey, Integer, MetaData, String, Table, bindparam, select, text
from sqlalchemy.exc import IntegrityError

from zaitaku.core.database import Database
from zaitaku.core.errors import StoreUnavailable
from zaitaku.core.together import Command, Joined, NewRows, together

_line = Table(
    "line", MetaData(), Column("id", Integer, primary_key=True), Column("said", String(20))
)
_ADD = Command(_line.insert(), "id", "said")
_ALL = Command(select(_line).order_by(_line.c.id))
_SAY = Command(_line.update().where(_line.c.id == bindparam("which")), "said")
_MANY = NewRows(_line, "id", replacing=("id",))
_WORD = Table(
    "word",
    _line.metadata,
    Column("line_id", Integer, ForeignKey("line.id"), primary_key=True),
    Column("place", Integer, primary_key=True),
    Column("word", String(20)),
)
_WORDS = NewRows(_WORD, "place", "word")
_ALL_WORDS = Command(select(_WORD).order_by(_WORD.c.place))


@pytest.fixture
def lines(any_database: Database) -> Database:
    """A database with one more table."""
    with any_database.transaction() as connection:
        _line.metadata.create_all(connection)
    return any_database


def _found(database: Database) -> list[tuple[object, object]]:
    with database.reading() as connection:
        (rows,) = together(connection, _ALL())
    return [(row["id"], row["said"]) for row in rows]


def test_each_sees_what_those_before_it_did(lines: Database) -> None:
    with lines.transaction() as connection:
        answers = together(
            connection, _ADD(id=1, said="a"), _ALL(), _SAY(which=1, said="b"), _ALL()
        )
    assert [[row["said"] for row in rows] for rows in answers] == [[], ["a"], [], ["b"]]
    assert _found(lines) == [(1, "b")]


def test_many_rows_replace_those_that_stand(lines: Database) -> None:
    for count, said in ((1, "first"), (4, "then"), (2, "last")):
        with lines.transaction() as connection:
            together(connection, _MANY([{"id": number} for number in range(count)], said=said))
    assert _found(lines) == [(0, "last"), (1, "last"), (2, "then"), (3, "then")]


def test_what_is_joined_may_hang_on_each_other(lines: Database) -> None:
    words = [{"place": 1, "word": "one"}, {"place": 2, "word": "two"}]
    works = (_ADD(id=1, said="a"), _SAY(which=9, said="nobody"), _WORDS(words, line_id=1))
    with lines.transaction() as connection:
        together(connection, Joined(works), _SAY(which=1, said="b"))
        (rows,) = together(connection, _ALL_WORDS())
    assert [dict(row) for row in rows] == [{"line_id": 1, **row} for row in words]
    assert _found(lines) == [(1, "b")]


@pytest.mark.parametrize("line", [1, 2])
def test_a_rule_that_one_breaks_undoes_all_that_is_joined(lines: Database, line: int) -> None:
    lines.do(_ADD(id=1, said="a"))
    works = (_WORDS([{"place": 1, "word": "one"}], line_id=3), _ADD(id=line, said="again"))
    with pytest.raises(IntegrityError), lines.transaction() as connection:
        together(connection, Joined(works))
    with lines.reading() as connection:
        assert list(together(connection, _ALL_WORDS())[0]) == []
    assert _found(lines) == [(1, "a")]


def test_a_trip_after_one_that_failed_is_as_good_as_before(lines: Database) -> None:
    lines.do(_ADD(id=1, said="a"))
    with pytest.raises(IntegrityError), lines.transaction() as connection:
        together(connection, _ALL(), _ADD(id=1, said="again"), _SAY(which=1, said="b"))
    with lines.transaction() as connection:
        before, *_ = together(connection, _ALL(), _ADD(id=2, said="b"), _SAY(which=1, said="c"))
    assert [row["said"] for row in before] == ["a"]
    assert _found(lines) == [(1, "c"), (2, "b")]


def test_a_broken_rule_undoes_all_of_it(lines: Database) -> None:
    work = [_ADD(id=number, said="") for number in (1, 2, 1, 3)]
    with pytest.raises(IntegrityError), lines.transaction() as connection:
        together(connection, *work)
    assert _found(lines) == []
    lines.do(work[0])
    with pytest.raises(IntegrityError):
        lines.do(work[0])
    assert _found(lines) == [(1, "")]


def test_a_connection_that_ended_is_told_and_left(lines: Database) -> None:
    if lines.is_sqlite:
        pytest.skip("a file has no connections to lose")
    with pytest.raises(StoreUnavailable), lines.transaction() as connection:
        (found,) = connection.execute(text("SELECT pg_backend_pid()")).scalars()
        with lines.transaction() as other:
            other.execute(text(f"SELECT pg_terminate_backend({found}, 5000)"))
        together(connection, _ALL())
    assert _found(lines) == []
