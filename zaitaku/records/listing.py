"""What a facility may ask of its list of consented patients, and what it gets (domain.md §8)."""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from functools import cached_property
from types import MappingProxyType
from typing import Final, Self, TypeVar

from zaitaku.consent.model import ConsentItem, last_day
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


Choice = TypeVar("Choice", bound=StrEnum)


class SortKey(StrEnum):
    """By what the list may be sorted."""

    RECORDED = "recorded"
    KANA = "kana"
    BIRTH_DATE = "birth-date"
    VISIT_DATE = "visit-date"
    VALID_UNTIL = "valid-until"
    REFERENCE = "reference"


WITHHELD_NAME: Final = "表示できません（自己情報提供不可）"
"""What stands for the name of somebody of whom nothing may be shown (domain.md §9)."""


class ItemState(StrEnum):
    """What a facility may see of one item, at the moment of asking."""

    GRANTED = "granted"
    REFUSED = "refused"
    EXPIRED = "expired"
    """Granted, but the consent's time is over."""
    WITHDRAWN = "withdrawn"
    """Granted, and taken back since through the facility."""
    NOT_ASKED = "not-asked"

    @property
    def mark(self) -> str:
        """○ when the item may be viewed, else nothing."""
        return "○" if self is ItemState.GRANTED else ""


class LineState(StrEnum):
    """What a line comes to, all its items together."""

    VALID = "valid"
    """Something is granted, and its time is not over."""
    EXPIRED = "expired"
    """Something is granted, but its time is over."""
    WITHDRAWN = "withdrawn"
    """Nothing is granted any more, and something was taken back through the facility."""
    REFUSED = "refused"
    """Nothing is granted."""


def line_state(*, is_granted: bool, is_withdrawn: bool, is_expired: bool) -> LineState:
    """Return what a consent comes to of which anything is granted, or withdrawn."""
    if is_granted:
        return LineState.EXPIRED if is_expired else LineState.VALID
    return LineState.WITHDRAWN if is_withdrawn else LineState.REFUSED


LINE_STATE_NAMES: Final = MappingProxyType(
    {
        LineState.VALID: "有効",
        LineState.EXPIRED: "期限切れ",
        LineState.WITHDRAWN: "取消し",
        LineState.REFUSED: "同意なし",
    }
)
"""How lists and files name each state."""


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
    visit_from: date | None = None
    visit_to: date | None = None
    """The 受診日, both included; lines without one are not found."""
    state: LineState | None = None
    item: ConsentItem | None = None
    """Only lines on which this item is granted."""
    sort: SortKey = SortKey.RECORDED
    descending: bool = True
    page: int = 1
    size: int = PAGE_SIZE

    def __post_init__(self) -> None:
        if len(self.search) > MAXIMUM_SEARCH:
            raise InvalidField("q", "too-long")
        if has_control_characters(self.search):
            raise InvalidField("q", "characters")
        _check_span("from", self.recorded_from, "to", self.recorded_to)
        _check_span("visit-from", self.visit_from, "visit-to", self.visit_to)
        if not 1 <= self.page <= _MAXIMUM_PAGE:
            raise InvalidField("page", "out-of-range")
        if not 1 <= self.size <= MAXIMUM_SIZE:
            raise InvalidField("size", "out-of-range")

    @classmethod
    def from_mapping(cls, values: Mapping[str, str]) -> Self:
        """Read a URL's query: the names are those that ``to_mapping`` writes.

        ``sort`` is a ``SortKey``, with a leading hyphen for the descending order. Where nothing is
        said the newest come first, or the last 受診日 when 受診日 are asked for.

        Raises:
            InvalidField: a value is not of its kind; ``field`` is the name in the URL.
        """
        visit_from, visit_to = _day(values, "visit-from"), _day(values, "visit-to")
        sort = values.get("sort") or _initial_sort(visit_from, visit_to)
        return cls(
            search=" ".join(values.get("q", "").split()),
            channel=_choice(values, "channel", Channel),
            recorded_from=_day(values, "from"),
            recorded_to=_day(values, "to"),
            visit_from=visit_from,
            visit_to=visit_to,
            state=_choice(values, "state", LineState),
            item=_choice(values, "item", ConsentItem),
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
            "from": _iso(self.recorded_from),
            "to": _iso(self.recorded_to),
            "visit-from": _iso(self.visit_from),
            "visit-to": _iso(self.visit_to),
            "state": self.state or "",
            "item": self.item or "",
            "sort": f"{'-' if self.descending else ''}{self.sort}",
            "page": str(self.page),
            "size": str(self.size),
        }
        sort = _initial_sort(self.visit_from, self.visit_to)
        initial = {"sort": sort, "page": "1", "size": str(PAGE_SIZE)}
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
    is_withheld: bool = False
    """The name is missing because nothing of the patient may be shown (自己情報提供不可)."""

    @property
    def last_day(self) -> date | None:
        """The last day in Japan on which the consent holds; ``None``: until withdrawn."""
        return last_day(self.valid_until)

    @property
    def has_validity(self) -> bool:
        """Whether something is granted, or was until its time was over."""
        return self.state in {LineState.VALID, LineState.EXPIRED}

    @cached_property
    def state(self) -> LineState:
        """What the line comes to."""
        states = {getattr(self, name) for name in _STATE_FIELDS}
        return line_state(
            is_granted=not states.isdisjoint({ItemState.GRANTED, ItemState.EXPIRED}),
            is_withdrawn=ItemState.WITHDRAWN in states,
            is_expired=self.is_expired,
        )


class Cut(StrEnum):
    """Where looking for lines ended before all were looked at."""

    COUNT = "count"
    """There are more than have a page."""
    LINES = "lines"
    """So many lines at the beginning of the order were looked at; others may fit as well."""
    REFERENCES = "references"
    """Of the reference numbers that begin so, the newest were looked at."""


@dataclass(frozen=True)
class Page:
    """One page of the list."""

    rows: tuple[ConsentedPatient, ...]
    total: int
    """How many lines there are, or, when ``is_capped``, how many at least."""
    number: int
    """Counts from 1; the last page when a later one was asked for."""
    pages: int
    """At least 1."""
    cut: Cut | None = None
    """Why there may be more lines than ``total``; the pages end there all the same."""
    is_reordered: bool = False
    """Whether the newest come first although another order was asked for: too many lines fit."""

    @property
    def is_capped(self) -> bool:
        """Whether there may be more lines than ``total``."""
        return self.cut is not None


def _sort_key(value: str) -> SortKey:
    try:
        return SortKey(value)
    except ValueError as error:
        raise InvalidField("sort", "unknown") from error


def field_of(item: ConsentItem) -> str:
    """Return the field of ``ConsentedPatient`` that tells an item's state."""
    return item.value.replace("-", "_")


_STATE_FIELDS: Final = tuple(field_of(item) for item in ConsentItem)


def _initial_sort(visit_from: date | None, visit_to: date | None) -> str:
    return f"-{SortKey.VISIT_DATE if visit_from or visit_to else SortKey.RECORDED}"


def _iso(day: date | None) -> str:
    return day.isoformat() if day else ""


def _choice(values: Mapping[str, str], name: str, kind: type[Choice]) -> Choice | None:
    value = values.get(name, "")
    try:
        return kind(value) if value else None
    except ValueError as error:
        raise InvalidField(name, "unknown") from error


def _day(values: Mapping[str, str], name: str) -> date | None:
    value = unicodedata.normalize("NFKC", values.get(name, "")).strip()
    try:
        return date.fromisoformat(value) if value else None
    except ValueError as error:
        raise InvalidField(name, "not-a-date") from error


def _check_span(first: str, begin: date | None, last: str, end: date | None) -> None:
    _check_year(first, begin)
    _check_year(last, end)
    if begin and end and end < begin:
        raise InvalidField(last, "before-from")


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
