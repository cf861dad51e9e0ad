"""Days that people type: full-width digits, Reiwa years, missing zeros."""

import re
import unicodedata
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, Self

from zaitaku.core.errors import InvalidField

FIELD: Final = "visit_date"
LONGEST_WAIT: Final = timedelta(days=366)
"""A booking lies at most this far ahead."""

_REIWA_BEFORE_FIRST: Final = 2018
_CENTURY: Final = 2000
_NUMBER: Final = re.compile(r"[0-9]{1,4}")
_TWO_DIGITS: Final = 99


@dataclass(frozen=True)
class TypedDate:
    """Year, month and day as they were typed."""

    year: str
    month: str
    day: str

    @classmethod
    def of(cls, day: date) -> Self:
        """Return how ``day`` would be typed."""
        return cls(str(day.year), str(day.month), str(day.day))

    def read(self, today: date) -> date:
        """Return the day that is meant.

        A year of one or two digits is a Reiwa year or the end of a Christian one, whichever gives
        a day that can be booked.

        Raises:
            InvalidField: on ``visit_date``, by the rule ``required``, ``no-such-day``, ``past`` or
                ``too-far``.
        """
        parts = [_digits(part) for part in (self.year, self.month, self.day)]
        if not any(parts):
            raise InvalidField(FIELD, "required")
        days = _possible_days(parts)
        if not days:
            raise InvalidField(FIELD, "no-such-day")
        meant = next((day for day in days if is_bookable(day, today)), days[0])
        check_bookable(meant, today)
        return meant


def is_bookable(day: date, today: date) -> bool:
    """Tell whether ``day`` is today or lies at most ``LONGEST_WAIT`` ahead."""
    return today <= day <= today + LONGEST_WAIT


def check_bookable(day: date, today: date) -> None:
    """Refuse a day that cannot be a 受診日.

    Raises:
        InvalidField: on ``visit_date``, by the rule ``past`` or ``too-far``.
    """
    if not is_bookable(day, today):
        raise InvalidField(FIELD, "past" if day < today else "too-far")


def read_linked(text: str, today: date) -> date:
    """Return the day that a link carries (``YYYY-MM-DD``).

    Raises:
        InvalidField: as ``TypedDate.read`` does.
    """
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise InvalidField(FIELD, "no-such-day") from error
    check_bookable(day, today)
    return day


def _digits(typed: str) -> str:
    plain = unicodedata.normalize("NFKC", typed)
    return "".join(plain.split()).strip("年月日-/.")


def _possible_days(parts: list[str]) -> list[date]:
    if not all(_NUMBER.fullmatch(part) for part in parts):
        return []
    year, month, day = (int(part) for part in parts)
    days = (_day(possible, month, day) for possible in _possible_years(year))
    return [possible for possible in days if possible]


def _possible_years(year: int) -> tuple[int, ...]:
    return (year,) if year > _TWO_DIGITS else (_REIWA_BEFORE_FIRST + year, _CENTURY + year)


def _day(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None
