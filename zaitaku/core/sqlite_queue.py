"""Writers of one SQLite file stand in line: none of them starves.

SQLite has one writer at a time and no line: who finds the file locked sleeps and looks again, ten
times a second in the end, while whoever writes without a pause comes back at once. With eight busy
processes somebody waited for seconds. Here a lock file beside the database says who is next. Only
that one tries SQLite's own lock, at short intervals, so whoever has just written cannot come back
before it. The others look more often the longer they have waited.

A process that dies leaves its place. What does not know of the line (a backup, the ``sqlite3``
shell) is met at SQLite's own lock.
"""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from sqlite3 import SQLITE_BUSY, Connection, OperationalError
from typing import Final

QUEUE_SUFFIX: Final = "-queue"
"""Of the lock file's name, after that of the database."""

_OWNER_ONLY: Final = 0o600
_NEXT_PAUSE_SECONDS: Final = 0.0001
"""Between two tries of whoever is next."""
_FIRST_PAUSE_SECONDS: Final = 0.002
"""Between two looks of somebody who has just come."""
_AGE_SECONDS: Final = 0.1
"""Who has waited for so long looks twice as often as at first, after twice that thrice …"""
_PRIMARY: Final = 0xFF
"""The bits of an extended result code that hold its primary one (sqlite.org/rescode.html, §3)."""


class WriterQueue:
    """The line before one SQLite file; all threads and processes that open it share it."""

    def __init__(self, database: str, busy_seconds: float) -> None:
        self._path = database + QUEUE_SUFFIX
        self._busy_seconds = busy_seconds

    def begin(self, connection: Connection) -> None:
        """Begin a transaction that writes when it is this one's turn.

        Raises:
            sqlite3.OperationalError: its turn did not come in time, or the file is unfit.
        """
        deadline = time.monotonic() + self._busy_seconds
        with self.turn():
            connection.execute("PRAGMA busy_timeout=0")
            try:
                while not _is_begun(connection, deadline):
                    time.sleep(_NEXT_PAUSE_SECONDS)
            finally:
                connection.execute(f"PRAGMA busy_timeout={round(self._busy_seconds * 1000)}")

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Stand in line; be next until the block ends.

        Raises:
            sqlite3.OperationalError: the line did not move in time, or cannot be opened.
        """
        try:
            handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _OWNER_ONLY)
        except OSError as error:
            raise OperationalError("the queue file cannot be opened") from error
        try:
            self._wait(handle)
            yield
        finally:
            _leave(handle)

    def _wait(self, handle: int) -> None:
        began = time.monotonic()
        while not _is_next(handle):
            waited = time.monotonic() - began
            if waited > self._busy_seconds:
                raise OperationalError("the queue of writers did not move")
            time.sleep(_FIRST_PAUSE_SECONDS / (1 + waited / _AGE_SECONDS))


def _is_next(handle: int) -> bool:
    if sys.platform == "win32":
        return True  # there the demo runs, in one process
    import fcntl  # noqa: PLC0415 - only Unix has it

    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _leave(handle: int) -> None:
    if sys.platform != "win32":
        import fcntl  # noqa: PLC0415 - as above

        # Closing alone would not do: a process that was forked meanwhile has the file open, too.
        fcntl.flock(handle, fcntl.LOCK_UN)
    os.close(handle)


def _is_begun(connection: Connection, deadline: float) -> bool:
    try:
        connection.execute("BEGIN IMMEDIATE")
    except OperationalError as error:
        if error.sqlite_errorcode & _PRIMARY != SQLITE_BUSY or time.monotonic() > deadline:
            raise
        return False
    return True
