"""Reading what a page's address asks for: each value of its kind, or the field to mend."""

import unicodedata
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Final, TypeVar

from zaitaku.core.clock import JST
from zaitaku.core.errors import InvalidField
from zaitaku.core.texts import has_control_characters

FIRST_YEAR: Final = 1900
LAST_YEAR: Final = 2999
"""Days and moments outside these years are slips of the keyboard, and no clock can shift them."""
MOST_PAGES: Final = 1_000_000
_DAY_CHARACTERS: Final = 10

Choice = TypeVar("Choice", bound=StrEnum)


def words_of(values: Mapping[str, str], name: str, *, longest: int) -> str:
    """Return a text to search for, with single blanks; empty when nothing is asked.

    Raises:
        InvalidField: rule ``too-long`` or ``characters``.
    """
    typed = values.get(name, "")
    if has_control_characters(typed):
        raise InvalidField(name, "characters")
    tidy = " ".join(typed.split())
    if len(tidy) > longest:
        raise InvalidField(name, "too-long")
    return tidy


def choice_of(values: Mapping[str, str], name: str, kind: type[Choice]) -> Choice | None:
    """Return the chosen member, or ``None`` when nothing is chosen.

    Raises:
        InvalidField: rule ``unknown``.
    """
    value = values.get(name, "")
    try:
        return kind(value) if value else None
    except ValueError as error:
        raise InvalidField(name, "unknown") from error


def page_of(values: Mapping[str, str]) -> int:
    """Return the number of the page, counted from 1.

    Raises:
        InvalidField: rule ``not-a-number`` or ``out-of-range``.
    """
    value = values.get("page", "")
    try:
        number = int(value) if value else 1
    except ValueError as error:
        raise InvalidField("page", "not-a-number") from error
    if not 1 <= number <= MOST_PAGES:
        raise InvalidField("page", "out-of-range")
    return number


def moment_of(values: Mapping[str, str], name: str, *, is_end: bool = False) -> datetime | None:
    """Return a moment in Japan, typed as a day or to the minute (``2026-11-20T10:00``).

    A day means its first moment; with ``is_end`` the moment after it. A minute that ends a period
    is wholly in it, so ``is_end`` gives the moment after the minute.

    Raises:
        InvalidField: rule ``not-a-moment`` or ``out-of-range``.
    """
    typed = unicodedata.normalize("NFKC", values.get(name, "")).strip().replace("/", "-")
    if not typed:
        return None
    is_day = len(typed) <= _DAY_CHARACTERS
    try:
        local = _midnight(typed) if is_day else datetime.fromisoformat(typed)
    except ValueError as error:
        raise InvalidField(name, "not-a-moment") from error
    if local.tzinfo is not None or not FIRST_YEAR <= local.year <= LAST_YEAR:
        raise InvalidField(name, "out-of-range" if local.tzinfo is None else "not-a-moment")
    begin = local.replace(second=0, microsecond=0, tzinfo=JST)
    step = timedelta(days=1) if is_day else timedelta(minutes=1)
    return begin + step if is_end else begin


def _midnight(typed: str) -> datetime:
    return datetime.combine(date.fromisoformat(typed), time())


def check_period(begin: datetime | None, end: datetime | None, *, field: str = "to") -> None:
    """Check that a period does not end before it begins.

    Raises:
        InvalidField: rule ``before-from`` on ``field``.
    """
    if begin and end and end <= begin:
        raise InvalidField(field, "before-from")
