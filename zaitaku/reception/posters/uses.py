"""Counting how each way in is used: after the answer, within bounds, and never in its way.

No count is worth a patient's page, nor a commit of its own where many come: a process that serves
them leaves what is to be counted to a thread, which does all of a second together. What cannot be
counted then is not counted: the stores may be away.
"""

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID

import psycopg
from sqlalchemy.exc import SQLAlchemyError

from zaitaku.core.clock import Clock, japan_date
from zaitaku.core.database import Database
from zaitaku.core.ephemeral import COUNT_FIELD, EphemeralStore
from zaitaku.core.errors import StoreUnavailable, ZaitakuError
from zaitaku.core.ids import JourneyId, UrlVersionId
from zaitaku.core.together import together
from zaitaku.reception.posters.gathering import Gathering
from zaitaku.reception.posters.model import PosterNumber
from zaitaku.reception.posters.store import use_added

log = logging.getLogger(__name__)

SLOT: Final = timedelta(minutes=10)
WATCHED: Final = timedelta(minutes=60)
"""How far back journeys that began are taken for open ones."""
ARRIVAL_LIFETIME: Final = timedelta(days=2)
"""How long a journey's way in is remembered: longer than any journey lives."""


class _Line(NamedTuple):
    """What one row of the counts is about."""

    version_id: UrlVersionId
    number: PosterNumber
    day: date


@dataclass(frozen=True)
class _Scanned:
    """The entry page was opened."""

    line: _Line


@dataclass(frozen=True)
class _Begun:
    """A journey began by the way of ``line``."""

    journey: JourneyId
    line: _Line
    slot: int


@dataclass(frozen=True)
class _Completed:
    """A journey ended with a consent."""

    journey: JourneyId
    day: date


_Happened = _Scanned | _Begun | _Completed


class UseCounter:
    """Counts scans, journeys that begin, and consents that they end with; raises nothing."""

    def __init__(self, *, database: Database, ephemeral: EphemeralStore, clock: Clock) -> None:
        self._database = database
        self._ephemeral = ephemeral
        self._clock = clock
        self._later = Gathering[_Happened](self._count)

    def gather(self) -> None:
        """Count what happens in a second together, and later, from now on."""
        self._later.wait()

    def close(self) -> None:
        """Count what waits."""
        self._later.close()

    def scanned(self, version_id: UrlVersionId, number: PosterNumber) -> None:
        """Count that the entry page was opened."""
        self._later.add(_Scanned(self._line(version_id, number)))

    def begun(self, version_id: UrlVersionId, number: PosterNumber, journey: JourneyId) -> None:
        """Remember by which way in a journey began, and count it as open."""
        slot = _slot(self._clock.now())
        self._later.add(_Begun(journey, self._line(version_id, number), slot))

    def completed(self, journey: JourneyId) -> None:
        """Count that a journey ended with a consent; asked again, it counts nothing."""
        self._later.add(_Completed(journey, japan_date(self._clock.now())))

    def open_journeys(self, version_id: UrlVersionId) -> int | None:
        """Return how many journeys began in the last hour and have not ended with a consent.

        Some of them were given up: nobody tells when a page is closed. ``None`` when the
        short-lived store is away.
        """
        newest = _slot(self._clock.now())
        slots = range(newest - WATCHED // SLOT, newest + 1)
        try:
            return sum(max(self._open_of(version_id, slot), 0) for slot in slots)
        except StoreUnavailable:
            return None

    def _open_of(self, version_id: UrlVersionId, slot: int) -> int:
        begun, ended = (
            self._ephemeral.read(_slot_key(name, version_id, slot)) or {COUNT_FIELD: "0"}
            for name in ("begun", "ended")
        )
        return int(begun[COUNT_FIELD]) - int(ended[COUNT_FIELD])

    def _line(self, version_id: UrlVersionId, number: PosterNumber) -> _Line:
        return _Line(version_id, number, japan_date(self._clock.now()))

    def _count(self, happened: Sequence[_Happened]) -> None:
        scans = Counter(each.line for each in happened if isinstance(each, _Scanned))
        completions: Counter[_Line] = Counter()
        # The first that finds the short-lived store away speaks for all.
        with _quiet():
            for each in happened:
                if isinstance(each, _Begun):
                    self._open(each)
                elif isinstance(each, _Completed):
                    completions.update(self._ended(each))
        with _quiet():
            self._add(scans, completions)

    def _open(self, begun: _Begun) -> None:
        version_id, number, _ = begun.line
        arrival = {"version": str(version_id), "poster": str(number), "slot": str(begun.slot)}
        if self._ephemeral.create(_arrival_key(begun.journey), arrival, ARRIVAL_LIFETIME):
            self._ephemeral.count(_slot_key("begun", version_id, begun.slot), WATCHED + SLOT)

    def _ended(self, completed: _Completed) -> Iterator[_Line]:
        arrival = self._ephemeral.take(_arrival_key(completed.journey))
        if arrival is None:
            return
        version_id = UrlVersionId(UUID(arrival["version"]))
        yield _Line(version_id, PosterNumber(int(arrival["poster"])), completed.day)
        ended = _slot_key("ended", version_id, int(arrival["slot"]))
        self._ephemeral.count(ended, WATCHED + SLOT)

    def _add(self, scans: Counter[_Line], completions: Counter[_Line]) -> None:
        # In one order: two that wait for each other's rows would wait for ever.
        works = [
            use_added(*line, scans=scans[line], completions=completions[line])
            for line in sorted({*scans, *completions})
        ]
        if len(works) == 1:
            self._database.do(works[0])
        elif works:
            with self._database.transaction() as connection:
                together(connection, *works)


@contextmanager
def _quiet() -> Iterator[None]:
    try:
        yield
    except (ZaitakuError, SQLAlchemyError, psycopg.Error) as error:
        log.info("not counted: %s", type(error).__name__)


def _slot(moment: datetime) -> int:
    return int(moment.timestamp() // SLOT.total_seconds())


def _arrival_key(journey: JourneyId) -> str:
    return f"arrival:{journey}"


def _slot_key(name: str, version_id: UrlVersionId, slot: int) -> str:
    return f"{name}:{version_id}:{slot}"
