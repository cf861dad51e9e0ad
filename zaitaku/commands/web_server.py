"""The web server: gunicorn with threads, set up as the product runs it (ADR 39).

Workers are forked from a parent that has made the application, so they share its memory and begin
at once. An application must not have opened a connection, nor need a thread, before that.
"""

import gc
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from selectors import EVENT_READ
from socket import MSG_DONTWAIT, socket
from time import monotonic
from typing import TYPE_CHECKING, Final

from gunicorn import util
from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.config import Config
from gunicorn.glogging import Logger
from gunicorn.http import errors, wsgi
from gunicorn.workers.gthread import TConn, ThreadWorker

from zaitaku.core.gate import THREADS

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

END_SECONDS: Final = 30
"""For so long a worker that is told to end finishes what it has begun."""
HEART_SECONDS: Final = 60
"""Who has not been heard for so long hangs and is replaced. Long pages do not count: a thread of
its own works on each."""
KEEP_ALIVE_SECONDS: Final = 75
"""Longer than nginx keeps a connection that it does not use: whoever asks must be the one to close
it, or a question meets a door that closes."""
LINGER_SECONDS: Final = 0.5
"""For so long a worker that ends still hears connections on which nothing is under way. An instance
has to be gone, this included, before nginx tries it again."""
HEAD_SECONDS: Final = 10
"""The first line and the headers of a request have to be there after about this time."""
LINE_BYTES: Final = 8190
"""Of a request's first line and of each header; nginx takes no more either."""
HEAD_BYTES: Final = 64 * 1024
HEADERS: Final = 100

# Files there have no name for anybody to guess; on a disk that is slow, hearts would stop.
_MEMORY: Final = Path("/dev/shm")  # noqa: S108  # nosec B108
_AT_ONCE: Final = 16 * 1024
_HEAD_END: Final = b"\r\n\r\n"
_STATUSES: Final = (
    (errors.LimitRequestLine, HTTPStatus.REQUEST_URI_TOO_LONG),
    (errors.LimitRequestHeaders, HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE),
    (errors.ExpectationFailed, HTTPStatus.EXPECTATION_FAILED),
    (errors.UnsupportedTransferCoding, HTTPStatus.NOT_IMPLEMENTED),
    # These two are about our own answer.
    (errors.InvalidResponseHeader, HTTPStatus.INTERNAL_SERVER_ERROR),
    (errors.InvalidResponseHeaderName, HTTPStatus.INTERNAL_SERVER_ERROR),
    (errors.ParseException, HTTPStatus.BAD_REQUEST),
)


def _nothing() -> None:
    """Do nothing."""


@dataclass(frozen=True)
class WebServer:
    """Serves an application."""

    app: "WSGIApplication"
    host: str
    port: int
    workers: int
    at_start: Callable[[], None] = _nothing
    """Called when it listens and hears signals itself."""
    at_worker_end: Callable[[], None] = _nothing
    """Called in each worker that ends by itself."""

    def run(self) -> None:
        """Serve until told to end (SIGTERM, SIGINT); SIGHUP replaces the workers one by one.

        Raises:
            SystemExit: at the end; with another status than 0 when it could not serve.
        """
        # What is there now stays: whoever looked for what can go would copy it into each worker.
        gc.collect()
        gc.freeze()
        _Parent(self).run()

    def options(self) -> dict[str, object]:
        """Return gunicorn's settings."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return {
            "bind": f"{host}:{self.port}",
            "workers": self.workers,
            "worker_class": Worker,
            "threads": THREADS,
            "preload_app": True,
            "timeout": HEART_SECONDS,
            "graceful_timeout": END_SECONDS,
            "keepalive": KEEP_ALIVE_SECONDS,
            "limit_request_line": LINE_BYTES,
            "limit_request_field_size": LINE_BYTES,
            "limit_request_fields": HEADERS,
            "worker_tmp_dir": str(_MEMORY) if os.access(_MEMORY, os.W_OK) else None,
            # Whom to believe about where somebody comes from is the application's to say.
            "forwarded_allow_ips": "",
            "secure_scheme_headers": {},
            "forwarder_headers": "",
            "logger_class": _OurLog,
            "loglevel": "warning",
            "errorlog": None,
            "control_socket_disable": True,
            "when_ready": lambda _parent: self.at_start(),
        }


class _Site(BaseApplication):  # type: ignore[misc]
    """Hands gunicorn its settings and the application."""

    def __init__(self, server: WebServer) -> None:
        self._server = server
        super().__init__()

    def load_config(self) -> None:
        for name, value in self._server.options().items():
            self.cfg.set(name, value)

    def load(self) -> "WSGIApplication":
        return self._server.app


class _Parent(Arbiter):  # type: ignore[misc]
    """Keeps the workers."""

    def __init__(self, server: WebServer) -> None:
        self._server = server
        super().__init__(_Site(server))

    def spawn_worker(self) -> int:
        """Start a worker and return its process id; the worker's own life passes in here."""
        try:
            return int(super().spawn_worker())
        except SystemExit as end:
            # What is open around this call is the parent's to close, not its child's.
            self._server.at_worker_end()
            os._exit(end.code if isinstance(end.code, int) else 0)

    def handle_usr2(self) -> None:
        """Do nothing: a second parent would not have this one's companions."""


class _OurLog(Logger):  # type: ignore[misc]
    """Lets the server's own lines go where all others go; there is no line for a request."""

    def setup(self, cfg: Config) -> None:
        super().setup(cfg)
        self.error_log.propagate = True


class _Answer(wsgi.Response):  # type: ignore[misc]
    """Does not say who serves."""

    def default_headers(self) -> list[str]:
        return [line for line in super().default_headers() if not line.startswith("Server:")]


class Worker(ThreadWorker):  # type: ignore[misc]
    """Gives a request to a thread when its whole head is there.

    Else a thread would wait for it, and a few dozen clients that send a letter a second would keep
    all others out.
    """

    def init_process(self) -> None:
        """Serve until told to end."""
        # The library has no other way to answer in other words.
        wsgi.Response = _Answer
        super().init_process()

    def enqueue_req(self, conn: TConn) -> None:
        """Begin with the next request of a connection."""
        conn.timeout = monotonic() + HEAD_SECONDS
        self._go_on(conn)

    def on_pending_socket_readable(self, conn: TConn, client: socket) -> None:
        """Go on with a request of which a part was there."""
        self.poller.unregister(client)
        self.pending_conns.remove(conn)
        self._go_on(conn)

    def _go_on(self, conn: TConn) -> None:
        has_more = _read_what_is_there(conn)
        head = conn.parser.unreader.buf.getvalue()
        if _HEAD_END in head or not has_more:
            super().enqueue_req(conn)
        elif len(head) > HEAD_BYTES:
            # No browser sends so much: it learns nothing.
            self.nr_conns -= 1
            conn.close()
        else:
            self._wait_for_more(conn)

    def _wait_for_more(self, conn: TConn) -> None:
        self.pending_conns.append(conn)
        self.poller.register(
            conn.sock,
            EVENT_READ,
            lambda client: self.on_pending_socket_readable(conn, client),
        )

    def _cap_keepalive(self, deadline: float) -> None:
        super()._cap_keepalive(min(deadline, monotonic() + LINGER_SECONDS))

    def handle_error(self, req: object, client: socket, addr: object, exc: Exception) -> None:
        """Answer what cannot be understood, and failures of the server itself.

        gunicorn's own way writes down the first line of the request, and who sent it.
        """
        kinds = (status for kind, status in _STATUSES if isinstance(exc, kind))
        status = next(kinds, HTTPStatus.INTERNAL_SERVER_ERROR)
        if status is HTTPStatus.INTERNAL_SERVER_ERROR:
            self.log.error("request failed in the server", exc_info=exc)
        with suppress(OSError):
            util.write_error(client, status.value, status.phrase, "")


def _read_what_is_there(conn: TConn) -> bool:
    """Read into the connection's buffer without waiting; tell whether more may come."""
    conn.init()
    unreader = conn.parser.unreader
    try:
        came = conn.sock.recv(_AT_ONCE, MSG_DONTWAIT)
    except BlockingIOError:
        return True
    except OSError:
        return False
    unreader.buf.seek(0, os.SEEK_END)
    unreader.buf.write(came)
    return bool(came)
