"""The web server: gunicorn with threads, set up as the product runs it (ADR 39).

Workers are forked from a parent that has made the application, so they share its memory and begin
at once. An application must not have opened a connection, nor need a thread, before that.
"""

import ctypes
import gc
import os
import signal
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from selectors import EVENT_READ
from socket import MSG_DONTWAIT, SHUT_WR, socket
from time import monotonic
from typing import TYPE_CHECKING, Final

from gunicorn import util
from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.config import Config
from gunicorn.glogging import Logger
from gunicorn.http import errors, wsgi
from gunicorn.workers.gthread import TConn, ThreadWorker

from zaitaku.commands.arrivals import Arrivals
from zaitaku.commands.departures import Departures, Sending
from zaitaku.commands.occupancy import Occupancy
from zaitaku.core.addresses import address_bucket
from zaitaku.core.constant_headers import always
from zaitaku.core.gate import THREADS
from zaitaku.core.watch import NO_WATCH, SLOW, Happening, Watch

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
ARRIVAL_SECONDS: Final = 10
"""A request, to the end of its body if that is small, has to be there after this time."""
ARRIVING: Final = 512
"""Connections of a worker that wait for the rest of a request. When another comes, the one that has
waited longest goes: who sends as browsers do is there within moments."""
ARRIVING_FROM_ONE: Final = 64
"""Of these, from one network address (IPv6: from one /64)."""
PARTING: Final = 64
"""Connections of a worker whose client has its last answer and has not closed them yet."""
PARTING_SECONDS: Final = 2.0
"""So long such a client has time: closed at once, the end of its answer could be lost."""
COURTESY_SECONDS: Final = 0.005
"""So long a worker lets those that hold fewer connections take a new one first."""
LET_IN: Final = 64
"""So many a worker takes at once that the others have left waiting; then it looks at its own."""
LINE_BYTES: Final = 8190
"""Of a request's first line and of each header; nginx takes no more either."""
HEADERS: Final = 100

# Files there have no name for anybody to guess; on a disk that is slow, hearts would stop.
_MEMORY: Final = Path("/dev/shm")  # noqa: S108  # nosec B108
_M_ARENA_MAX: Final = -8
"""Of glibc's ``malloc.h``."""
_AT_ONCE: Final = 64 * 1024
_REFUSAL: Final = """\
HTTP/1.1 {status.value} {status.phrase}\r
Connection: close\r
Retry-After: {seconds}\r
Content-Type: text/plain; charset=utf-8\r
Content-Length: {length}\r
\r
"""
_WORDS: Final = """\
送った内容が、最後まで届きませんでした。少し待ってから、もう一度やってみてください。
What you sent did not arrive completely. Please wait a little and try again.
"""
_KNOWN: Final = frozenset(always(is_tls=True))
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
    watch: Watch = NO_WATCH
    """Told by each worker of clients that it does not wait for any longer."""
    occupancy: Occupancy = field(default_factory=Occupancy)

    def run(self) -> None:
        """Serve until told to end (SIGTERM, SIGINT); SIGHUP replaces the workers one by one.

        Raises:
            SystemExit: at the end; with another status than 0 when it could not serve.
        """
        # What is there now stays: whoever looked for what can go would copy it into each worker.
        gc.collect()
        gc.freeze()
        _keep_one_heap()
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
            # The second where a worker is found gone when it is to be told something.
            "child_exit": lambda _parent, worker: self.occupancy.leave(worker.place),
            "worker_exit": lambda _parent, worker: self.occupancy.leave(worker.place),
        }


def _keep_one_heap() -> None:
    """Let all threads of a worker take memory from one place (glibc, ``mallopt(3)``).

    Else each of them keeps what it has used for itself. They take turns at Python anyway, so none
    waits for another. Other C libraries have no such places.
    """
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)


class _Site(BaseApplication):  # type: ignore[misc]
    """Hands gunicorn its settings and the application."""

    def __init__(self, server: WebServer) -> None:
        self.server = server
        super().__init__()

    def load_config(self) -> None:
        for name, value in self.server.options().items():
            self.cfg.set(name, value)

    def load(self) -> "WSGIApplication":
        return self.server.app


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
            try:
                self._end_worker()
            finally:
                os._exit(end.code if isinstance(end.code, int) else 0)

    def _end_worker(self) -> None:
        # Whoever is impatient now has SIGKILL.
        for impatient in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGABRT):
            signal.signal(impatient, signal.SIG_IGN)
        try:
            self._server.at_worker_end()
        except Exception:
            self.log.exception("a worker could not end in order")

    def handle_usr2(self) -> None:
        """Do nothing: a second parent would not have this one's companions."""


class _OurLog(Logger):  # type: ignore[misc]
    """Lets the server's own lines go where all others go; there is no line for a request."""

    def setup(self, cfg: Config) -> None:
        super().setup(cfg)
        self.error_log.propagate = True


class _Answer(wsgi.Response):  # type: ignore[misc]
    """Does not say who serves, and waits for nothing that was sent and that nobody wants."""

    def process_headers(self, headers: list[tuple[str, str]]) -> None:
        """Look whether headers may be sent; those that every answer has are known."""
        super().process_headers([header for header in headers if header not in _KNOWN])
        self.headers += [header for header in headers if header in _KNOWN]

    def default_headers(self) -> list[str]:
        if not self.req.unreader.has(self.req):
            self.force_close()
        return [line for line in super().default_headers() if not line.startswith("Server:")]


class Worker(ThreadWorker):  # type: ignore[misc]
    """Gives a request to a thread when it is there, and waits for no client in its main loop.

    Else a thread would wait for it, and a few dozen clients that send a letter a second would keep
    all others out. So would those that take their answers as slowly, if not few threads alone
    waited for them (``zaitaku.commands.departures``).
    """

    def __init__(self, *arguments: object, **named: object) -> None:
        super().__init__(*arguments, **named)
        # Made by the parent, before the fork.
        self._occupancy: Occupancy = self.app.server.occupancy
        self._watch: Watch = self.app.server.watch
        self.place = self._occupancy.enter()
        self._back_at: float | None = None

    def init_process(self) -> None:
        """Serve until told to end."""
        # The library has no other way to answer in other words.
        wsgi.Response = _Answer
        self._parting: deque[TConn] = deque()
        self._sending = Sending(watch=self._watch)
        super().init_process()

    def set_accept_enabled(self, enabled: bool) -> None:
        """Take new connections, or none for now."""
        self._come_back()
        super().set_accept_enabled(enabled)
        self._tell()

    def accept(self, listener: socket) -> None:
        """Take a new connection, unless a worker that holds fewer does in a moment."""
        if self._back_at is not None:
            return
        if self._occupancy.is_ahead(self._held()):
            self._step_back()
        else:
            super().accept(listener)

    def _step_back(self) -> None:
        # Whoever is inside is served on meanwhile: only the door is out of sight.
        self._back_at = monotonic() + COURTESY_SECONDS
        for listener in self.sockets:
            self.poller.unregister(listener)

    def _come_back(self) -> None:
        if self._back_at is None:
            return
        self._back_at = None
        for listener in self.sockets:
            self.poller.register(listener, EVENT_READ, self.accept)
            self._let_in(listener)

    def _let_in(self, listener: socket) -> None:
        # All who still wait: nobody else has come for them.
        for _ in range(LET_IN):
            before = self.nr_conns
            if before < self.worker_connections:
                super().accept(listener)
            if self.nr_conns == before:
                return

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """Wait until something is to be done, do it, and say how many connections there are."""
        if self._back_at is not None:
            timeout = min(timeout, max(0.0, self._back_at - monotonic()))
        super().wait_for_and_dispatch_events(timeout)
        if self._back_at is not None and self._back_at <= monotonic():
            self._come_back()
        self._tell()

    def _held(self) -> int:
        return int(self.nr_conns) - len(self._parting)

    def _tell(self) -> None:
        if self._accepting:
            self._occupancy.tell(self.place, self._held())
        else:
            self._occupancy.withdraw(self.place)

    def enqueue_req(self, conn: TConn) -> None:
        """Begin with the next request of a connection."""
        conn.timeout = monotonic() + ARRIVAL_SECONDS
        if not conn.initialized:
            address = address_bucket(conn.client[0])
            conn.sock = Departures(conn.sock, address, self._sending)
            conn.init()
            conn.parser.unreader = Arrivals(conn.sock, address)
        conn.parser.unreader.begin()
        self._go_on(conn)

    def on_pending_socket_readable(self, conn: TConn, client: socket) -> None:
        """Go on with a request of which a part was there."""
        # Room may have been made of it since the poller saw it.
        if conn in self.pending_conns:
            self._forget(conn)
            self._go_on(conn)

    def _go_on(self, conn: TConn) -> None:
        arrivals = conn.parser.unreader
        # Whoever asks on and on is heard no further than to the answer that comes next.
        has_more = arrivals.is_enough() or arrivals.take()
        if arrivals.is_enough() or not has_more:
            super().enqueue_req(conn)
        elif arrivals.is_endless():
            # No browser sends so much: it learns nothing.
            self._hang_up(conn)
        else:
            self._make_room(arrivals.address)
            self._wait_for_more(conn)

    def _make_room(self, address: str) -> None:
        if len(self.pending_conns) < ARRIVING_FROM_ONE:
            return
        neighbours = [each for each in self.pending_conns if _address(each) == address]
        if len(neighbours) >= ARRIVING_FROM_ONE:
            self._refuse(min(neighbours, key=_deadline), HTTPStatus.SERVICE_UNAVAILABLE)
        elif len(self.pending_conns) >= ARRIVING:
            self._refuse(min(self.pending_conns, key=_deadline), HTTPStatus.SERVICE_UNAVAILABLE)

    def _wait_for_more(self, conn: TConn) -> None:
        self.pending_conns.append(conn)
        self.poller.register(
            conn.sock,
            EVENT_READ,
            lambda client: self.on_pending_socket_readable(conn, client),
        )

    def _forget(self, conn: TConn) -> None:
        self.poller.unregister(conn.sock)
        self.pending_conns.remove(conn)

    def murder_pending(self) -> None:
        """Part with whoever has had their time."""
        now = monotonic()
        for conn in [each for each in self.pending_conns if each.timeout <= now]:
            self._refuse(conn, HTTPStatus.REQUEST_TIMEOUT)
        while self._parting and self._parting[0].timeout <= now:
            self._part(self._parting[0])

    def _refuse(self, conn: TConn, status: HTTPStatus) -> None:
        self._forget(conn)
        arrivals = conn.parser.unreader
        # Words may have come after the poller looked.
        arrivals.take()
        if arrivals.is_enough():
            super().enqueue_req(conn)
            return
        # A browser keeps a connection ready that it may never use.
        is_spare = not arrivals.held
        if not is_spare or status is HTTPStatus.SERVICE_UNAVAILABLE:
            self._watch.happened(Happening.SLOW_CLIENT, arrivals.awaited, SLOW[status])
        if is_spare:
            self._hang_up(conn)
            return
        words = _WORDS.encode()
        head = _REFUSAL.format(status=status, seconds=ARRIVAL_SECONDS, length=len(words))
        with suppress(OSError):
            conn.sock.send(head.encode() + words, MSG_DONTWAIT)
        self._hear_out(conn)

    def finish_request(self, conn: TConn, done: "Future[object]") -> None:
        """Go on with a connection, or part with its client."""
        if done.cancelled() or done.exception() or done.result():
            super().finish_request(conn, done)
        else:
            # gunicorn would wait for the client here, and nobody else would be heard.
            self._hear_out(conn)

    def _hear_out(self, conn: TConn) -> None:
        """Let a client close its connection after the last answer (RFC 9112 §9.6)."""
        try:
            conn.sock.shutdown(SHUT_WR)
        except OSError:
            self._hang_up(conn)
            return
        if len(self._parting) >= PARTING:
            self._part(self._parting[0])
        conn.timeout = monotonic() + (PARTING_SECONDS if self.alive else LINGER_SECONDS)
        self._parting.append(conn)
        self.poller.register(conn.sock, EVENT_READ, lambda _: self._hear(conn))

    def _hear(self, conn: TConn) -> None:
        if conn not in self._parting:
            return
        try:
            is_open = bool(conn.sock.recv(_AT_ONCE, MSG_DONTWAIT))
        except BlockingIOError:
            is_open = True
        except OSError:
            is_open = False
        if not is_open:
            self._part(conn)

    def _part(self, conn: TConn) -> None:
        self.poller.unregister(conn.sock)
        self._parting.remove(conn)
        self._hang_up(conn)

    def _hang_up(self, conn: TConn) -> None:
        self.nr_conns -= 1
        conn.close()

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


def _address(conn: TConn) -> str:
    return str(conn.parser.unreader.address)


def _deadline(conn: TConn) -> float:
    return float(conn.timeout)
