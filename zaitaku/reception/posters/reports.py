"""How a channel's URL is used: days for the plot, posters and versions for the tables."""

from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Final

from sqlalchemy import Connection

from zaitaku.core.clock import Clock, japan_date
from zaitaku.core.database import Database
from zaitaku.core.days import read_day
from zaitaku.core.errors import InvalidField
from zaitaku.core.ids import FacilityId
from zaitaku.facilities.model import Channel
from zaitaku.reception.model import retirement_days
from zaitaku.reception.posters.model import PosterNumber
from zaitaku.reception.posters.store import Source, UseStore, forget_uses_before
from zaitaku.reception.store import ReceptionStore

RECENT_DAYS: Final = 30
"""How far back a poster counts as still in use."""
MOST_DAYS: Final = 731
DAILY: Final = 62
"""Up to so many days the plot has a bar a day; beyond it a bar a month."""
FIRST_DAY: Final = date(2020, 1, 1)


class Unit(StrEnum):
    """What one bar of the plot stands for."""

    DAY = "day"
    MONTH = "month"


@dataclass(frozen=True)
class Period:
    """Calendar days in Japan, both ends included."""

    first: date
    last: date

    @property
    def days(self) -> int:
        """How many days it has."""
        return (self.last - self.first).days + 1

    @property
    def unit(self) -> Unit:
        """What one bar of its plot stands for."""
        return Unit.DAY if self.days <= DAILY else Unit.MONTH


@dataclass(frozen=True)
class Bar:
    """The counts of a day, or of a month from its first counted day on."""

    begin: date
    scans: int
    completions: int


@dataclass(frozen=True)
class Report:
    """The counts of one channel within a period."""

    period: Period
    bars: tuple[Bar, ...]
    """Without gaps: a day or month without counts has zeros."""
    sources: tuple[Source, ...]
    """Of every version and poster that was used at all."""

    @property
    def scans(self) -> int:
        """How often the entry page was opened."""
        return sum(bar.scans for bar in self.bars)

    @property
    def completions(self) -> int:
        """How many consents were registered."""
        return sum(bar.completions for bar in self.bars)


def period_of(values: Mapping[str, str], today: date) -> Period:
    """Return the days that ``from`` and ``to`` ask for; without them the last 30.

    Raises:
        InvalidField: rule ``not-a-date``, ``before-from``, ``too-long`` (over two years) or
            ``out-of-range`` (before 2020 or after today).
    """
    last = _day(values, "to") or today
    if not FIRST_DAY <= last <= today:
        raise InvalidField("to", "out-of-range")
    first = _day(values, "from") or max(last - timedelta(days=RECENT_DAYS - 1), FIRST_DAY)
    if first < FIRST_DAY:
        raise InvalidField("from", "out-of-range")
    if last < first:
        raise InvalidField("to", "before-from")
    if (last - first).days >= MOST_DAYS:
        raise InvalidField("from", "too-long")
    return Period(first, last)


class UseReports:
    """Reads the counts of one facility's channels; forgets those that are too old."""

    def __init__(self, *, database: Database, clock: Clock, keep_days: int) -> None:
        self._database = database
        self._clock = clock
        self._keep_days = keep_days

    def report(
        self,
        facility_id: FacilityId,
        channel: Channel,
        period: Period,
        number: PosterNumber | None = None,
    ) -> Report:
        """Return the counts of a period; ``number`` narrows the bars to one poster."""
        with self._database.reading() as connection:
            store = UseStore(connection, facility_id, channel)
            days = store.days(period.first, period.last, number)
            retired = _retired(connection, facility_id, channel)
            sources = store.sources(period.first, period.last, retired)
        return Report(period, tuple(_bars(period, days)), sources)

    def recent(self, facility_id: FacilityId, channel: Channel) -> tuple[Source, ...]:
        """Return what was used within the last 30 days, by version and poster."""
        with self._database.reading() as connection:
            store = UseStore(connection, facility_id, channel)
            retired = _retired(connection, facility_id, channel)
            return store.sources(*self._recent_days(), retired)

    def lines(
        self, facility_id: FacilityId, channel: Channel, period: Period
    ) -> Generator[tuple[date, int, PosterNumber, int, int], None, None]:
        """Yield day, version, poster, scans and completions, read as they are asked for."""
        with self._database.reading() as connection:
            store = UseStore(connection, facility_id, channel)
            yield from store.lines(period.first, period.last)

    def forget(self) -> int:
        """Remove what is too old in all facilities; the worker does it now and then.

        Raises:
            StoreUnavailable: the database is away.
        """
        with self._database.transaction() as connection:
            return forget_uses_before(connection, self.oldest_day)

    @property
    def oldest_day(self) -> date:
        """The first day whose counts are kept."""
        return self.today() - timedelta(days=self._keep_days)

    def today(self) -> date:
        """Return the present day in Japan."""
        return japan_date(self._clock.now())

    def _recent_days(self) -> tuple[date, date]:
        today = self.today()
        return today - timedelta(days=RECENT_DAYS - 1), today


def _retired(
    connection: Connection, facility_id: FacilityId, channel: Channel
) -> Mapping[int, date]:
    return retirement_days(ReceptionStore(connection, facility_id).events(channel))


def _bars(period: Period, days: Mapping[date, tuple[int, int]]) -> Iterable[Bar]:
    sums: dict[date, tuple[int, int]] = {}
    for step in range(period.days):
        day = period.first + timedelta(days=step)
        begin = day if period.unit is Unit.DAY else day.replace(day=1)
        scans, completions = days.get(day, (0, 0))
        before = sums.get(begin, (0, 0))
        sums[begin] = (before[0] + scans, before[1] + completions)
    return (Bar(begin, *counted) for begin, counted in sums.items())


def _day(values: Mapping[str, str], name: str) -> date | None:
    typed = values.get(name, "")
    return read_day(name, typed) if typed.strip() else None
