"""Activation codes and the devices that they register (domain.md §7)."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, Self

from zaitaku.accounts.model import Role
from zaitaku.core.errors import InvalidField
from zaitaku.core.ids import AccountId, ActivationCodeId, DeviceId, FacilityId
from zaitaku.core.queries import choice_of, page_of, words_of
from zaitaku.core.texts import has_control_characters

CODE_DIGITS: Final = 12
USABLE_AFTER: Final = timedelta(minutes=10)
MEMO_CHARACTERS: Final = 40
LONGEST_SEARCH: Final = 40
DEVICE_NAME_CHARACTERS: Final = 60
DEVICE_ROLES: Final = frozenset({Role.ADMIN, Role.GENERAL, Role.MEDICAL_VIEW})
"""Whose accounts work on a device at the bedside: people's."""

_SEPARATORS: Final = re.compile(r"[\s‐‑‒–—―−ー－-]+")
_KEY: Final = re.compile(r"[A-Za-z0-9_-]{43,86}")


@dataclass(frozen=True)
class ActivationCode:
    """One code: one device, once."""

    id: ActivationCodeId
    facility_id: FacilityId
    digits: str
    memo: str
    """What the facility calls the device."""
    issued_at: datetime
    registered_at: datetime | None
    """When a device was registered with it."""
    invalidated_at: datetime | None
    updated_at: datetime

    @property
    def grouped(self) -> str:
        """The digits as people read them out: 1234-5678-9012."""
        return "-".join(self.digits[at : at + 4] for at in range(0, CODE_DIGITS, 4))

    @property
    def ending(self) -> str:
        """The last four digits, which name the code in records."""
        return f"末尾{self.digits[-4:]}"

    @property
    def is_registered(self) -> bool:
        """Whether a device was registered with it."""
        return self.registered_at is not None

    @property
    def is_invalidated(self) -> bool:
        """Whether it is dead for ever."""
        return self.invalidated_at is not None

    @property
    def usable_from(self) -> datetime:
        """The first moment at which a device may use it."""
        return self.issued_at + USABLE_AFTER

    def is_waiting(self, now: datetime) -> bool:
        """Tell whether its ten minutes are not over yet."""
        return not self.is_registered and not self.is_invalidated and now < self.usable_from


@dataclass(frozen=True)
class Device:
    """A registered device at the bedside. Its key's hash stays in the store."""

    id: DeviceId
    facility_id: FacilityId
    code_id: ActivationCodeId
    account_id: AccountId
    name: str
    """What the device calls itself; may be empty."""
    registered_at: datetime


class CodeState(StrEnum):
    """登録状況."""

    UNREGISTERED = "unregistered"
    REGISTERED = "registered"


class CodeSort(StrEnum):
    """By what the list may be sorted."""

    STATE = "state"
    CODE = "code"
    MEMO = "memo"
    INVALIDATED = "invalidated"
    UPDATED = "updated"


@dataclass(frozen=True)
class CodeQuery:
    """One view of the list of codes; it lives in the address."""

    state: CodeState | None = None
    valid_only: bool = True
    search: str = ""
    """Part of a memo, or of the digits."""
    sort: CodeSort = CodeSort.UPDATED
    descending: bool = True
    page: int = 1

    @classmethod
    def from_mapping(cls, values: Mapping[str, str]) -> Self:
        """Read an address's query: ``state``, ``valid``, ``q``, ``sort``, ``page``.

        ``valid`` is ticked at first: only an address that says ``searched`` can lack it. ``sort``
        is a ``CodeSort``, with a leading hyphen for the descending order.

        Raises:
            InvalidField: a value is not of its kind; ``field`` is the name in the address.
        """
        sort = values.get("sort") or f"-{CodeSort.UPDATED}"
        return cls(
            state=choice_of(values, "state", CodeState),
            valid_only="searched" not in values or values.get("valid") == "yes",
            search=words_of(values, "q", longest=LONGEST_SEARCH),
            sort=choice_of({"sort": sort.removeprefix("-")}, "sort", CodeSort) or CodeSort.UPDATED,
            descending=sort.startswith("-"),
            page=page_of(values),
        )


def check_memo(typed: str) -> str:
    """Return a device memo on one line; at most 40 characters, and not empty.

    Raises:
        InvalidField: rule ``required``, ``too-long`` or ``characters``.
    """
    tidy = " ".join(typed.split())
    if not tidy:
        raise InvalidField("memo", "required")
    if has_control_characters(tidy):
        raise InvalidField("memo", "characters")
    if len(tidy) > MEMO_CHARACTERS:
        raise InvalidField("memo", "too-long")
    return tidy


def read_code(typed: str) -> str:
    """Return the twelve digits that somebody typed, in whatever width and grouping.

    Raises:
        InvalidField: rule ``twelve-digits``.
    """
    digits = _SEPARATORS.sub("", unicodedata.normalize("NFKC", typed))
    if len(digits) != CODE_DIGITS or not digits.isascii() or not digits.isdigit():
        raise InvalidField("activation_code", "twelve-digits")
    return digits


def check_device_key(typed: str) -> str:
    """Return the key that a device made for itself: base64url of 32 to 64 random bytes.

    Raises:
        InvalidField: rule ``base64url``.
    """
    if not _KEY.fullmatch(typed):
        raise InvalidField("device_key", "base64url")
    return typed


def check_device_name(typed: str) -> str:
    """Return what a device calls itself, on one line; it may be empty.

    Raises:
        InvalidField: rule ``too-long`` or ``characters``.
    """
    tidy = " ".join(typed.split())
    if has_control_characters(tidy):
        raise InvalidField("device_name", "characters")
    if len(tidy) > DEVICE_NAME_CHARACTERS:
        raise InvalidField("device_name", "too-long")
    return tidy
