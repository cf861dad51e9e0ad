"""診療年月: the months for which medical information is asked (domain.md §8)."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Final, Self

from zaitaku.core.errors import InvalidField

LONGEST_MONTHS: Final = 60
"""What is kept of a person behind the provider: five years."""
_FIRST_YEAR: Final = 2000
_LAST_YEAR: Final = 2999
_MONTHS: Final = 12


@dataclass(frozen=True, order=True)
class Month:
    """One calendar month.

    Raises:
        InvalidField: there is no such month, or it is in an impossible year.
    """

    year: int
    month: int

    def __post_init__(self) -> None:
        if not (_FIRST_YEAR <= self.year <= _LAST_YEAR and 1 <= self.month <= _MONTHS):
            raise InvalidField("month", "not-a-month")

    @classmethod
    def of(cls, day: date) -> Self:
        """Return the month in which ``day`` is."""
        return cls(day.year, day.month)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``2026-11``, as a browser's month field writes it.

        Raises:
            InvalidField: it is written otherwise, or there is no such month.
        """
        year, hyphen, month = text.partition("-")
        is_written = len(year) == len("2026") and len(month) == len("11") and bool(hyphen)
        if not (is_written and f"{year}{month}".isascii() and f"{year}{month}".isdigit()):
            raise InvalidField("month", "not-a-month")
        return cls(int(year), int(month))

    def plus(self, months: int) -> Self:
        """Return the month that is so many later; a negative number: earlier."""
        years, month = divmod(self.month - 1 + months, _MONTHS)
        return type(self)(self.year + years, month + 1)

    def __str__(self) -> str:
        return f"{self.year:04d}-{self.month:02d}"


@dataclass(frozen=True)
class MonthRange:
    """From one month to another, both included.

    Raises:
        InvalidField: the last is before the first (``to``, ``before-from``), or there are more
            than ``LONGEST_MONTHS`` (``to``, ``too-long``).
    """

    first: Month
    last: Month

    def __post_init__(self) -> None:
        if self.last < self.first:
            raise InvalidField("to", "before-from")
        if len(self) > LONGEST_MONTHS:
            raise InvalidField("to", "too-long")

    @classmethod
    def latest(cls, months: int, *, today: date) -> Self:
        """Return the latest so many months, the present one included.

        Raises:
            InvalidField: fewer than one, or more than ``LONGEST_MONTHS``.
        """
        if not 1 <= months <= LONGEST_MONTHS:
            raise InvalidField("months", "out-of-range")
        last = Month.of(today)
        return cls(last.plus(1 - months), last)

    def __contains__(self, when: Month | date) -> bool:
        month = Month.of(when) if isinstance(when, date) else when
        return self.first <= month <= self.last

    def __len__(self) -> int:
        return (self.last.year - self.first.year) * _MONTHS + self.last.month - self.first.month + 1

    def __iter__(self) -> Iterator[Month]:
        return (self.first.plus(number) for number in range(len(self)))
