"""What a facility may ask of its list of consented patients, and what it gets (domain.md §8)."""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Final, Self

from zaitaku.consent.model import last_day
from zaitaku.core.errors import InvalidField
from zaitaku.core.ids import ConsentId
from zaitaku.core.texts import has_control_characters
from zaitaku.eligibility.model import Sex
from zaitaku.facilities.model import Channel

PAGE_SIZE: Final = 50
MAXIMUM_SIZE: Final = 200
MAXIMUM_SEARCH: Final = 100
_MAXIMUM_PAGE: Final = 1_000_000
FIRST_YEAR: Final = 1900
LAST_YEAR: Final = 2999
"""Days and moments outside these years are slips of the keyboard, and no clock can shift them."""


class SortKey(StrEnum):
    """By what the list may be sorted."""

    RECORDED = "recorded"
    KANA = "kana"
    BIRTH_DATE = "birth-date"
    VISIT_DATE = "visit-date"
    VALID_UNTIL = "valid-until"
    REFERENCE = "reference"


class ItemState(StrEnum):
    """What a facility may see of one item, at the moment of asking."""

    GRANTED = "granted"
    REFUSED = "refused"
    EXPIRED = "expired"
    """Granted, but the consent's time is over."""
    NOT_ASKED = "not-asked"

    @property
    def mark(self) -> str:
        """○ when the item may be viewed, else nothing."""
        return "○" if self is ItemState.GRANTED else ""


@dataclass(frozen=True)
class ListQuery:
    """One view of the list; it lives in the URL.

    Raises:
        InvalidField: a value breaks its rule.
    """

    search: str = ""
    """Part of a name, of its reading, or of a reference number."""
    channel: Channel | None = None
    recorded_from: date | None = None
    recorded_to: date | None = None
    """Days in Japan, both included."""
    sort: SortKey = SortKey.RECORDED
    descending: bool = True
    page: int = 1
    size: int = PAGE_SIZE

    def __post_init__(self) -> None:
        if len(self.search) > MAXIMUM_SEARCH:
            raise InvalidField("q", "too-long")
        if has_control_characters(self.search):
            raise InvalidField("q", "characters")
        _check_year("from", self.recorded_from)
        _check_year("to", self.recorded_to)
        if self.recorded_from and self.recorded_to and self.recorded_to < self.recorded_from:
            raise InvalidField("to", "before-from")
        if not 1 <= self.page <= _MAXIMUM_PAGE:
            raise InvalidField("page", "out-of-range")
        if not 1 <= self.size <= MAXIMUM_SIZE:
            raise InvalidField("size", "out-of-range")

    @classmethod
    def from_mapping(cls, values: Mapping[str, str]) -> Self:
        """Read a URL's query: ``q``, ``channel``, ``from``, ``to``, ``sort``, ``page``, ``size``.

        ``sort`` is a ``SortKey``, with a leading hyphen for the descending order.

        Raises:
            InvalidField: a value is not of its kind; ``field`` is the name in the URL.
        """
        sort = values.get("sort") or f"-{SortKey.RECORDED}"
        return cls(
            search=" ".join(values.get("q", "").split()),
            channel=_channel(values.get("channel", "")),
            recorded_from=_day(values, "from"),
            recorded_to=_day(values, "to"),
            sort=_sort_key(sort.removeprefix("-")),
            descending=sort.startswith("-"),
            page=_number(values, "page", 1),
            size=_number(values, "size", PAGE_SIZE),
        )

    def to_mapping(self) -> dict[str, str]:
        """Return the shortest URL query that ``from_mapping`` reads back."""
        full = {
            "q": self.search,
            "channel": self.channel or "",
            "from": self.recorded_from.isoformat() if self.recorded_from else "",
            "to": self.recorded_to.isoformat() if self.recorded_to else "",
            "sort": f"{'-' if self.descending else ''}{self.sort}",
            "page": str(self.page),
            "size": str(self.size),
        }
        initial = {"sort": f"-{SortKey.RECORDED}", "page": "1", "size": str(PAGE_SIZE)}
        return {name: value for name, value in full.items() if value != initial.get(name, "")}


@dataclass(frozen=True)
class ConsentedPatient:
    """One line: a patient's consent on one channel, and there for one 受診日 if it has any."""

    consent_id: ConsentId
    name: str | None
    """``None``, as are reading, birth date and sex: not yet obtained from the eligibility check."""
    kana: str | None
    birth_date: date | None
    sex: Sex | None
    surgery: ItemState
    clinical: ItemState
    medication: ItemState
    checkup: ItemState
    specific_disease: ItemState
    high_cost_limit: ItemState
    channel: Channel
    recorded_at: datetime
    visit_date: date | None
    valid_until: datetime | None
    """The first moment at which the consent no longer holds; ``None``: until withdrawn."""
    reference: str
    is_expired: bool

    @property
    def last_day(self) -> date | None:
        """The last day in Japan on which the consent holds; ``None``: until withdrawn."""
        return last_day(self.valid_until)


@dataclass(frozen=True)
class Page:
    """One page of the list."""

    rows: tuple[ConsentedPatient, ...]
    total: int
    number: int
    """Counts from 1; the last page when a later one was asked for."""
    pages: int
    """At least 1."""


def _sort_key(value: str) -> SortKey:
    try:
        return SortKey(value)
    except ValueError as error:
        raise InvalidField("sort", "unknown") from error


def _channel(value: str) -> Channel | None:
    try:
        return Channel(value) if value else None
    except ValueError as error:
        raise InvalidField("channel", "unknown") from error


def _day(values: Mapping[str, str], name: str) -> date | None:
    value = unicodedata.normalize("NFKC", values.get(name, "")).strip()
    try:
        return date.fromisoformat(value) if value else None
    except ValueError as error:
        raise InvalidField(name, "not-a-date") from error


def _check_year(name: str, day: date | None) -> None:
    if day and not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise InvalidField(name, "out-of-range")


def news_moment(text: str) -> datetime:
    """Read the moment (ISO 8601, with its offset) since which news are asked for.

    Raises:
        InvalidField: it is no such moment, or in an impossible year.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidField("since", "not-a-moment") from error
    if moment.tzinfo is None or not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise InvalidField("since", "not-a-moment")
    return moment


def _number(values: Mapping[str, str], name: str, initial: int) -> int:
    value = values.get(name, "")
    try:
        return int(value) if value else initial
    except ValueError as error:
        raise InvalidField(name, "not-a-number") from error
