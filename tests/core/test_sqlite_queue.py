"""SQLite under several processes: nobody starves, and nobody's leaving costs another its log."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text

from bench.faults.sqlite_writers import measure
from zaitaku.core.database import Database
from zaitaku.core.errors import StoreUnavailable
from zaitaku.core.sqlite_queue import QUEUE_SUFFIX, WriterQueue

BRIEFLY = 0.2
COUNT = """
import sys
from sqlalchemy import text
from zaitaku.core.database import Database
database = Database(sys.argv[1])
with database.reading() as connection:
    print(connection.execute(text("SELECT count(*) FROM line")).scalar_one())
database.close()
"""


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database(f"sqlite:///{tmp_path / 'lines.db'}", busy_seconds=BRIEFLY)
    with opened.transaction() as connection:
        connection.execute(text("CREATE TABLE line (number INTEGER)"))
    yield opened
    opened.close()


def write(database: Database) -> None:
    with database.transaction() as connection:
        connection.execute(text("INSERT INTO line VALUES (1)"))


def counted_elsewhere(database: Database) -> int:
    url = database.url.render_as_string()
    ended = subprocess.run(
        [sys.executable, "-c", COUNT, url], check=True, capture_output=True, text=True
    )
    return int(ended.stdout)


def test_another_process_that_leaves_does_not_take_the_log_along(database: Database) -> None:
    # The second connection of a process once took away the first one's locks.
    with database.reading() as one, database.reading() as other:
        for connection in (one, other):
            connection.execute(text("SELECT count(*) FROM line"))
    assert counted_elsewhere(database) == 0
    write(database)
    assert counted_elsewhere(database) == 1


def test_eight_writers_without_a_pause_are_all_served(tmp_path: Path) -> None:
    waits = measure(tmp_path, seconds=1.0)
    assert waits.refused == 0
    assert waits.commits > 8


def test_a_writer_who_is_not_in_line_is_waited_for_and_no_longer(
    database: Database, tmp_path: Path
) -> None:
    with closing(sqlite3.connect(tmp_path / "lines.db", isolation_level=None)) as stranger:
        stranger.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable):
            write(database)
        stranger.execute("ROLLBACK")
    write(database)
    assert counted_elsewhere(database) == 1


def test_a_line_that_does_not_move_is_left(database: Database, tmp_path: Path) -> None:
    line = WriterQueue(str(tmp_path / "lines.db"), BRIEFLY)
    with line.turn(), pytest.raises(StoreUnavailable):
        write(database)
    write(database)


def test_a_process_that_was_forked_meanwhile_holds_nobody_up(
    database: Database, tmp_path: Path
) -> None:
    line = WriterQueue(str(tmp_path / "lines.db"), BRIEFLY)
    with line.turn():
        # What a fork copies: the same open file.
        inherited = [
            os.dup(int(entry.name))
            for entry in Path("/proc/self/fd").iterdir()
            if _leads_to(entry, tmp_path / f"lines.db{QUEUE_SUFFIX}")
        ]
    assert inherited
    write(database)
    for handle in inherited:
        os.close(handle)


def _leads_to(descriptor: Path, path: Path) -> bool:
    try:
        return descriptor.readlink() == path
    except OSError:
        return False


def test_the_lock_file_is_the_owners_alone(database: Database, tmp_path: Path) -> None:
    mode = (tmp_path / f"lines.db{QUEUE_SUFFIX}").stat().st_mode
    assert mode & 0o077 == 0
    assert (tmp_path / f"lines.db{QUEUE_SUFFIX}").stat().st_size == 0
