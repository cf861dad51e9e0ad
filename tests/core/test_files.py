"""SQLite files: nobody else's to read, and told plainly when they are damaged."""

import os
import stat
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.core.stores import NOW
from zaitaku.core.clock import FixedClock
from zaitaku.core.database import Database
from zaitaku.core.ephemeral_open import open_ephemeral
from zaitaku.core.errors import StoreUnavailable
from zaitaku.schema import is_current, upgrade


@pytest.fixture(params=[0o022, 0o000, 0o077])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    """What a service manager may have set."""
    former = os.umask(request.param)
    yield request.param
    os.umask(former)


def modes(folder: Path) -> dict[str, int]:
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}


def test_the_durable_files_are_their_owners_alone(tmp_path: Path, umask: int) -> None:
    database = Database(f"sqlite:///{tmp_path / 'a.db'}")
    with database.transaction() as connection:
        connection.exec_driver_sql("CREATE TABLE thing (number INTEGER)")
        assert modes(tmp_path) == {
            "a.db": 0o600,
            "a.db-wal": 0o600,
            "a.db-shm": 0o600,
            "a.db-queue": 0o600,
        }
    database.close()


def test_the_short_lived_files_are_their_owners_alone(tmp_path: Path, umask: int) -> None:
    store = open_ephemeral(f"sqlite:///{tmp_path / 'b.db'}", FixedClock(NOW))
    store.create("key", {"a": "b"}, timedelta(hours=1))
    assert modes(tmp_path) == {
        "b.db": 0o600,
        "b.db-wal": 0o600,
        "b.db-shm": 0o600,
        "b.db-queue": 0o600,
    }
    store.close()


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    path.write_bytes(b"no database at all " * 1000)
    database = Database(f"sqlite:///{path}")
    with pytest.raises(StoreUnavailable), database.reading() as connection:
        connection.exec_driver_sql("SELECT 1 FROM thing")
    with pytest.raises(StoreUnavailable):
        open_ephemeral(f"sqlite:///{path}", FixedClock(NOW))
    database.close()


def test_a_file_that_was_damaged(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    database = Database(f"sqlite:///{path}")
    upgrade(database)
    database.close()
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (path.stat().st_size - 4096))
    with pytest.raises(StoreUnavailable), database.transaction() as connection:
        connection.exec_driver_sql("SELECT * FROM facility").all()
        connection.exec_driver_sql("INSERT INTO facility DEFAULT VALUES")
    database.close()


def test_asking_for_the_tables_makes_no_file(tmp_path: Path) -> None:
    path = tmp_path / "mistyped.db"
    database = Database(f"sqlite:///{path}")
    assert not is_current(database)
    assert not path.exists()
