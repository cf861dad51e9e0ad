"""Connections to PostgreSQL that stand ready for statements that stand alone.

SQLAlchemy's pool counts, watches and resets around each lending, which costs as much as a question
does. So a few of its connections are kept here from one statement to the next. They find their
server, wait and end as all others do, and count as lent: a process has no more of them than before.
"""

from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, TypeVar, cast

import psycopg
from psycopg.pq import TransactionStatus
from sqlalchemy import Engine, PoolProxiedConnection, event

from zaitaku.core.postgres import STANDBY, BoundedConnection

KEPT: Final = 4
"""As many as requests are at work in a process (``core.gate``)."""

_IDLE: Final = TransactionStatus.IDLE
_T = TypeVar("_T")
_Line = tuple[PoolProxiedConnection, BoundedConnection]


class PostgresLines:
    """Connections of ``engine``, which are in no transaction; any number of threads."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._idle: deque[_Line] = deque()
        # Whoever finds a connection lost, or its server a standby, has found it for all.
        event.listen(engine, "invalidate", self._leave)
        event.listen(engine, "engine_disposed", self._leave)

    def lend(self, act: Callable[[BoundedConnection], _T]) -> _T:
        """Return what ``act`` makes of a connection.

        Raises:
            psycopg.Error: as ``act`` did; a connection that it leaves closed is not used again.
            SQLAlchemyError: there is no connection to be had.
        """
        line, idle = self._take()
        try:
            return act(line[1])
        except psycopg.Error as error:
            if error.sqlstate == STANDBY:
                self._leave()
            raise
        finally:
            self._give_back(line, idle)

    def give_way(self) -> None:
        """Let the pool have one of those that nobody uses now, if it has none itself.

        Else there would be twice as many: some for questions, some for transactions.
        """
        if self._idle and not self._engine.pool.checkedin():  # type: ignore[attr-defined]
            with suppress(IndexError):  # somebody has taken it meanwhile
                self._idle.pop()[0].close()

    def _take(self) -> tuple[_Line, deque[_Line]]:
        """Return a connection, and among which it stands ready when it is given back."""
        idle = self._idle
        try:
            line = idle.pop()
        except IndexError:
            return self._new(), idle
        if line[1].is_open():
            return line, idle
        line[0].invalidate()
        idle = self._idle  # others than before, since that was told
        return self._new(), idle

    def _give_back(self, line: _Line, idle: deque[_Line]) -> None:
        lent, driver = line
        if driver.closed or idle is not self._idle:
            lent.invalidate()
        elif len(idle) < KEPT and driver.pgconn.transaction_status == _IDLE:
            idle.append(line)
        else:
            lent.close()

    def _new(self) -> _Line:
        lent = self._engine.raw_connection()
        return lent, cast("BoundedConnection", lent.driver_connection)

    def _leave(self, *_event: Any) -> None:  # noqa: ANN401 - whatever tells of it
        # Those in use do not come back: they were opened before it as well.
        left, self._idle = self._idle, deque()
        with suppress(IndexError):  # no more of them
            while True:
                lent, _ = left.pop()
                lent.invalidate()
