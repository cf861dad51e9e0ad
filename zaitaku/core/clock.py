"""Time as a thing that is handed over, so that a test can hold it."""

from datetime import UTC, date, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

JST = ZoneInfo("Asia/Tokyo")


class Clock(Protocol):
    """Tells the present moment."""

    def now(self) -> datetime:
        """Return the present moment, aware, in UTC."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """Return the machine's present moment in UTC."""
        return datetime.now(UTC)


class FixedClock:
    """A clock that moves only when it is told to (tests, previews)."""

    def __init__(self, moment: datetime) -> None:
        self.moment = moment

    def now(self) -> datetime:
        """Return the held moment, in UTC."""
        return self.moment.astimezone(UTC)

    def advance(self, step: timedelta) -> None:
        """Move the held moment by ``step``; a negative step turns it back."""
        self.moment += step


def is_within(span: timedelta, moment: datetime, now: datetime) -> bool:
    """Tell whether ``moment`` lies less than ``span`` away from ``now``, before or after it.

    Whoever wrote it down may have had a clock that was far ahead: what happened "lately" must not
    stay lately until the right clocks have come that far.
    """
    return abs(now - moment) < span


def japan_date(moment: datetime) -> date:
    """Return the calendar day in Japan at ``moment``."""
    return moment.astimezone(JST).date()
