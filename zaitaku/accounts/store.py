"""Accounts in the durable store, and the record of what happened to them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    Date,
    ForeignKey,
    Index,
    Integer,
    RowMapping,
    Select,
    String,
    Table,
    UniqueConstraint,
    Uuid,
    select,
)

from zaitaku.accounts.model import Account, AccountAct, Role, UserKey
from zaitaku.core.append_only import guard
from zaitaku.core.database import Moment, metadata
from zaitaku.core.ids import AccountId, FacilityId, new_uuid
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
    UniqueConstraint("facility_id", "user_key"),
)
"""A deleted account keeps its row, and so its user ID stays taken."""

account_event = Table(
    "account_event",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("account_id", Uuid, ForeignKey("account.id")),
    Column("act", String(20), nullable=False),
    Column("actor", String(100), nullable=False),
    Column("at", Moment, nullable=False),
    Index("ix_account_event_account", "account_id", "at"),
)
guard(account_event)
"""Append-only. Without an account: a refused login that named nobody."""

_ACCOUNT_COLUMNS = tuple(column.label(f"account_{column.name}") for column in account.c)


@dataclass(frozen=True)
class KnownAccount:
    """An account with its facility and its password's hash, for verifying a login."""

    account: Account
    facility: Facility
    password_hash: str


class AccountStore:
    """The accounts of one facility."""

    def __init__(self, connection: Connection, facility_id: FacilityId) -> None:
        self._connection = connection
        self._facility_id = facility_id

    def insert(self, values: Mapping[str, Any]) -> None:
        """Add an account; a taken user ID breaks a unique constraint."""
        self._connection.execute(account.insert().values(facility_id=self._facility_id, **values))

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
        return tuple(_account_from(row) for row in rows)

    def update(self, account_id: AccountId, values: Mapping[str, Any]) -> None:
        """Set columns of one account."""
        self._connection.execute(
            account.update()
            .where(account.c.id == account_id, account.c.facility_id == self._facility_id)
            .values(values)
        )

    def _one(self, query: Select[Any]) -> KnownAccount | None:
        scoped = query.where(account.c.facility_id == self._facility_id)
        return _known_from(self._connection.execute(scoped).mappings().one_or_none())


def find_for_login(connection: Connection, code: str, key: UserKey) -> KnownAccount | None:
    """Return the living account that a login names, in one query whether it exists or not."""
    query = _known().where(
        facility.c.code == code, account.c.user_key == key, account.c.deleted_at.is_(None)
    )
    return _known_from(connection.execute(query).mappings().one_or_none())


def append_event(
    connection: Connection,
    account_id: AccountId | None,
    act: AccountAct,
    *,
    actor: str,
    at: datetime,
) -> None:
    """Record what happened to an account and by whom."""
    connection.execute(
        account_event.insert().values(
            id=new_uuid(), account_id=account_id, act=act, actor=actor, at=at
        )
    )


def _known() -> Select[Any]:
    return (
        select(*_ACCOUNT_COLUMNS, *FACILITY_COLUMNS)
        .join_from(account, facility, account.c.facility_id == facility.c.id)
        .join(environment_settings, CURRENT_SETTINGS)
    )


def _known_from(row: RowMapping | None) -> KnownAccount | None:
    if row is None:
        return None
    return KnownAccount(_account_from(row), facility_from(row), row["account_password_hash"])


def _account_from(row: RowMapping) -> Account:
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
    )
