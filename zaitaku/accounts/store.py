"""Accounts in the durable store."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    Date,
    ForeignKey,
    Integer,
    RowMapping,
    Select,
    String,
    Table,
    UniqueConstraint,
    Update,
    Uuid,
    select,
)

from zaitaku.accounts.model import Account, Role, UserKey
from zaitaku.core.database import Moment, metadata
from zaitaku.core.ids import AccountId, FacilityId
from zaitaku.facilities.model import Facility
from zaitaku.facilities.store import (
    CURRENT_SETTINGS,
    FACILITY_COLUMNS,
    environment_settings,
    facility,
    facility_from,
)

account = Table(
    "account",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("facility_id", Uuid, ForeignKey("facility.id"), nullable=False),
    Column("user_key", String(8), nullable=False),
    Column("user_id", String(8), nullable=False),
    Column("role", String(20), nullable=False),
    Column("name", String(20), nullable=False),
    Column("kana", String(40), nullable=False),
    Column("starts_on", Date),
    Column("ends_on", Date),
    Column("is_enabled", Boolean, nullable=False),
    Column("password_hash", String(200), nullable=False),
    Column("password_changed_at", Moment, nullable=False),
    Column("must_change_password", Boolean, nullable=False),
    Column("wrong_passwords", Integer, nullable=False),
    Column("locked_at", Moment),
    Column("created_at", Moment, nullable=False),
    Column("deleted_at", Moment),
    Column("last_login_at", Moment),
    Column("revision", Integer, nullable=False, server_default="0"),
    UniqueConstraint("facility_id", "user_key"),
)
"""A deleted account keeps its row, and so its user ID stays taken."""

ACCOUNT_COLUMNS: Final = tuple(column.label(f"account_{column.name}") for column in account.c)


_KEYS_AT_ONCE: Final = 500
"""SQLite takes a limited number of values in one statement (sqlite.org/limits.html)."""


@dataclass(frozen=True)
class KnownAccount:
    """An account with its facility and its password's hash, for verifying a login."""

    account: Account
    facility: Facility
    password_hash: str


@dataclass(frozen=True)
class Named:
    """What a login names: nothing, a facility alone, or an account in it."""

    facility_id: FacilityId | None
    known: KnownAccount | None


class AccountStore:
    """The accounts of one facility."""

    def __init__(self, connection: Connection, facility_id: FacilityId) -> None:
        self._connection = connection
        self._facility_id = facility_id

    def insert(self, values: Mapping[str, Any]) -> None:
        """Add an account; a taken user ID breaks a unique constraint."""
        self._connection.execute(account.insert().values(facility_id=self._facility_id, **values))

    def insert_many(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Add many accounts; one taken user ID breaks a unique constraint, and all with it."""
        scoped = [{**row, "facility_id": self._facility_id} for row in rows]
        if scoped:
            self._connection.execute(account.insert(), scoped)

    def taken(self, keys: Iterable[UserKey]) -> frozenset[UserKey]:
        """Return those of ``keys`` that an account has, or once had."""
        asked, found = list(keys), set[UserKey]()
        for start in range(0, len(asked), _KEYS_AT_ONCE):
            part = asked[start : start + _KEYS_AT_ONCE]
            query = select(account.c.user_key).where(
                account.c.facility_id == self._facility_id, account.c.user_key.in_(part)
            )
            found |= {UserKey(key) for key in self._connection.scalars(query)}
        return frozenset(found)

    def exists(self, key: UserKey) -> bool:
        """Tell whether the user ID is taken, also by a deleted account."""
        query = select(account.c.id).where(
            account.c.facility_id == self._facility_id, account.c.user_key == key
        )
        return self._connection.execute(query).first() is not None

    def by_id(self, account_id: AccountId) -> KnownAccount | None:
        """Return the account of a row name, deleted or not."""
        return self._one(_known().where(account.c.id == account_id))

    def by_key(self, key: UserKey) -> KnownAccount | None:
        """Return the account of a user ID, unless it is deleted."""
        query = _known().where(account.c.user_key == key, account.c.deleted_at.is_(None))
        return self._one(query)

    def locked(self, account_id: AccountId) -> KnownAccount | None:
        """Return the account; its row waits for this transaction's end (PostgreSQL)."""
        query = _known().where(account.c.id == account_id).with_for_update(of=account)
        return self._one(query)

    def all(self) -> tuple[Account, ...]:
        """Return the living accounts, by user ID."""
        query = (
            _known()
            .where(account.c.facility_id == self._facility_id, account.c.deleted_at.is_(None))
            .order_by(account.c.user_key)
        )
        rows = self._connection.execute(query).mappings()
        return tuple(account_from(row) for row in rows)

    def of_role(self, role: Role) -> tuple[Account, ...]:
        """Return the living accounts of one role."""
        return tuple(each for each in self.all() if each.role is role)

    def update(self, account_id: AccountId, values: Mapping[str, Any]) -> None:
        """Set columns of one account."""
        self._connection.execute(self._own(account_id).values(values))

    def manage(self, account_id: AccountId, values: Mapping[str, Any]) -> None:
        """Set columns on somebody's behalf: pages that saw the account before are outdated."""
        self._connection.execute(
            self._own(account_id).values({**values, "revision": account.c.revision + 1})
        )

    def _own(self, account_id: AccountId) -> Update:
        return account.update().where(
            account.c.id == account_id, account.c.facility_id == self._facility_id
        )

    def _one(self, query: Select[Any]) -> KnownAccount | None:
        scoped = query.where(account.c.facility_id == self._facility_id)
        return _known_from(self._connection.execute(scoped).mappings().one_or_none())


def find_for_login(connection: Connection, code: str, key: UserKey) -> Named:
    """Return what a login names, in one query whatever of it exists."""
    is_named = (
        (account.c.facility_id == facility.c.id)
        & (account.c.user_key == key)
        & account.c.deleted_at.is_(None)
    )
    query = (
        select(*ACCOUNT_COLUMNS, *FACILITY_COLUMNS)
        .join_from(facility, environment_settings, CURRENT_SETTINGS)
        .outerjoin(account, is_named)
        .where(facility.c.code == code)
    )
    row = connection.execute(query).mappings().one_or_none()
    if row is None:
        return Named(None, None)
    known = _known_from(row) if row["account_id"] else None
    return Named(FacilityId(row["facility_id"]), known)


def _known() -> Select[Any]:
    return (
        select(*ACCOUNT_COLUMNS, *FACILITY_COLUMNS)
        .join_from(account, facility, account.c.facility_id == facility.c.id)
        .join(environment_settings, CURRENT_SETTINGS)
    )


def _known_from(row: RowMapping | None) -> KnownAccount | None:
    if row is None:
        return None
    return KnownAccount(account_from(row), facility_from(row), row["account_password_hash"])


def account_from(row: RowMapping) -> Account:
    """Return the account in a row that has ``ACCOUNT_COLUMNS``."""
    return Account(
        id=AccountId(row["account_id"]),
        facility_id=FacilityId(row["account_facility_id"]),
        user_id=row["account_user_id"],
        role=Role(row["account_role"]),
        name=row["account_name"],
        kana=row["account_kana"],
        starts_on=row["account_starts_on"],
        ends_on=row["account_ends_on"],
        is_enabled=row["account_is_enabled"],
        wrong_passwords=row["account_wrong_passwords"],
        locked_at=row["account_locked_at"],
        password_changed_at=row["account_password_changed_at"],
        must_change_password=row["account_must_change_password"],
        is_deleted=row["account_deleted_at"] is not None,
        last_login_at=row["account_last_login_at"],
        revision=row["account_revision"],
    )
