"""Counting how each way in is used: after the answer, within bounds, and never in its way.

No count is worth a patient's page, nor a commit of its own where many come: a process that serves
them adds up the counts of a second. What cannot be counted then is not counted: the stores may be
away, and no more than a few journeys are noted at the same time in one process.
"""

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import partial
from threading import BoundedSemaphore
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

AT_ONCE: Final = 4
"""Journeys that are noted at the same time in one process; one more is dropped."""
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


class _Use(StrEnum):
    """What is counted in it."""

    SCANS = "scans"
    COMPLETIONS = "completions"


class UseCounter:
    """Counts scans, journeys that begin, and consents that they end with; raises nothing."""

    def __init__(self, *, database: Database, ephemeral: EphemeralStore, clock: Clock) -> None:
        self._database = database
        self._ephemeral = ephemeral
        self._clock = clock
        self._room = BoundedSemaphore(AT_ONCE)
        self._uses = Gathering[tuple[_Line, _Use]](self._write)

    def gather(self) -> None:
        """Write the counts of a second together, from now on."""
        self._uses.wait()

    def close(self) -> None:
        """Write what was gathered."""
        self._uses.close()

    def scanned(self, version_id: UrlVersionId, number: PosterNumber) -> None:
        """Count that the entry page was opened."""
        self._add(version_id, number, _Use.SCANS)

    def begun(self, version_id: UrlVersionId, number: PosterNumber, journey: JourneyId) -> None:
        """Remember by which way in a journey began, and count it as open."""
        self._quietly(partial(self._open, version_id, number, journey))

    def completed(self, journey: JourneyId) -> None:
        """Count that a journey ended with a consent; asked again, it counts nothing."""
        self._quietly(partial(self._end, journey))

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

    def _add(self, version_id: UrlVersionId, number: PosterNumber, use: _Use) -> None:
        self._uses.add((_Line(version_id, number, japan_date(self._clock.now())), use))

    def _write(self, sums: Mapping[tuple[_Line, _Use], int]) -> None:
        # In one order: two that wait for each other's rows would wait for ever.
        works = [
            use_added(
                *line,
                scans=sums.get((line, _Use.SCANS), 0),
                completions=sums.get((line, _Use.COMPLETIONS), 0),
            )
            for line in sorted({line for line, _ in sums})
        ]
        with _quiet():
            if len(works) == 1:
                self._database.do(works[0])
                return
            with self._database.transaction() as connection:
                together(connection, *works)

    def _open(self, version_id: UrlVersionId, number: PosterNumber, journey: JourneyId) -> None:
        slot = _slot(self._clock.now())
        arrival = {"version": str(version_id), "poster": str(number), "slot": str(slot)}
        if self._ephemeral.create(_arrival_key(journey), arrival, ARRIVAL_LIFETIME):
            self._ephemeral.count(_slot_key("begun", version_id, slot), WATCHED + SLOT)

    def _end(self, journey: JourneyId) -> None:
        arrival = self._ephemeral.take(_arrival_key(journey))
        if arrival is None:
            return
        version_id = UrlVersionId(UUID(arrival["version"]))
        ended = _slot_key("ended", version_id, int(arrival["slot"]))
        self._ephemeral.count(ended, WATCHED + SLOT)
        self._add(version_id, PosterNumber(int(arrival["poster"])), _Use.COMPLETIONS)

    def _quietly(self, count: Callable[[], None]) -> None:
        if not self._room.acquire(blocking=False):
            log.info("not counted: too many at once")
            return
        try:
            with _quiet():
                count()
        finally:
            self._room.release()


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
