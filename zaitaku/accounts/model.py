"""Accounts of a facility's staff and programs (domain.md §5)."""

import re
import unicodedata
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum, auto
from types import MappingProxyType
from typing import Final, NewType

from zaitaku.accounts.guessed import is_guessed_first
from zaitaku.accounts.widths import full_width, half_width, katakana
from zaitaku.core.clock import JST, japan_date
from zaitaku.core.errors import InvalidField
from zaitaku.core.ids import AccountId, FacilityId
from zaitaku.facilities.model import FacilityKind

UserKey = NewType("UserKey", str)
"""A user ID as it is compared: two IDs that differ only in case are the same ID."""

WRONG_PASSWORDS_TO_LOCK: Final = 5
INITIAL_PASSWORD_LIFETIME: Final = timedelta(days=30)
NAME_CHARACTERS: Final = 20
KANA_CHARACTERS: Final = 40
LONGEST_USER_ID: Final = 8
SHORTEST_PASSWORD: Final = 12
LONGEST_PASSWORD: Final = 128
"""Long enough for any phrase, short enough that hashing it costs nothing extra."""
DISTINCT_CHARACTERS: Final = 6


class Role(StrEnum):
    """権限区分: what an account is for. Never changed after registration."""

    MASTER = "master"
    """マスタ."""
    MASTER_RESET = "master-reset"
    """マスタリセット用."""
    ADMIN = "admin"
    """管理."""
    GENERAL = "general"
    """一般."""
    MEDICAL_VIEW = "medical-view"
    """医療情報閲覧."""
    WEB_API = "web-api"
    """WebAPI用."""
    LINKED_APP = "linked-app"
    """連携アプリ用."""
    FACE_READER = "face-reader"
    """顔認証用."""


ROLE_NAMES: Final = MappingProxyType(
    {
        Role.MASTER: "マスタ",
        Role.MASTER_RESET: "マスタリセット用",
        Role.ADMIN: "管理",
        Role.GENERAL: "一般",
        Role.MEDICAL_VIEW: "医療情報閲覧",
        Role.WEB_API: "WebAPI用",
        Role.LINKED_APP: "連携アプリ用",
        Role.FACE_READER: "顔認証用",
    }
)
"""The manual's name of each role."""

SYSTEM_ROLES: Final = frozenset({Role.WEB_API, Role.LINKED_APP, Role.FACE_READER})
"""Accounts of programs: their passwords never expire, and nobody opens the console with them."""


class Permission(StrEnum):
    """What a route may ask for. A role without it is refused."""

    CHANGE_OWN_PASSWORD = auto()
    USE_CONSOLE = auto()
    MANAGE_OWN_SIGN_IN = auto()
    """One's own passkeys, recovery codes and sessions."""
    MANAGE_ACCOUNTS = auto()
    """Those of the roles in ``MAY_MANAGE``."""
    RESET_PASSWORDS = auto()
    """Those of the roles in ``MAY_RESET_PASSWORD``."""
    IMPORT_ACCOUNTS = auto()
    """アカウント一括登録."""
    REQUIRE_SECOND_FACTOR = auto()
    CHANGE_ENVIRONMENT_SETTINGS = auto()
    SEE_RECEPTION_URLS = auto()
    CHANGE_RECEPTION_URLS = auto()
    SEE_CONSENTED_PATIENTS = auto()
    EXPORT_CONSENTED_PATIENTS = auto()
    MANAGE_APPOINTMENTS = auto()
    """The list of appointments, and who of it has not consented yet."""
    SEE_ELIGIBILITY = auto()
    VIEW_MEDICAL_INFORMATION = auto()
    WITHDRAW_CONSENT = auto()
    """At the patient's wish."""
    SEE_VIEW_HISTORY = auto()
    """医療情報閲覧履歴照会."""
    MANAGE_ACTIVATION_CODES = auto()
    SET_UP_TEST_DATA = auto()
    SEE_AUDIT_TRAIL = auto()


_OWN = frozenset(
    {Permission.CHANGE_OWN_PASSWORD, Permission.USE_CONSOLE, Permission.MANAGE_OWN_SIGN_IN}
)
_STAFF = _OWN | {
    Permission.SEE_CONSENTED_PATIENTS,
    Permission.MANAGE_APPOINTMENTS,
    Permission.SEE_ELIGIBILITY,
    Permission.WITHDRAW_CONSENT,
}

PERMISSIONS: Final = MappingProxyType(
    {
        Role.MASTER: _OWN
        | {
            Permission.MANAGE_ACCOUNTS,
            Permission.RESET_PASSWORDS,
            Permission.IMPORT_ACCOUNTS,
        },
        Role.MASTER_RESET: _OWN | {Permission.RESET_PASSWORDS},
        Role.ADMIN: frozenset(Permission),
        Role.GENERAL: _STAFF,
        Role.MEDICAL_VIEW: _STAFF
        | {Permission.EXPORT_CONSENTED_PATIENTS, Permission.VIEW_MEDICAL_INFORMATION},
        Role.WEB_API: frozenset[Permission](),
        Role.LINKED_APP: frozenset[Permission](),
        Role.FACE_READER: frozenset[Permission](),
    }
)
"""The whole table: a role may do what stands here and nothing else."""

BEFORE_START: Final = _OWN | {
    Permission.MANAGE_ACCOUNTS,
    Permission.RESET_PASSWORDS,
    Permission.IMPORT_ACCOUNTS,
    Permission.REQUIRE_SECOND_FACTOR,
    Permission.CHANGE_ENVIRONMENT_SETTINGS,
}
"""What a role may do of its own before the facility's 利用開始日 (domain.md §2)."""

MAY_MANAGE: Final = MappingProxyType(
    {
        Role.MASTER: frozenset({Role.ADMIN}),
        Role.ADMIN: frozenset({Role.GENERAL, Role.MEDICAL_VIEW}) | SYSTEM_ROLES,
    }
)
"""Whose accounts each role may register, update and delete (domain.md §5); no other role may."""

MAY_RESET_PASSWORD: Final = MappingProxyType(
    {
        Role.MASTER: frozenset({Role.ADMIN}),
        Role.MASTER_RESET: frozenset({Role.MASTER}),
        Role.ADMIN: frozenset({Role.GENERAL, Role.MEDICAL_VIEW}) | SYSTEM_ROLES,
        Role.GENERAL: frozenset[Role](),
        Role.MEDICAL_VIEW: frozenset[Role](),
        Role.WEB_API: frozenset[Role](),
        Role.LINKED_APP: frozenset[Role](),
        Role.FACE_READER: frozenset[Role](),
    }
)
"""Whose password each role may reset; the operator alone resets マスタリセット用."""

_PREFIX_LETTERS = MappingProxyType({Role.WEB_API: "A", Role.LINKED_APP: "R", Role.FACE_READER: "F"})
_RESERVED = re.compile(r"[ARF][0-9]")
_USER_ID = re.compile(r"[A-Za-z0-9]+")
_NAME = re.compile(r"[ぁ-ゖァ-ヶー０-９Ａ-Ｚａ-ｚ]+")
_KANA = re.compile(r"[ァ-ヶー０-９Ａ-Ｚａ-ｚ]+")


def user_key(user_id: str) -> UserKey:
    """Return the form under which a user ID is unique in its facility and looked up."""
    return UserKey(user_id.upper())


def user_id_prefix(role: Role, kind: FacilityKind) -> str:
    """Return what the user IDs of a role begin with; empty for people's accounts."""
    letter = _PREFIX_LETTERS.get(role, "")
    is_pharmacy = kind is FacilityKind.PHARMACY and role is not Role.FACE_READER
    return letter and letter + ("1" if is_pharmacy else "0")


def shortest_user_id(role: Role) -> int:
    """Return how many characters a user ID of the role has at least."""
    return 3 if role in SYSTEM_ROLES else 2


def check_user_id(role: Role, typed: str, kind: FacilityKind) -> str:
    """Return the user ID in half-width characters if the role may have it.

    Raises:
        InvalidField: wrong characters, length or beginning; ``rule`` names which.
    """
    user_id = half_width(typed)
    if not _USER_ID.fullmatch(user_id):
        raise InvalidField("user_id", "letters-and-digits")
    shortest = shortest_user_id(role)
    if not shortest <= len(user_id) <= LONGEST_USER_ID:
        raise InvalidField("user_id", f"{shortest}-to-{LONGEST_USER_ID}")
    _check_beginning(role, user_key(user_id), kind)
    return user_id


def _check_beginning(role: Role, key: UserKey, kind: FacilityKind) -> None:
    if not key.startswith(user_id_prefix(role, kind)):
        raise InvalidField("user_id", "prefix")
    if role in {Role.GENERAL, Role.MEDICAL_VIEW} and _RESERVED.match(key):
        raise InvalidField("user_id", "reserved-prefix")


def check_user_name(typed: str) -> str:
    """Return ユーザ名 in full width: kana, katakana, letters, digits, at most 20 characters.

    Raises:
        InvalidField: empty, too long, or with other characters.
    """
    return _checked("user_name", full_width(typed), _NAME, NAME_CHARACTERS)


def check_user_kana(typed: str) -> str:
    """Return ユーザ名（カナ） in full width: katakana, letters, digits, at most 40 characters.

    Hiragana become katakana.

    Raises:
        InvalidField: empty, too long, or with other characters.
    """
    return _checked("user_kana", katakana(full_width(typed)), _KANA, KANA_CHARACTERS)


def _checked(field: str, value: str, characters: re.Pattern[str], longest: int) -> str:
    if not value:
        raise InvalidField(field, "missing")
    if len(value) > longest:
        raise InvalidField(field, f"at-most-{longest}")
    if not characters.fullmatch(value):
        raise InvalidField(field, "characters")
    return value


def check_new_password(password: str, user_id: str) -> str:
    """Return ``password`` if it is fit to protect patients' data (OWASP ASVS 5.0 §6.2).

    Length counts most; what is ruled out is what is guessed first: few different characters and
    the user ID itself.

    Raises:
        InvalidField: ``rule`` names what to mend.
    """
    # What is hashed is the NFKC form, so that is what has to be fit (accounts/passwords.py).
    meant = unicodedata.normalize("NFKC", password)
    if len(meant) < SHORTEST_PASSWORD:
        raise InvalidField("new_password", "too-short")
    if max(len(meant), len(password)) > LONGEST_PASSWORD:
        raise InvalidField("new_password", "too-long")
    if len(set(meant)) < DISTINCT_CHARACTERS:
        raise InvalidField("new_password", "too-simple")
    if user_key(user_id) in meant.upper():
        raise InvalidField("new_password", "holds-user-id")
    if is_guessed_first(password):
        raise InvalidField("new_password", "guessed-first")
    return password


@dataclass(frozen=True)
class Account:
    """One account. The password's hash stays in the store."""

    id: AccountId
    facility_id: FacilityId
    user_id: str
    role: Role
    name: str
    kana: str
    starts_on: date | None
    """First day in Japan on which it may be used; ``None``: at once."""
    ends_on: date | None
    """Last day in Japan on which it may be used; ``None``: without end."""
    is_enabled: bool
    wrong_passwords: int
    """Wrong ones in a row."""
    locked_at: datetime | None
    password_changed_at: datetime
    must_change_password: bool
    is_deleted: bool
    last_login_at: datetime | None = None
    """``None``: nobody has ever logged in with it. Linked apps and devices ask (domain.md §5)."""
    revision: int = 0
    """Goes up when somebody manages the account; a page that changes it names the one it saw."""

    @property
    def is_locked(self) -> bool:
        """Whether too many wrong passwords have closed it until somebody releases it."""
        return self.locked_at is not None

    @property
    def permissions(self) -> frozenset[Permission]:
        """What it may do now: with an initial password only replace that."""
        granted = PERMISSIONS[self.role]
        if self.must_change_password:
            return granted & {Permission.CHANGE_OWN_PASSWORD}
        return granted

    @property
    def label(self) -> str:
        """User ID and name, as records of what somebody did name them."""
        return f"{self.user_id} {self.name}"

    def is_usable(self, now: datetime) -> bool:
        """Tell whether its period, its state and its role let a person log in at ``now``."""
        return self.is_in_use(now) and bool(PERMISSIONS[self.role])

    def is_in_use(self, now: datetime) -> bool:
        """Tell whether its period and its state let a person or a program use it at ``now``."""
        today = japan_date(now)
        has_begun = self.starts_on is None or self.starts_on <= today
        has_ended = self.ends_on is not None and self.ends_on < today
        return self.is_enabled and not self.is_deleted and has_begun and not has_ended

    @property
    def initial_password_until(self) -> datetime | None:
        """When an initial password is over (domain.md §5); ``None``: it is none, or a program's.

        Its 30 days begin when it is made, but not before the account may be used.
        """
        if self.role in SYSTEM_ROLES or not self.must_change_password:
            return None
        begun = self.password_changed_at
        if self.starts_on is not None:
            begun = max(begun, datetime.combine(self.starts_on, time(), JST).astimezone(UTC))
        return begun + INITIAL_PASSWORD_LIFETIME

    def is_password_over(self, now: datetime) -> bool:
        """Tell whether an initial password has passed its 30 days (domain.md §5)."""
        until = self.initial_password_until
        if until is None:
            return False
        # Made by a clock that was far ahead, it would be good for longer than its 30 days.
        is_of_the_future = self.password_changed_at > now + INITIAL_PASSWORD_LIFETIME
        return now >= until or is_of_the_future

    def last_day(self, now: datetime) -> date:
        """Return until when a person can log in without anybody's help; ``date.min``: not now.

        ``date.max``: no end is set. A lock and an initial password past its days need help.
        """
        needs_help = self.is_locked or self.is_password_over(now)
        if needs_help or not self.is_usable(now):
            return date.min
        return self.ends_on or date.max


@dataclass(frozen=True)
class NewAccount:
    """What registration gives back: the initial password is told here and never again."""

    account: Account
    password: str
