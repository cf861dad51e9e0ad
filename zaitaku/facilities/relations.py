"""What changes about a facility besides its settings: facts, codes, relatives (domain.md §2)."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final, Self

from zaitaku.core.days import read_day
from zaitaku.core.errors import InvalidField
from zaitaku.core.queries import FIRST_YEAR, LAST_YEAR
from zaitaku.core.texts import has_control_characters
from zaitaku.facilities.model import Enrolment, Facility, InstitutionCode
from zaitaku.facilities.names import check_hours, check_name, check_phone
from zaitaku.facilities.tables import REASON_CHARACTERS


@dataclass(frozen=True)
class FacilityFacts:
    """What an operator may change about a facility at any time, in its kept form.

    Raises:
        InvalidField: a name, number or text breaks its rule.
    """

    registered_name: str
    phone: str
    hours: str
    enrolment: Enrolment

    def __post_init__(self) -> None:
        object.__setattr__(self, "registered_name", check_name(self.registered_name))
        object.__setattr__(self, "phone", check_phone(self.phone))
        object.__setattr__(self, "hours", check_hours(self.hours))

    @classmethod
    def of(cls, facility: Facility) -> Self:
        """Return the facts as they are."""
        return cls(facility.registered_name, facility.phone, facility.hours, facility.enrolment)

    def in_words(self) -> dict[str, str]:
        """Return each fact by its name, in words."""
        joined = self.enrolment
        return {
            "施設名": self.registered_name,
            "電話番号": self.phone,
            "受付時間": self.hours or "（なし）",
            "利用開始日": _day_or(joined.starts_on, "（利用中）"),
            "医療費助成のオンライン資格確認（PMH）": "参加" if joined.subsidy_pilot else "不参加",
            "電子カルテ情報共有サービスの開始日": _day_or(
                joined.chart_sharing_from, "（申請なし）"
            ),
        }

    def changes_from(self, before: Self) -> dict[str, str]:
        """Return what differs from ``before``: ``name -> before → after``."""
        former = before.in_words()
        return {
            name: f"{former[name]} → {words}"
            for name, words in self.in_words().items()
            if former[name] != words
        }


class CodeChangeKind(StrEnum):
    """Why a facility's 医療機関等コード is another one."""

    CHANGE = "change"
    """コード変更: the same facility, numbered anew (a move, a correction)."""
    SUCCESSION = "succession"
    """承継: another owner goes on with it."""


CODE_CHANGE_NAMES: Final = MappingProxyType(
    {CodeChangeKind.CHANGE: "コード変更", CodeChangeKind.SUCCESSION: "承継"}
)


@dataclass(frozen=True)
class CodeChange:
    """One change of a facility's code.

    Raises:
        InvalidField: the reason is empty, over 200 characters or holds control characters; or the
            day, or the one before it, lies outside the years 1900 to 2999.
    """

    kind: CodeChangeKind
    code: InstitutionCode
    effective_on: date
    """The first day of the new code."""
    reason: str

    def __post_init__(self) -> None:
        _check_day("effective_on", self.effective_on)
        _check_day("effective_on", self.former_closed_on)
        if not self.reason.strip():
            raise InvalidField("reason", "required")
        if len(self.reason) > REASON_CHARACTERS:
            raise InvalidField("reason", "too-long")
        if has_control_characters(self.reason):
            raise InvalidField("reason", "characters")

    @property
    def former_closed_on(self) -> date:
        """The last day of the former code."""
        return self.effective_on - timedelta(days=1)

    def check(self, present: InstitutionCode, today: date) -> None:
        """Check that ``present`` may become this code.

        Raises:
            InvalidField: rule ``same-code``; ``other-kind``, since settings and user IDs belong to
                a kind of facility; or ``future``.
        """
        if self.code == present:
            raise InvalidField("institution_code", "same-code")
        if self.code.kind is not present.kind:
            raise InvalidField("institution_code", "other-kind")
        if self.effective_on > today:
            raise InvalidField("effective_on", "future")


@dataclass(frozen=True)
class FormerCode:
    """A code that a facility had, and what took its place."""

    former: InstitutionCode
    change: CodeChange
    at: datetime
    actor: str


class Relation(StrEnum):
    """Why two facilities are linked."""

    SUCCESSION = "succession"
    """承継: one goes on with the other's work."""
    DOUBLE_STATUS = "double-status"
    """医科・歯科併設: one house under two codes."""


RELATION_NAMES: Final = MappingProxyType(
    {Relation.SUCCESSION: "承継", Relation.DOUBLE_STATUS: "医科・歯科併設"}
)


@dataclass(frozen=True)
class RelatedFacility:
    """関連医療機関情報: code, name, opened, closed.

    Raises:
        InvalidField: the name breaks its rule, a day lies outside the years 1900 to 2999, or it
            closed before it opened.
    """

    code: InstitutionCode
    name: str
    relation: Relation
    opened_on: date | None
    """``None``: not known."""
    closed_on: date | None
    """``None``: open."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", check_name(self.name, "related_name"))
        _check_day("opened_on", self.opened_on)
        _check_day("closed_on", self.closed_on)
        if self.opened_on and self.closed_on and self.closed_on < self.opened_on:
            raise InvalidField("closed_on", "before-opened")


def day_or_none(field: str, typed: str) -> date | None:
    """Return a day as ``read_day`` does; nothing typed: none.

    Raises:
        InvalidField: rule ``not-a-date``.
    """
    day = read_day(field, typed) if typed.strip() else None
    _check_day(field, day)
    return day


def _check_day(field: str, day: date | None) -> None:
    if day is not None and not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise InvalidField(field, "not-a-date")


def _day_or(day: date | None, otherwise: str) -> str:
    return f"{day.year}年{day.month}月{day.day}日" if day else otherwise
