"""How both stores open a SQLite file that several processes share."""

import os
import time
from contextlib import suppress
from sqlite3 import Connection, OperationalError
from typing import Final

from sqlalchemy import Engine, event

_OWNER_ONLY: Final = 0o600

_PAUSE_SECONDS: Final = 0.005


def keep_private(engine: Engine) -> None:
    """Make a missing file readable by its owner alone, whatever the process's umask.

    SQLite gives the write-ahead files the permissions of the file (sqlite.org/wal.html, §2.2).
    """
    path = engine.url.database or ""
    # Only a file that is not there is opened. Closing one that is in use would take away the locks
    # of this process's own connections (POSIX; sqlite.org/howtocorrupt.html, §2.2): another process
    # that closes would believe itself the last and remove the log, and what is written after that
    # is in no file at all.
    new = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC

    @event.listens_for(engine, "do_connect")
    def make_file(*_: object) -> None:
        # Where it cannot be made, SQLite says why.
        with suppress(OSError):
            os.close(os.open(path, new, _OWNER_ONLY))


def set_up_sqlite(connection: Connection, *, synchronous: str, busy_seconds: float) -> None:
    """Put the file into write-ahead mode and make foreign keys hold on this connection.

    Raises:
        sqlite3.OperationalError: the file cannot be opened, or stayed locked for ``busy_seconds``.
    """
    _enter_wal(connection, time.monotonic() + busy_seconds)
    connection.execute(f"PRAGMA synchronous={synchronous}")
    connection.execute("PRAGMA foreign_keys=ON")


def _enter_wal(connection: Connection, deadline: float) -> None:
    # Of several processes that open a new file at once, SQLite lets one switch the mode and tells
    # the others "database is locked" without waiting its own timeout (sqlite.org/wal.html, §8).
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(_PAUSE_SECONDS)
        else:
            return
