"""What a handler of jobs works with."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from sqlalchemy import Connection

from zaitaku.core.clock import Clock, is_within
from zaitaku.core.database import Database
from zaitaku.core.pieces import in_pieces
from zaitaku.jobs.errors import JobLost
from zaitaku.jobs.model import OUTAGES_FOR, Job, JobState
from zaitaku.jobs.service import read_pieces
from zaitaku.jobs.store import PIECE_BYTES, Part, add_piece, drop_pieces, job, update_claimed

PROGRESS_SECONDS: Final = 1.0
"""Progress is written down at most once in so many seconds."""


class JobContext:
    """One attempt at one job. Everything it writes fails once another worker has the job."""

    def __init__(self, job: Job, token: str, *, database: Database, clock: Clock) -> None:
        self.job = job
        self.is_finished = False
        self._token = token
        self._database = database
        self._clock = clock
        self._told_at = 0.0
        self._ending: dict[str, Any] = {"outcome": "", "counts": {}}

    @property
    def parameters(self) -> Mapping[str, str]:
        """What was asked for."""
        return self.job.parameters

    def read_input(self) -> Iterator[bytes]:
        """Yield what was handed in, in pieces."""
        return read_pieces(self._database, self.job.id, Part.INPUT)

    def progress(self, done: int, total: int) -> None:
        """Tell how much is done; call it as often as you like.

        Raises:
            JobLost: another worker has the job now.
            StoreUnavailable: the database is away.
        """
        if time.monotonic() - self._told_at < PROGRESS_SECONDS:
            return
        with self.transaction() as connection:
            self._update(connection, {"done": done, "total": total})
        self._told_at = time.monotonic()

    def outcome(self, code: str, counts: Mapping[str, int] | None = None) -> None:
        """Say how it went, in the kind's own words (at most 40 characters) and numbers."""
        self._ending |= {"outcome": code, "counts": dict(counts or {})}

    def write_result(
        self,
        name: str,
        media_type: str,
        chunks: Iterable[bytes],
        *,
        connection: Connection | None = None,
    ) -> None:
        """Keep the file that the job makes, in place of one of an earlier attempt.

        It is taken piece by piece, each in a transaction of its own; with ``connection`` all of
        it in the caller's.

        Raises:
            JobLost: another worker has the job now.
            StoreUnavailable: the database is away.
        """
        size = self._write(Part.RESULT, chunks, connection)
        self._ending |= {"result_name": name, "result_type": media_type, "result_bytes": size}

    def write_secret(self, content: bytes, *, connection: Connection | None = None) -> None:
        """Keep, encrypted by the caller, what is told for a while (``JobService.tell_secret``).

        Raises:
            JobLost: another worker has the job now.
            StoreUnavailable: the database is away.
        """
        self._write(Part.SECRET, [content], connection)

    def _write(self, part: Part, chunks: Iterable[bytes], given: Connection | None) -> int:
        with self._mine(given) as connection:
            drop_pieces(connection, self.job.id, part)
        size = 0
        for sequence, content in enumerate(in_pieces(chunks, PIECE_BYTES)):
            with self._mine(given) as connection:
                add_piece(
                    connection, self.job.id, part, sequence, content, seal=self._database.seal
                )
            size += len(content)
        return size

    @contextmanager
    def _mine(self, given: Connection | None) -> Iterator[Connection]:
        if given is not None:
            yield given
            return
        with self.transaction() as connection:
            yield connection

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Give a connection of a transaction in which the job is certainly this worker's.

        Raises:
            JobLost: another worker has the job now; nothing was written.
            StoreUnavailable: the database is away; nothing was written.
        """
        with self._database.transaction() as connection:
            self._update(connection, {"heartbeat_at": self._clock.now()})
            yield connection

    def beat(self) -> None:
        """Show that the worker lives.

        Raises:
            JobLost: another worker has the job now.
            StoreUnavailable: the database is away.
        """
        with self.transaction():
            pass

    def finish(self, connection: Connection) -> None:
        """End the job in the caller's transaction: what it did and that it did it are one.

        A handler that changes anything calls it with the connection of ``transaction``; for one
        that only makes a file the worker does.

        Raises:
            JobLost: another worker has the job now.
        """
        self.end(connection, {"state": JobState.DONE.value, **self._ending})

    def end(self, connection: Connection, values: Mapping[str, Any]) -> None:
        """End the job as ``values`` say; its input goes, its lane is free.

        Raises:
            JobLost: another worker has the job now.
        """
        now = self._clock.now()
        self._update(connection, {**values, "finished_at": now, "claim": None, "lane": None})
        drop_pieces(connection, self.job.id, Part.INPUT)
        self.is_finished = True

    def give_back(self) -> None:
        """Let another worker try again at once; at first it does not count as an attempt.

        Raises:
            JobLost: another worker has the job now.
            StoreUnavailable: the database is away.
        """
        with self.transaction() as connection:
            is_young = is_within(OUTAGES_FOR, self.job.submitted_at, self._clock.now())
            put_back = {"attempts": job.c.attempts - int(is_young), "claim": None}
            self._update(connection, {"state": JobState.WAITING.value, **put_back})

    def _update(self, connection: Connection, values: Mapping[str, Any]) -> None:
        if not update_claimed(connection, self.job.id, self._token, values):
            raise JobLost


Handler = Callable[[JobContext], None]
