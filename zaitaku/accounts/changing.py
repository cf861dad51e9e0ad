"""What is done to an account that exists, each act with its record in the same transaction."""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from sqlalchemy import Connection

from zaitaku.accounts.model import Account, NewAccount
from zaitaku.accounts.passwords import Passwords
from zaitaku.accounts.registering import initial_columns
from zaitaku.accounts.sign_in_store import SignInStore
from zaitaku.accounts.store import AccountStore
from zaitaku.audit.model import Act
from zaitaku.audit.store import NOTHING, append

FIELD_NAMES: Final = MappingProxyType(
    {
        "name": "ユーザ名",
        "kana": "ユーザ名（カナ）",
        "starts_on": "利用開始年月日",
        "ends_on": "利用終了年月日",
        "is_enabled": "有効/無効",
    }
)
"""What may be changed of an account, in the manual's words; its ID and 権限区分 never change."""


def release(connection: Connection, account: Account, *, actor: str, at: datetime) -> None:
    """Let an account that wrong passwords have locked be used again; else nothing is done."""
    if not account.is_locked:
        return
    changes = {"wrong_passwords": 0, "locked_at": None}
    AccountStore(connection, account.facility_id).manage(account.id, changes)
    _record(connection, account, Act.UNLOCK_ACCOUNT, actor=actor, at=at)


def reset_password(
    connection: Connection,
    account: Account,
    passwords: Passwords,
    *,
    actor: str,
    at: datetime,
    forget_sign_in: bool = False,
) -> NewAccount:
    """Give an account a new initial password, told only here; its lock and sessions end.

    ``forget_sign_in``: its passkeys and recovery codes, which are lost, end as well. Afterwards a
    password is enough, unless the facility asks for a second factor: then the next login begins
    with registering a passkey.
    """
    password, columns = initial_columns(passwords, account.role, at)
    detail = NOTHING
    if forget_sign_in:
        count = SignInStore(connection, account.facility_id).remove_all(account.id)
        detail = {"パスキーと回復コード": f"取消し（パスキー{count}件）"}
    store = AccountStore(connection, account.facility_id)
    store.manage(account.id, columns)
    _record(connection, account, Act.RESET_PASSWORD, actor=actor, at=at, detail=detail)
    known = store.by_id(account.id)
    return NewAccount(known.account if known else account, password)


def update(
    connection: Connection, before: Account, changes: dict[str, Any], *, actor: str, at: datetime
) -> None:
    """Set what is different now; nothing different: nothing done, nothing recorded."""
    changed = {field: value for field, value in changes.items() if getattr(before, field) != value}
    if not changed:
        return
    AccountStore(connection, before.facility_id).manage(before.id, changed)
    detail = {
        FIELD_NAMES[field]: f"{_words(getattr(before, field))} → {_words(value)}"
        for field, value in changed.items()
    }
    _record(connection, before, Act.UPDATE_ACCOUNT, actor=actor, at=at, detail=detail)


def delete(connection: Connection, account: Account, *, actor: str, at: datetime) -> None:
    """Close an account for good: its row stays, and so its user ID stays taken."""
    AccountStore(connection, account.facility_id).manage(account.id, {"deleted_at": at})
    _record(connection, account, Act.DELETE_ACCOUNT, actor=actor, at=at)


def _words(value: object) -> str:
    if isinstance(value, bool):
        return "有効" if value else "無効"
    return "なし" if value is None else str(value)


def _record(
    connection: Connection,
    account: Account,
    act: Act,
    *,
    actor: str,
    at: datetime,
    detail: Mapping[str, str] = NOTHING,
) -> None:
    append(
        connection,
        account.facility_id,
        act,
        actor=actor,
        at=at,
        subject=account.user_id,
        detail=detail,
    )
