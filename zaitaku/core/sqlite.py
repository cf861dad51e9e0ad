"""How both stores open a SQLite file that several processes share."""

import time
from sqlite3 import Connection, OperationalError
from typing import Final

_PAUSE_SECONDS: Final = 0.005


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
