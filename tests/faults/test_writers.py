"""The row of SQLite's bare writers counts what is there, not what was said."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import Connection, text

from bench.faults import rows_sqlite
from bench.faults.rows_sqlite import WriterStarved, writers
from bench.faults.sqlite_writers import Opening
from bench.faults.verdict import Verdict
from zaitaku.core.database import Database
from zaitaku.core.errors import StoreUnavailable

(ROW,) = (row for row in rows_sqlite.ROWS if not row.is_walked)


class Forgetful(Database):
    """A store that acknowledges and keeps nothing."""

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        with super().transaction() as connection:
            yield connection
            connection.execute(text("DELETE FROM line"))


class LosingOne(Database):
    """A store that forgets the first line of each writer."""

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        with super().transaction() as connection:
            yield connection
            connection.execute(text("DELETE FROM line WHERE number = 0"))


class Stammering(Database):
    """A store that writes what it was given once more."""

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        with super().transaction() as connection:
            yield connection
            last = "SELECT * FROM line WHERE rowid = last_insert_rowid()"
            connection.execute(text(f"INSERT INTO line {last}"))


class Refusing(Database):
    """A store that refuses."""

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        with super().transaction() as connection:
            yield connection
            raise StoreUnavailable("full")


def verdict_of(folder: Path, opening: Opening) -> Verdict:
    scale = SimpleNamespace(seconds_of=lambda _full: 0.1, is_short=True)
    stage: Any = SimpleNamespace(folder=folder, scale=scale)
    return writers(stage, opening)


def test_what_was_acknowledged_is_there(tmp_path: Path) -> None:
    verdict = verdict_of(tmp_path, Database)
    assert ROW.passes(verdict), verdict


@pytest.mark.parametrize("opening", [Forgetful, LosingOne])
def test_a_store_that_keeps_less_fails_the_row(tmp_path: Path, opening: Opening) -> None:
    verdict = verdict_of(tmp_path, opening)
    assert verdict.lost
    assert not ROW.passes(verdict)


def test_a_store_that_keeps_more_fails_the_row(tmp_path: Path) -> None:
    verdict = verdict_of(tmp_path, Stammering)
    assert (verdict.lost, verdict.doubled) == (0, verdict.acked)
    assert not ROW.passes(verdict)


def test_who_is_refused_fails_the_row(tmp_path: Path) -> None:
    with pytest.raises(WriterStarved):
        verdict_of(tmp_path, Refusing)
