"""A new account: all its rules at once, and the row that it becomes (domain.md §5).

The page and the bulk registration check by the same function, so that no account comes in by one
way that the other would refuse.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from types import MappingProxyType
from typing import Any, Final

from sqlalchemy import Connection

from zaitaku.accounts.errors import AccountExists, AccountUnknown
from zaitaku.accounts.model import (
    ROLE_NAMES,
    SYSTEM_ROLES,
    Account,
    NewAccount,
    Role,
    check_user_id,
    check_user_kana,
    check_user_name,
    user_key,
)
from zaitaku.accounts.passwords import Passwords, initial_password
from zaitaku.accounts.store import AccountStore
from zaitaku.accounts.widths import half_width
from zaitaku.audit.model import Act
from zaitaku.audit.store import append
from zaitaku.core.days import read_day
from zaitaku.core.errors import InvalidField
from zaitaku.core.ids import AccountId, FacilityId, new_uuid
from zaitaku.core.mistakes import Mistakes
from zaitaku.facilities.model import FacilityKind

FIRST_YEAR: Final = 2000
LAST_YEAR: Final = 2099
"""Days outside these years are slips of the keyboard."""

_ROLES: Final = MappingProxyType(
    {role.value: role for role in Role} | {name: role for role, name in ROLE_NAMES.items()}
)


@dataclass(frozen=True)
class AccountEntry:
    """What somebody typed for one new account."""

    role: str
    """The value of a ``Role``, or its name in the manual."""
    user_id: str
    user_name: str
    user_kana: str
    starts_on: str = ""
    ends_on: str = ""


@dataclass(frozen=True)
class AccountValues:
    """A new account that keeps to every rule; only whether its ID is free is not known yet."""

    role: Role
    user_id: str
    name: str
    kana: str
    starts_on: date | None = None
    ends_on: date | None = None


def check_new_account(
    entry: AccountEntry, *, kind: FacilityKind, allowed: Collection[Role], today: date
) -> AccountValues | tuple[InvalidField, ...]:
    """Return the values in the form in which they are kept, or everything that is to be mended.

    ``allowed`` are the roles that whoever registers may register, ``today`` is the day in Japan
    before which no new account may end. Whether the user ID is free is
    for the store to say.
    """
    found = Mistakes()
    role = found.kept(lambda: _check_role(entry.role, allowed))
    user_id = found.kept(lambda: check_user_id(role, entry.user_id, kind)) if role else None
    name = found.kept(lambda: check_user_name(entry.user_name))
    kana = found.kept(lambda: check_user_kana(entry.user_kana))
    starts_on, ends_on = check_days(found, entry.starts_on, entry.ends_on)
    found.kept(lambda: check_not_over(ends_on, today))
    if not (role and user_id and name and kana) or found.all:
        return found.all
    return AccountValues(role, user_id, name, kana, starts_on, ends_on)


def _check_role(typed: str, allowed: Collection[Role]) -> Role:
    role = _ROLES.get(half_width(typed))
    if role is None or role not in allowed:
        raise InvalidField("role", "not-allowed")
    return role


def check_days(found: Mistakes, starts: str, ends: str) -> tuple[date | None, date | None]:
    """Return 利用開始年月日 and 利用終了年月日 as typed; mistakes go to ``found``."""
    starts_on = found.kept(lambda: parse_day("starts_on", starts))
    ends_on = found.kept(lambda: parse_day("ends_on", ends))
    found.kept(lambda: check_period(starts_on, ends_on))
    return starts_on, ends_on


def check_period(starts_on: date | None, ends_on: date | None) -> None:
    """Check that a period does not end before it begins.

    Raises:
        InvalidField: it does.
    """
    if starts_on and ends_on and ends_on < starts_on:
        raise InvalidField("ends_on", "before-start")


def check_not_over(ends_on: date | None, today: date) -> None:
    """Check that a new account is not over before anybody could use it.

    Raises:
        InvalidField: it is.
    """
    if ends_on and ends_on < today:
        raise InvalidField("ends_on", "in-past")


def parse_day(field: str, typed: str) -> date | None:
    """Return a day as ``read_day`` does; nothing typed: none.

    Raises:
        InvalidField: it is no day, or of a year that nobody can mean.
    """
    if not typed.strip():
        return None
    day = read_day(field, typed)
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise InvalidField(field, "out-of-range")
    return day


def password_columns(kept: str, at: datetime, *, must_change: bool) -> dict[str, Any]:
    """Return the columns that a new password sets; whatever was wrong before is forgotten."""
    return {
        "password_hash": kept,
        "password_changed_at": at,
        "must_change_password": must_change,
        "wrong_passwords": 0,
        "locked_at": None,
    }


def initial_columns(passwords: Passwords, role: Role, at: datetime) -> tuple[str, dict[str, Any]]:
    """Return a new initial password and the columns that keep it.

    People must replace it at their first login; a program has no page to do that on.
    """
    password = initial_password()
    kept = passwords.hash_initial(password)
    return password, password_columns(kept, at, must_change=role not in SYSTEM_ROLES)


def account_row(values: AccountValues, columns: dict[str, Any], at: datetime) -> dict[str, Any]:
    """Return a new account's row for ``AccountStore.insert`` and ``insert_many``.

    ``columns`` come from ``initial_columns`` or ``password_columns``.
    """
    return {
        "id": AccountId(new_uuid()),
        "user_key": user_key(values.user_id),
        "user_id": values.user_id,
        "role": values.role.value,
        "name": values.name,
        "kana": values.kana,
        "starts_on": values.starts_on,
        "ends_on": values.ends_on,
        "is_enabled": True,
        "created_at": at,
        **columns,
    }


def insert_account(
    connection: Connection, facility_id: FacilityId, row: dict[str, Any], *, actor: str
) -> Account:
    """Add one account and record it; the facility must be locked (``lock_facility``).

    Raises:
        AccountExists: the user ID is or was in use in this facility.
    """
    store = AccountStore(connection, facility_id)
    if store.exists(row["user_key"]):
        raise AccountExists("the user ID is taken")
    store.insert(row)
    known = store.by_id(row["id"])
    if known is None:
        raise AccountUnknown
    record_registration(connection, known.account, actor=actor, at=row["created_at"])
    return known.account


def record_registration(
    connection: Connection, account: Account, *, actor: str, at: datetime
) -> None:
    """Record in the facility's audit chain that an account came into being."""
    append(
        connection,
        account.facility_id,
        Act.REGISTER_ACCOUNT,
        actor=actor,
        at=at,
        subject=account.user_id,
        detail=registration_detail(account.role, account.name),
    )


def registration_detail(role: Role, name: str) -> dict[str, str]:
    """Return what the audit trail says of a new account besides its user ID."""
    return {"権限区分": ROLE_NAMES[role], "ユーザ名": name}


def found_account(
    connection: Connection,
    facility_id: FacilityId,
    values: AccountValues,
    *,
    passwords: Passwords,
    actor: str,
    at: datetime,
) -> NewAccount:
    """Add an account with an initial password, in a transaction that somebody else began.

    For accounts that come into being with their facility (マスタ, マスタリセット用).

    Raises:
        AccountExists: the user ID is taken.
    """
    password, columns = initial_columns(passwords, values.role, at)
    row = account_row(values, columns, at)
    return NewAccount(insert_account(connection, facility_id, row, actor=actor), password)
