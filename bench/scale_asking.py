"""What is asked of the country, and what each answer costs application and database.

The pages are asked inside this process, without a network: a whole journey of a patient with a
card, and the console of a hospital and of a clinic. The WebAPI is not built yet; what is measured
is the page that it will hand out: the next hundred consents in the order of their registration,
after the last that the other side has. The patient's look-up is the same: by the keyed hash of the
card to every consent of that person, wherever it was given.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import Any, Final
from urllib.parse import urlsplit

from flask.testing import FlaskClient
from psutil import Process
from psycopg import Connection
from sqlalchemy import bindparam, select, tuple_
from werkzeug.datastructures import Headers

from bench.scale_data import FACILITIES, HISTORY_YEARS, PEOPLE_PER_CONSENT, handle_of
from bench.scale_data import subject_hash_of as subject_hash
from bench.walker import Card, Walker
from zaitaku import wire
from zaitaku.consent.tables import consent, consent_item, credential
from zaitaku.core.ids import FacilityId
from zaitaku.facilities.tables import facility
from zaitaku.reception.model import Handle
from zaitaku.reception.service import ENTRY_PATH
from zaitaku.reception.tokens import UrlTokens
from zaitaku.services import Services
from zaitaku.work import runner

LIST: Final = "/console/consented-patients"
HOSPITAL: Final[Mapping[str, tuple[str, ...]]] = {
    "list, first page": (LIST,),
    "list, surname": tuple(f"{LIST}?q={name}&size=5" for name in ("佐藤", "タナカ", "花子")),
    "list, days": (f"{LIST}?visit-from=2026-01-01&visit-to=2026-06-30", f"{LIST}?from=2025-01-01"),
    "list, by reading": (f"{LIST}?sort=kana",),
    "list, withdrawn": (f"{LIST}?state=withdrawn&size=5",),
    "list, tenth page": (f"{LIST}?page=10",),
}
WEBAPI_ROWS: Final = 100
LOOKUPS: Final = 5
"""Cheap questions are asked several times a round."""
GROUPS: Final[Mapping[str, tuple[str, ...]]] = {
    "wizard": ("entry", "wizard page", "wizard answer"),
    "registration": ("card's answer", "registration"),
    "console list": (*HOSPITAL, "list, a clinic's"),
    "WebAPI paging": ("WebAPI page",),
    "patient look-up": ("patient look-up",),
    "every minute": ("worker's round",),
}
"""The questions by what the last line of the bench is about."""

_PAGE_KEY = tuple_(consent.c.recorded_at, consent.c.id)
_WEBAPI_PAGE: Final = (
    select(consent.c.id, consent.c.reference, consent.c.recorded_at, consent.c.standing)
    .where(consent.c.facility_id == bindparam("facility"), consent.c.is_listed)
    .where(tuple_(bindparam("after"), bindparam("id")) < _PAGE_KEY)
    .order_by(consent.c.recorded_at, consent.c.id)
    .limit(WEBAPI_ROWS)
)
_LOOKUP: Final = (
    select(facility.c.registered_name, consent.c.reference, consent_item.c.item)
    .add_columns(consent_item.c.state)
    .join_from(credential, consent, consent.c.patient_id == credential.c.patient_id)
    .join(facility, facility.c.id == consent.c.facility_id)
    .join(consent_item, consent_item.c.consent_id == consent.c.id)
    .where(credential.c.subject_hash == bindparam("subject"))
)


@dataclass
class Meter:
    """What the answers took, by question: wall and CPU seconds, pages of 8 KiB that the database
    touched, and bytes that it had to fetch from the disk for them."""

    seconds: dict[str, list[float]] = field(default_factory=dict)
    cpu: dict[str, list[float]] = field(default_factory=dict)
    buffers: dict[str, list[int]] = field(default_factory=dict)
    fetched: dict[str, list[int]] = field(default_factory=dict)

    def clear(self) -> None:
        """Forget what was only to warm up."""
        for kept in (self.seconds, self.cpu, self.buffers, self.fetched):
            kept.clear()

    def add(self, kind: str, seconds: float, cpu: float, buffers: int, fetched: int) -> None:
        """Keep what one answer took."""
        self.seconds.setdefault(kind, []).append(seconds)
        self.cpu.setdefault(kind, []).append(cpu)
        self.buffers.setdefault(kind, []).append(buffers)
        self.fetched.setdefault(kind, []).append(fetched)

    def seconds_from_memory(self, kind: str) -> list[float]:
        """Return the wall seconds of those answers for which nothing came from the disk."""
        taken = zip(self.seconds[kind], self.fetched[kind], strict=True)
        return [seconds for seconds, fetched in taken if not fetched]


@dataclass(frozen=True)
class Side:
    """A database of one size behind the application."""

    count: int
    services: Services
    visitor: FlaskClient
    """Without cookies of its own: each walker brings a browser's."""
    hospital: FlaskClient
    clinic: FlaskClient
    hospital_id: FacilityId
    backends: tuple[Process, ...]
    """The database's processes that answer."""
    statistics: Connection[Any]
    """To the server, from another database than the one that is measured."""
    meter: Meter = field(default_factory=Meter)
    random: Random = field(default_factory=lambda: Random(1))

    @contextmanager
    def measured(self, kind: str) -> Iterator[None]:
        """Measure what happens in the block."""
        pages, fetched, worked = self._pages(), self._fetched(), self._worked()
        began = time.perf_counter()
        yield
        seconds, worked = time.perf_counter() - began, self._worked() - worked
        self.meter.add(kind, seconds, worked, self._pages() - pages, self._fetched() - fetched)

    def _pages(self) -> int:
        row = self.statistics.execute(
            "SELECT coalesce(sum(shared_blks_hit + shared_blks_read), 0) FROM pg_stat_statements"
            " JOIN pg_database ON oid = dbid WHERE datname = %s",
            (self.services.database.url.database,),
        ).fetchone()
        return int(row[0]) if row else 0

    def _fetched(self) -> int:
        return sum(each.io_counters().read_bytes for each in self.backends)

    def _worked(self) -> float:
        # Of the server the kernel tells whole ticks only: a mean of many is right, one is not.
        times = [each.cpu_times() for each in self.backends]
        return time.process_time() + sum(each.user + each.system for each in times)


@dataclass(frozen=True)
class Answer:
    """What a walker reads of an answer."""

    status: int
    headers: Headers
    data: bytes

    def json(self) -> Any:
        """Return the body as the JSON value that it is."""
        return json.loads(self.data)


@dataclass(frozen=True)
class Inside:
    """A ``bench.walker.Client`` that asks the application in this process."""

    side: Side

    def request(
        self,
        method: str,
        url: str,
        *,
        body: str | None = None,
        headers: Mapping[str, str] | None = None,
        redirect: bool = False,
    ) -> Answer:
        """Ask for a page; where it leads is the walker's to follow."""
        assert not redirect
        parts = urlsplit(url)
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        with self.side.measured(_kind_of(method, path)):
            found = self.side.visitor.open(
                path,
                method=method,
                data=body,
                headers=dict(headers or {}),
                base_url=self.side.services.settings.origin,
            )
        return Answer(found.status_code, found.headers, found.data)


def _kind_of(method: str, path: str) -> str:
    if path.startswith(ENTRY_PATH):
        return "entry"
    if path == wire.PROOF_PATH:
        return "card's answer"
    if "/card/return" in path:
        return "registration"
    return "wizard answer" if method == "POST" else "wizard page"


def ask_everything(side: Side, card: Card) -> None:
    """Ask every question once or some times; ``card`` registers a consent and was never used."""
    _journey(side, card)
    for kind, paths in HOSPITAL.items():
        for path in paths:
            _open(side, side.hospital, kind, path)
    _open(side, side.clinic, "list, a clinic's", LIST)
    for _ in range(LOOKUPS):
        _ask(side, "WebAPI page", _webapi_page)
        _ask(side, "patient look-up", _lookup)
    with side.measured("worker's round"):
        runner(side.services).clean_up()


def _journey(side: Side, card: Card) -> None:
    settings = side.services.settings
    handle = Handle(handle_of(side.random.randrange(2, FACILITIES + 2)))
    entry = settings.origin + ENTRY_PATH + UrlTokens(settings.url_keys).write(handle)
    Walker(Inside(side), settings.origin).give_consent(entry, card)


def _open(side: Side, client: FlaskClient, kind: str, path: str) -> None:
    with side.measured(kind):
        answer = client.get(path, base_url=side.services.settings.origin)
    if answer.status_code != 200:
        raise RuntimeError(f"{path}: {answer.status_code}")


def _ask(side: Side, kind: str, question: Callable[[Side], None]) -> None:
    with side.measured(kind):
        question(side)


def _webapi_page(side: Side) -> None:
    days = side.random.uniform(200, 365 * HISTORY_YEARS - 1)
    after = side.services.clock.now().timestamp() - days * 86_400
    place = {
        "facility": side.hospital_id,
        "after": datetime.fromtimestamp(after, side.services.clock.now().tzinfo),
        "id": side.hospital_id,
    }
    with side.services.database.reading() as connection:
        _counted(connection.execute(_WEBAPI_PAGE, place).all(), WEBAPI_ROWS)


def _lookup(side: Side) -> None:
    person = side.random.randrange(1, round(side.count * PEOPLE_PER_CONSENT) + 1)
    with side.services.database.reading() as connection:
        _counted(connection.execute(_LOOKUP, {"subject": subject_hash(person)}).all(), 4)


def _counted(rows: object, at_least: int) -> None:
    if not isinstance(rows, list) or len(rows) < at_least:
        raise RuntimeError("the country is not as it was made")
