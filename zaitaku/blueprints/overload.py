"""What a process does when more come than it can serve: a gate before everything else.

It stands before the application, because who is turned away must cost next to nothing. Whoever has
begun is served first (``core.gate``), new journeys begin at the rate at which all their pages can
be served (``core.permits``), and the others stand in a line that all processes share
(``core.line``). While there is no overload, a request passes one lock and two looks at a watch.
"""

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from json import dumps
from random import SystemRandom
from time import monotonic
from typing import Any, Final

from flask import Flask
from werkzeug.wrappers import Request

from zaitaku.blueprints import bodies, request_log
from zaitaku.blueprints.bodies import Bodies, Refused
from zaitaku.blueprints.edge import EXTENSION
from zaitaku.blueprints.messages import SiteRequest
from zaitaku.blueprints.pages import TextSize
from zaitaku.blueprints.places import INSIDE, Ticket, cookie_for, ticket_of
from zaitaku.blueprints.ranks import Claim, Claims, rank_of, session_of
from zaitaku.blueprints.waiting import (
    BUSY_SECONDS,
    LINE_PATH,
    Kind,
    Reader,
    WaitingPages,
    kept_fields,
)
from zaitaku.core.gate import ACTIVE, Gate, GateState, Rank
from zaitaku.core.languages import Language
from zaitaku.core.line import Line, Place
from zaitaku.core.permits import Permits
from zaitaku.core.watch import Happening, Level
from zaitaku.services import Services
from zaitaku.wire import KEYS_PATH

log = logging.getLogger(__name__)

OVERLOAD: Final = "zaitaku.overload"
"""Where an application keeps its ``Overload``."""
_TOLD_EVERY_SECONDS: Final = 1.0
_SPREAD: Final = 0.2
_QUERY_LENGTH: Final = 2000
_QUERY_FIELDS: Final = 20
"""Whoever is sent away with more than any page of ours has in its address comes back without."""
_EMPTY: Final = ("204", "304")
"""Answers that have no body, and so no length (RFC 9110 §8.6)."""
_BUSY: Final = HTTPStatus.SERVICE_UNAVAILABLE
_HTML: Final = "text/html"
_JSON: Final = "application/json"
_MALFORMED: Final = dumps({"error": "malformed"}).encode()
_FAILED: Final = HTTPStatus.INTERNAL_SERVER_ERROR
_UNEXPECTED: Final = dumps({"error": "unexpected"}).encode()
_CAME: Final = "zaitaku.came"
"""Where a request keeps when it came (``time.monotonic``)."""
_STRETCH_SECONDS: Final = 0.5
"""So long long work goes on before it lets others go first."""
_TURN: Final = "zaitaku.turn"
"""Where a request keeps its turn."""
_IN_LINE: Final = "(line)"
_SENT_AWAY: Final = "(busy)"
_UNREAD: Final = "(unread)"
_AT_THE_GATE: Final = "(gate)"
"""What stands for a route in logs and metrics when the gate itself has answered."""

_ENTRY: Final = "/r/"
_PROGRAMS: Final = ("/api/", KEYS_PATH)

Environ = dict[str, Any]
Start = Callable[..., Any]
Application = Callable[[Environ, Start], Iterable[bytes]]


@dataclass(frozen=True)
class OverloadState:
    """What may be watched."""

    gate: GateState
    waiting: int
    """People in line who still ask."""
    permits: int
    """Journeys that may begin at this moment."""
    entries_per_second: float
    """The rate at which this process lets people begin, as it measures it."""


def add(app: Flask) -> None:
    """Put the gate before ``app``."""
    overload = Overload(app, app.wsgi_app)
    app.extensions[OVERLOAD] = overload
    app.wsgi_app = overload  # type: ignore[assignment,method-assign]


def give_way(environ: Environ) -> None:
    """Let others go first who wait for the turn of this request; long work does between its parts.

    So it does now and then only: each time it may stand aside for a while.
    """
    turn: _Turn | None = environ.get(_TURN)
    if turn is not None:
        turn.give_way()


class Overload:
    """The gate of one application, as WSGI middleware (PEP 3333)."""

    def __init__(self, app: Flask, inner: Application) -> None:
        self._app = app
        self._inner = inner
        self.gate = Gate()
        self.permits = Permits(ACTIVE)
        self.line = Line(ephemeral=lambda: self._services.ephemeral, permits=self.permits)
        self.claims = Claims(app)
        self._bodies = Bodies(app)
        self._answers = _Answers(app)
        self._tell_due = 0.0

    def __call__(self, environ: Environ, start: Start) -> Iterable[bytes]:
        """Answer, or give the request its turn; what fails here is told like any failure."""
        environ[_CAME] = now = monotonic()
        try:
            return self._answer(now, environ, start)
        except Exception as error:  # behind it there is only the bare server
            if self._app.config["PROPAGATE_EXCEPTIONS"]:
                raise
            return self._answers.failed(environ, start, error)

    def _answer(self, now: float, environ: Environ, start: Start) -> Iterable[bytes]:
        if now >= self._tell_due:
            self._tell_due = now + _TOLD_EVERY_SECONDS
            self._tell()
        path, method = environ["PATH_INFO"], environ["REQUEST_METHOD"]
        rank = rank_of(method, path)
        if rank is None:
            return self._unguarded(path, environ, start)
        # A HEAD begins nothing.
        if rank is Rank.ENTERING and path.startswith(_ENTRY) and method != "HEAD":
            return self._enter(environ, start)
        return self._in_turn(rank, environ, start)

    def state(self) -> OverloadState:
        """Return how things stand in this process."""
        permits = self.permits
        return OverloadState(self.gate.state(), self.line.waiting(), permits.left, permits.rate)

    def _tell(self) -> None:
        try:
            state, watch = self.state(), self._services.watch
            watch.stands_at(Level.WAITING, state.waiting)
            watch.stands_at(Level.PERMITS, state.permits)
            watch.stands_at(Level.TURNS_WANTED, state.gate.waiting)
        except Exception as error:  # noqa: BLE001 - no gauge is worth somebody's page
            self._answers.tell_failure(error)

    @property
    def _services(self) -> Services:
        found: Services = self._app.extensions[EXTENSION]
        return found

    def _unguarded(self, path: str, environ: Environ, start: Start) -> Iterable[bytes]:
        bodies.leave(environ)
        if path != LINE_PATH:
            return self._inner(environ, start)
        ticket = ticket_of(environ, self._services)
        place = self.line.standing(ticket.number if ticket else None)
        cookies = [cookie_for(ticket, self._services)] if ticket and place else []
        return self._answers.news(environ, start, place, cookies)

    def _enter(self, environ: Environ, start: Start) -> Iterable[bytes]:
        ticket = ticket_of(environ, self._services)
        if ticket and ticket.is_inside:
            return self._in_turn(Rank.ENTERING, environ, start)
        place = self._knock(ticket.number if ticket else None)
        if place is not None:
            watch = self._services.watch
            watch.happened(Happening.ADMISSION, Rank.ENTERING.name.lower(), "in-line")
            waits = [cookie_for(Ticket(place.number), self._services)] if place.number else []
            return self._answers.waiting(environ, start, Kind.LINE, place=place, cookies=waits)
        if ticket or self.line.length or self.permits.are_scarce:
            start = _with(start, cookie_for(INSIDE, self._services))
        return self._in_turn(Rank.ENTERING, environ, start)

    def _knock(self, number: int | None) -> Place | None:
        try:
            return self.line.knock(number)
        except Exception as error:  # noqa: BLE001 - as if there were no line
            self._answers.tell_failure(error)
            return None if self.permits.take() else Place(None)

    def _in_turn(self, rank: Rank, environ: Environ, start: Start) -> Iterable[bytes]:
        try:
            reading = self._bodies.read(environ)
        except Refused as refused:
            refused.tell(self._services.watch)
            return self._answers.refuse(environ, start, refused.status)
        try:
            return self._take_turn(rank, environ, start)
        finally:
            self._bodies.done(reading)

    def _take_turn(self, rank: Rank, environ: Environ, start: Start) -> Iterable[bytes]:
        came = monotonic()
        claim = self._turn_for(rank, environ)
        if claim is None:
            return self._answers.busy(environ, start, self.gate)
        environ[_TURN] = turn = _Turn(self, claim, came)
        try:
            return turn.end_unless_streamed(self._inner(environ, turn.watching(start)))
        except BaseException:
            turn.close()
            raise
        finally:
            environ.pop(_TURN, None)  # a server that drops the answer drops its turn as well

    def _turn_for(self, rank: Rank, environ: Environ) -> Claim | None:
        """Return the claim under which a turn came; ``None``: none did."""
        if self.gate.enter_at_once(rank):
            return Claim(rank)
        claim = self.claims.of(rank, environ)
        if self.gate.enter(claim.rank):
            return claim
        self.claims.end(claim)
        if claim.rank <= Rank.UNDER_WAY:
            self.permits.note_sent_away()
        watch = self._services.watch
        watch.happened(Happening.ADMISSION, claim.rank.name.lower(), "sent-away")
        return None


class _Turn:
    """A request that is worked on.

    Its turn ends when its answer is ready, and when it is made while it is sent, with its last
    part; so what is long is made before (``console.files``). What the application does after
    sending counts as work, but holds nobody up.
    """

    def __init__(self, overload: Overload, claim: Claim, came: float) -> None:
        self._overload = overload
        self._claim = claim
        self._rank = claim.rank
        self._began = monotonic()
        self._waited = self._began - came
        self._beside = overload.gate.active
        self._is_streamed = False
        self._is_over = False
        self._resumed = self._began
        self._body: Iterable[bytes] = ()

    def watching(self, start: Start) -> Start:
        """Return ``start`` (PEP 3333), which sees what kind of answer it is."""

        def started(status: str, headers: list[tuple[str, str]], *rest: object) -> object:
            has_end = "Content-Length" in dict(headers)
            self._is_streamed = not has_end and not status.startswith(_EMPTY)
            return start(status, headers, *rest)

        return started

    def end_unless_streamed(self, body: Iterable[bytes]) -> Iterable[bytes]:
        """Return the answer's body."""
        self._body = body
        if self._is_streamed:
            return self
        self.end()
        return self if hasattr(body, "close") else body

    def give_way(self) -> None:
        """Let others go first; see ``give_way`` above."""
        stood_aside = monotonic()
        if self._is_over or stood_aside - self._resumed < _STRETCH_SECONDS:
            return
        self._overload.gate.give_way(self._rank)
        self._resumed = monotonic()
        self._began += self._resumed - stood_aside

    def end(self) -> None:
        """Give the turn back, once."""
        if not self._is_over:
            self._is_over = True
            gate, rank = self._overload.gate, self._rank
            together = max(1.0, (self._beside + gate.active) / 2)
            gate.leave()
            self._overload.claims.end(self._claim)
            self._overload.permits.note(
                worked=monotonic() - self._began,
                together=together,
                waited=self._waited,
                is_journey=rank is not Rank.CONSOLE,
                is_page=rank <= Rank.UNDER_WAY,
            )

    def __iter__(self) -> Iterator[bytes]:
        # Not "yield from": a server that stops early would close the body twice.
        for part in self._body:  # noqa: UP028
            yield part
        self.end()

    def __del__(self) -> None:
        # A server that drops an answer must not keep its turn for ever.
        self.end()

    def close(self) -> None:
        """Do what is left to do after sending (PEP 3333, ``close``)."""
        self.end()
        close = getattr(self._body, "close", None)
        if close:
            began = monotonic()
            close()
            if self._rank is not Rank.CONSOLE:
                self._overload.permits.note_further(monotonic() - began)


@dataclass(frozen=True)
class _Answer:
    """What the gate answers itself; ``route`` stands for it in logs and metrics."""

    status: HTTPStatus
    route: str
    media_type: str
    body: bytes


class _Answers:
    """What is said to whoever has to wait."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._pages = WaitingPages(app)
        self._random = SystemRandom()
        self._told_at = 0.0
        self._failed_at = 0.0

    def waiting(
        self,
        environ: Environ,
        start: Start,
        kind: Kind,
        *,
        place: Place | None = None,
        cookies: list[tuple[str, str]],
    ) -> list[bytes]:
        """Answer with a waiting page, or with what a program understands."""
        pause = self._spread(place.pause if place else BUSY_SECONDS)
        further = [("Retry-After", str(pause)), *cookies]
        route = _IN_LINE if kind is Kind.LINE else _SENT_AWAY
        if _wants_json(environ):
            body = dumps({"error": "busy", "retry_after": pause}).encode()
            return self._send(environ, start, _Answer(_BUSY, route, _JSON, body), further)
        request = _request(environ)
        kept = self._session(request)
        fields = kept_fields(environ, kept) if kind is Kind.SENT else ""
        page = self._pages.page(
            Kind.LOST if kind is Kind.SENT and not fields else kind,
            _reader(request, kept),
            request,
            pause=pause,
            place=place,
            fields=fields,
        )
        return self._send(environ, start, _Answer(_BUSY, route, _HTML, page.encode()), further)

    def busy(self, environ: Environ, start: Start, gate: Gate) -> list[bytes]:
        """Answer somebody whose turn did not come."""
        self._log(gate)
        if bodies.LEFT in environ:
            return self.refuse(environ, start, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        return self.waiting(environ, start, _kind_of(environ), cookies=[])

    def failed(self, environ: Environ, start: Start, error: Exception) -> list[bytes]:
        """Answer somebody whose request has met a mistake of ours."""
        self.tell_failure(error)
        if _wants_json(environ):
            answer = _Answer(_FAILED, _AT_THE_GATE, _JSON, _UNEXPECTED)
        else:
            request = _request(environ)
            page = self._pages.failure(_reader(request, {}), request)
            answer = _Answer(_FAILED, _AT_THE_GATE, _HTML, page.encode())
        try:
            return self._send(environ, start, answer, [])
        except AssertionError:  # the application has begun an answer, of which nothing was sent
            again = partial(start, exc_info=(type(error), error, error.__traceback__))
            return self._send(environ, again, answer, [])

    def tell_failure(self, error: Exception) -> None:
        """Log a mistake of ours, though not for each of a crowd."""
        now = monotonic()
        if now - self._failed_at >= _TOLD_EVERY_SECONDS:
            self._failed_at = now
            log.error("the gate has failed", exc_info=error)

    def refuse(self, environ: Environ, start: Start, status: HTTPStatus) -> list[bytes]:
        """Answer somebody who has sent what could not be read."""
        if status is _BUSY:
            return self.waiting(environ, start, Kind.LOST, cookies=[])
        further = []
        if status is HTTPStatus.REQUEST_TIMEOUT:
            further = [("Retry-After", str(self._spread(BUSY_SECONDS)))]
        if _wants_json(environ):
            answer = _Answer(status, _UNREAD, _JSON, _MALFORMED)
        else:
            request = _request(environ)
            page = self._pages.refusal(_reader(request, self._session(request)), request)
            answer = _Answer(status, _UNREAD, _HTML, page.encode())
        return self._send(environ, start, answer, further)

    def news(
        self, environ: Environ, start: Start, place: Place | None, cookies: list[tuple[str, str]]
    ) -> list[bytes]:
        """Tell a waiting page's script how far the line is."""
        language = _language(_request(environ).args.get("lang")) or Language.JAPANESE
        body = self._pages.news(language, place)
        return self._send(environ, start, _Answer(HTTPStatus.OK, LINE_PATH, _JSON, body), cookies)

    def _send(
        self, environ: Environ, start: Start, answer: "_Answer", further: list[tuple[str, str]]
    ) -> list[bytes]:
        found: Services = self._app.extensions[EXTENSION]
        name = request_log.answered_before(
            found.watch,
            method=environ["REQUEST_METHOD"],
            route=answer.route,
            status=answer.status,
            seconds=monotonic() - environ[_CAME],
        )
        headers = [*self._pages.headers(answer.media_type), ("X-Request-Id", name), *further]
        length = ("Content-Length", str(len(answer.body)))
        start(f"{answer.status.value} {answer.status.phrase}", [*headers, length])
        return [b"" if environ["REQUEST_METHOD"] == "HEAD" else answer.body]

    def _session(self, request: Request) -> dict[str, Any]:
        return {} if _is_staff(request) else session_of(self._app, request)

    def _spread(self, seconds: int) -> int:
        # Not everybody at once.
        return round(seconds * (1 + _SPREAD * self._random.random()))

    def _log(self, gate: Gate) -> None:
        now = monotonic()
        if now - self._told_at >= _TOLD_EVERY_SECONDS:
            self._told_at = now
            turned = dict(zip((rank.name for rank in Rank), gate.state().turned_away, strict=True))
            log.warning("overloaded", extra={"turned_away": turned})


def _wants_json(environ: Environ) -> bool:
    if environ["REQUEST_METHOD"] == "HEAD" or environ["PATH_INFO"].startswith(_PROGRAMS):
        return True
    accepted = environ.get("HTTP_ACCEPT", "")
    return _JSON in accepted and _HTML not in accepted


def _kind_of(environ: Environ) -> Kind:
    if environ["REQUEST_METHOD"] == "POST":
        return Kind.SENT
    return Kind.RETURN if environ["PATH_INFO"].endswith("/return") else Kind.BUSY


def _request(environ: Environ) -> Request:
    query = environ.get("QUERY_STRING", "")
    is_usual = len(query) <= _QUERY_LENGTH and query.count("&") <= _QUERY_FIELDS
    return SiteRequest(environ if is_usual else {**environ, "QUERY_STRING": ""})


def _is_staff(request: Request) -> bool:
    return request.path.startswith("/console")


def _reader(request: Request, kept: dict[str, Any]) -> Reader:
    if _is_staff(request):
        return Reader(is_staff=True)
    asked = request.args
    language = _language(asked.get("lang")) or _language(kept.get("lang"))
    size = asked.get("size") or kept.get("size")
    return Reader(
        language or Language.JAPANESE,
        TextSize(size) if size in set(TextSize) else TextSize.STANDARD,
    )


def _language(tag: str | None) -> Language | None:
    return Language(tag) if tag in set(Language) else None


def _with(start: Start, header: tuple[str, str]) -> Start:
    def started(status: str, headers: list[tuple[str, str]], *rest: object) -> object:
        return start(status, [*headers, header], *rest)

    return started
