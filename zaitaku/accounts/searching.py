"""Searching the accounts of a facility by all fields of the manual (domain.md §5)."""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any, Final, Self, TypeVar

from sqlalchemy import ColumnElement, Connection, func, select

from zaitaku.accounts.errors import InvalidEntry
from zaitaku.accounts.model import KANA_CHARACTERS, Account, Role, user_key
from zaitaku.accounts.registering import parse_day
from zaitaku.accounts.store import ACCOUNT_COLUMNS, account, account_from
from zaitaku.accounts.widths import full_width, half_width, katakana
from zaitaku.core.errors import InvalidField
from zaitaku.core.ids import FacilityId
from zaitaku.core.mistakes import Mistakes
from zaitaku.core.texts import has_control_characters

PAGE_SIZE: Final = 50
_PAGE: Final = re.compile(r"[1-9][0-9]{0,5}")


class AccountSort(StrEnum):
    """By what the list may be sorted."""

    USER_ID = "user-id"
    ROLE = "role"
    KANA = "kana"
    STARTS_ON = "starts-on"
    ENDS_ON = "ends-on"
    LAST_LOGIN = "last-login"


class Validity(StrEnum):
    """有効/無効."""

    VALID = "valid"
    INVALID = "invalid"


class Lock(StrEnum):
    """アカウントロック: なし/ロック中."""

    NONE = "none"
    LOCKED = "locked"


_SORTED_BY: Final = {
    AccountSort.USER_ID: account.c.user_key,
    AccountSort.ROLE: account.c.role,
    AccountSort.KANA: account.c.kana,
    AccountSort.STARTS_ON: account.c.starts_on,
    AccountSort.ENDS_ON: account.c.ends_on,
    AccountSort.LAST_LOGIN: account.c.last_login_at,
}


@dataclass(frozen=True)
class Days:
    """A range of days, both included; an open end is ``None``."""

    first: date | None = None
    last: date | None = None

    @classmethod
    def read(cls, found: Mistakes, values: Mapping[str, str], name: str) -> Self:
        """Read ``<name>_from`` and ``<name>_to``; mistakes go to ``found``."""
        first = found.kept(lambda: parse_day(f"{name}_from", values.get(f"{name}_from", "")))
        last = found.kept(lambda: parse_day(f"{name}_to", values.get(f"{name}_to", "")))
        found.kept(lambda: _check_order(f"{name}_to", first, last))
        return cls(first, last)

    def conditions(self, column: ColumnElement[Any]) -> Iterator[ColumnElement[bool]]:
        """Yield what a row must fulfil."""
        if self.first:
            yield column >= self.first
        if self.last:
            yield column <= self.last

    def to_mapping(self, name: str) -> dict[str, str]:
        """Return the URL query that ``read`` reads back."""
        ends = {f"{name}_from": self.first, f"{name}_to": self.last}
        return {field: day.isoformat() if day else "" for field, day in ends.items()}


def _check_order(field: str, first: date | None, last: date | None) -> None:
    if first and last and last < first:
        raise InvalidField(field, "before-from")


@dataclass(frozen=True)
class AccountQuery:
    """One view of the list; it lives in the URL."""

    role: Role | None = None
    user_id: str = ""
    """Part of it, as are name and kana."""
    name: str = ""
    kana: str = ""
    validity: Validity | None = None
    lock: Lock | None = None
    starts: Days = Days()
    ends: Days = Days()
    sort: AccountSort = AccountSort.USER_ID
    descending: bool = False
    page: int = 1

    @classmethod
    def from_mapping(cls, values: Mapping[str, str]) -> Self:
        """Read a URL's query; ``sort`` with a leading hyphen is the descending order.

        Raises:
            InvalidEntry: values are not of their kind; it names all of them.
        """
        found = Mistakes()
        sort = values.get("sort", "")
        query = cls(
            role=_choice(found, Role, values, "role"),
            user_id=found.kept(lambda: _text(values, "user_id")) or "",
            name=found.kept(lambda: _text(values, "name")) or "",
            kana=found.kept(lambda: _text(values, "kana")) or "",
            validity=_choice(found, Validity, values, "validity"),
            lock=_choice(found, Lock, values, "lock"),
            starts=Days.read(found, values, "starts"),
            ends=Days.read(found, values, "ends"),
            sort=_choice(found, AccountSort, {"sort": sort.removeprefix("-")}, "sort")
            or AccountSort.USER_ID,
            descending=sort.startswith("-"),
            page=found.kept(lambda: _page(values.get("page", "1"))) or 1,
        )
        if found.all:
            raise InvalidEntry(found.all)
        return query

    def to_mapping(self) -> dict[str, str]:
        """Return the shortest URL query that ``from_mapping`` reads back."""
        sort = f"{'-' if self.descending else ''}{self.sort}"
        full = {
            "role": self.role or "",
            "user_id": self.user_id,
            "name": self.name,
            "kana": self.kana,
            "validity": self.validity or "",
            "lock": self.lock or "",
            **self.starts.to_mapping("starts"),
            **self.ends.to_mapping("ends"),
            "sort": "" if sort == AccountSort.USER_ID else sort,
            "page": str(self.page) if self.page > 1 else "",
        }
        return {name: str(value) for name, value in full.items() if value}

    def conditions(self) -> Iterator[ColumnElement[bool]]:
        """Yield what a row must fulfil."""
        if self.role:
            yield account.c.role == self.role.value
        yield from self._texts()
        if self.validity:
            yield account.c.is_enabled.is_(self.validity is Validity.VALID)
        if self.lock:
            is_locked = account.c.locked_at.is_not(None)
            yield is_locked if self.lock is Lock.LOCKED else ~is_locked
        yield from self.starts.conditions(account.c.starts_on)
        yield from self.ends.conditions(account.c.ends_on)

    def _texts(self) -> Iterator[ColumnElement[bool]]:
        """Compare in the forms in which the store keeps each, whatever width was typed."""
        sought = {
            account.c.user_key: user_key(half_width(self.user_id)),
            account.c.name: full_width(self.name),
            account.c.kana: katakana(full_width(self.kana)),
        }
        for column, part in sought.items():
            if part:
                yield column.contains(part, autoescape=True)


Kind = TypeVar("Kind", Role, Validity, Lock, AccountSort)


def _choice(found: Mistakes, kind: type[Kind], values: Mapping[str, str], name: str) -> Kind | None:
    typed = values.get(name, "")
    if not typed:
        return None

    def chosen() -> Kind:
        if typed not in {each.value for each in kind}:
            raise InvalidField(name, "not-a-choice")
        return kind(typed)

    return found.kept(chosen)


def _text(values: Mapping[str, str], name: str) -> str:
    typed = values.get(name, "").strip()
    if len(typed) > KANA_CHARACTERS:
        raise InvalidField(name, "search-too-long")
    if has_control_characters(typed):
        raise InvalidField(name, "search-characters")
    return typed


def _page(typed: str) -> int:
    if not _PAGE.fullmatch(typed):
        raise InvalidField("page", "not-a-page")
    return int(typed)


@dataclass(frozen=True)
class AccountPage:
    """One page of what was found."""

    rows: tuple[Account, ...]
    number: int
    pages: int
    """At least 1."""
    total: int


def find_accounts(
    connection: Connection, facility_id: FacilityId, query: AccountQuery, roles: Collection[Role]
) -> AccountPage:
    """Return one page of a facility's living accounts of ``roles``; past the end: the last page."""
    conditions = [
        account.c.facility_id == facility_id,
        account.c.deleted_at.is_(None),
        account.c.role.in_([role.value for role in roles]),
        *query.conditions(),
    ]
    counted = select(func.count()).select_from(account).where(*conditions)
    total = connection.execute(counted).scalar_one()
    pages = max(1, -(-total // PAGE_SIZE))
    number = min(query.page, pages)
    found = (
        select(*ACCOUNT_COLUMNS)
        .where(*conditions)
        .order_by(*_order(query))
        .limit(PAGE_SIZE)
        .offset((number - 1) * PAGE_SIZE)
    )
    rows = tuple(account_from(row) for row in connection.execute(found).mappings())
    return AccountPage(rows, number, pages, total)


def _order(query: AccountQuery) -> Iterator[ColumnElement[Any]]:
    column = _SORTED_BY[query.sort]
    yield column.is_(None)  # both engines put the days that are not set last
    yield column.desc() if query.descending else column.asc()
    yield account.c.user_key
