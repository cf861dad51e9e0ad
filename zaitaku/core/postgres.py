"""How both stores open PostgreSQL: every wait has an end, whoever of both sides falls silent."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from select import POLLIN, poll
from time import monotonic
from typing import Any, Final, TypeVar

from psycopg import Connection, Error, OperationalError, RawCursor
from psycopg.abc import PQGen
from psycopg.errors import Diagnostic
from sqlalchemy import Connection as SqlConnection
from sqlalchemy import Engine, event
from sqlalchemy.engine import ExceptionContext

_RV = TypeVar("_RV")

_SHORTEST_SECONDS: Final = 2
"""libpq knows no shorter time to connect, and a busy machine needs it for a statement."""
_GRACE_SECONDS: Final = 1
"""The server tells first that a statement took too long: its answer says more than silence."""
_IDLE_IN_TRANSACTION_SECONDS: Final = 60
"""A program that was stopped in the middle keeps its locks no longer."""
_INTERVAL_SECONDS: Final = 0.1
"""psycopg's own: so often it looks whether the program is to end."""
_WAIT_FOR_STANDBYS: Final = "SyncRepWaitForLSN"
"""The server's function that says so when it has stopped waiting before they had a commit: in any
language, and by a warning only, because the commit stands already (PostgreSQL 15, §27.2.8.1)."""
STANDBY: Final = "25006"
"""What a standby answers to a write (PostgreSQL 15, appendix A)."""


def connection_arguments(busy_seconds: float) -> dict[str, Any]:
    """Return libpq's parameters for both ends (PostgreSQL 15, §34.1.2, §20.11.1).

    Left alone, libpq waits minutes for a host that is away, and a statement for ever on a lock.
    """
    statement_seconds = _statement_seconds(busy_seconds)
    # Pages ask short questions of many at once: helpers for one of them take longer to start than
    # they save, and translating it to machine code takes longer still.
    # What they ask for is in memory or on a disk without arms: looking up a thousand rows costs
    # less than reading a table.
    planner = (
        "-c max_parallel_workers_per_gather=0",
        "-c jit=off",
        "-c random_page_cost=1.1",
    )
    server: dict[str, int | str] = {
        # Whatever the database or the role has: an answer to a patient rests on the disk, and on
        # the standbys that the cluster waits for (PostgreSQL 15, §20.5.1).
        "synchronous_commit": "on",
        # It warns where it answers a commit that a standby does not have.
        "client_min_messages": "warning",
        "lock_timeout": round(busy_seconds * 1000),
        "statement_timeout": round(statement_seconds * 1000),
        "idle_in_transaction_session_timeout": _IDLE_IN_TRANSACTION_SECONDS * 1000,
    }
    return {
        "connect_timeout": max(_SHORTEST_SECONDS, round(busy_seconds)),
        "tcp_user_timeout": round(statement_seconds * 1000),
        "keepalives": 1,
        "keepalives_idle": 30,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "options": " ".join((*planner, *(f"-c {name}={value}" for name, value in server.items()))),
    }


def plan_each(connection: SqlConnection) -> None:
    """Let PostgreSQL plan each statement of this transaction for its own values.

    A statement that was asked a few times is else planned once for all (§30.1, PREPARE): as for a
    facility of middling size, which reads a hospital's list in another order, row by row.
    """
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET LOCAL plan_cache_mode = force_custom_plan")


def bound_answers(engine: Engine, busy_seconds: float) -> None:
    """Let every connection of ``engine`` wait for an answer only so long.

    The limits above do not help against a server process that hangs: it cannot end its own
    statement, and its kernel goes on acknowledging what is sent.
    """
    limit = _statement_seconds(busy_seconds) + _GRACE_SECONDS
    of_address = _Servers()

    class Bounded(BoundedConnection):
        answer_seconds = limit
        servers = of_address

    @event.listens_for(engine, "do_connect")
    def connect(
        _dialect: object, _record: object, args: list[str], parameters: dict[str, Any]
    ) -> Connection[Any]:
        connection = Bounded.connect(*args, **of_address.in_order(parameters))
        connection.add_notice_handler(connection.hear)
        of_address.answered(connection)
        return connection


def leave_standbys(engine: Engine) -> None:
    """Let go of all connections as soon as one turns out to lead to a standby.

    A primary that steps down ends its connections by itself; one behind a proxy may not.
    """

    @event.listens_for(engine, "handle_error")
    def leave(context: ExceptionContext) -> None:
        if getattr(context.original_exception, "sqlstate", None) == STANDBY:
            context.is_disconnect = True


@contextmanager
def standby_left(connection: SqlConnection) -> Iterator[None]:
    """Let go of ``connection`` when its driver, asked without SQLAlchemy, has met a standby."""
    try:
        yield
    except Error as error:
        if error.sqlstate == STANDBY:
            connection.invalidate(error)
        raise


class _Servers:
    """In which order the servers of one address are tried: whoever answered last comes first.

    libpq tries them as they are written, so the first one's machine, once it is away, would cost
    every new connection the whole time to connect. Who let writers in and then fell silent comes
    last: a primary that was replaced and does not know it keeps them waiting for its standbys.
    """

    def __init__(self) -> None:
        self._last: tuple[str, str] | None = None
        self._silent: tuple[str, str] | None = None

    def in_order(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """Return libpq's parameters with the order of now."""
        hosts = str(parameters.get("host", "")).split(",")
        if len(hosts) == 1:
            return parameters
        ports = str(parameters.get("port", "")).split(",")
        ports = ports * len(hosts) if len(ports) == 1 else ports
        servers = sorted(
            zip(hosts, ports, strict=True),
            key=lambda server: (server == self._silent, server != self._last),
        )
        return {
            **parameters,
            "host": ",".join(host for host, _ in servers),
            "port": ",".join(port for _, port in servers),
            "connect_timeout": _SHORTEST_SECONDS,
        }

    def answered(self, connection: Connection[Any]) -> None:
        """Remember who let this connection in."""
        self._last = _server_of(connection)

    def fell_silent(self, connection: Connection[Any]) -> None:
        """Remember who let this connection in and then said nothing more."""
        self._silent = _server_of(connection)


def _server_of(connection: Connection[Any]) -> tuple[str, str]:
    return connection.info.host, str(connection.info.port)


class CommittedAlone(OperationalError):
    """A commit stands that the standbys do not have, although it was to wait for them."""


class BoundedConnection(Connection[Any]):
    """A connection whose every wait has an end."""

    answer_seconds: float
    servers: _Servers
    _is_alone = False
    """Whether a commit was answered that the standbys do not have."""

    def hear(self, notice: Diagnostic) -> None:
        """Hear what the server says beside its answers."""
        if notice.source_function == _WAIT_FOR_STANDBYS:
            self._is_alone = True

    @cached_property
    def _cursors(self) -> dict[str, RawCursor[Any]]:
        return {}

    @cached_property
    def _line(self) -> poll:
        line = poll()
        line.register(self.fileno(), POLLIN)
        return line

    def is_open(self) -> bool:
        """Tell whether the server has not closed it.

        An idle server says nothing: where something waits to be read, it is the end. Looking costs
        a microsecond, asking the server would cost every page a round trip.
        """
        return not self.closed and not self._line.poll(0)

    def send(self, text: str, values: Sequence[object]) -> RawCursor[Any]:
        """Run a statement with numbered places by the cursor that ran it last.

        That one knows how to write its values and to read its rows: to find it out anew costs a
        quarter of a question. So the same few texts have to come again and again.

        Raises:
            psycopg.Error: it was not done.
        """
        cursor = self._cursors.get(text)
        if cursor is None:
            cursor = self._cursors[text] = RawCursor(self)
        return cursor.execute(text, values)

    def wait(
        self,
        gen: PQGen[_RV],
        interval: float = _INTERVAL_SECONDS,
        timeout: float | None = None,
    ) -> _RV:
        """Wait for the server; close the connection when it stays silent.

        Raises:
            OperationalError: there was no answer in time, or the answer to a commit for whose
                standbys somebody has let it wait no longer (``pg_cancel_backend``); what becomes
                of the statement is unknown.
        """
        seconds = self.answer_seconds if timeout is None else timeout
        began = monotonic()
        try:
            answer = super().wait(gen, interval, seconds)
        except OperationalError:
            if monotonic() - began >= seconds:
                self.servers.fell_silent(self)
                self.pgconn.finish()
            raise
        if self._is_alone:
            self.pgconn.finish()
            raise CommittedAlone("the standbys do not have this commit")
        return answer


def _statement_seconds(busy_seconds: float) -> float:
    return max(_SHORTEST_SECONDS, 2 * busy_seconds)
