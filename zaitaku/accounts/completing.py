"""A login that is complete: recorded, and remembered on the account, in one transaction."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection

from zaitaku.accounts.model import SYSTEM_ROLES, Account
from zaitaku.accounts.sign_in_model import Stage
from zaitaku.accounts.sign_in_store import SignInStore
from zaitaku.accounts.store import AccountStore
from zaitaku.audit.model import Act
from zaitaku.audit.store import append


def stage_after_password(connection: Connection, account: Account) -> Stage:
    """Return what is due after the right password; of programs nothing is."""
    store = SignInStore(connection, account.facility_id)
    if account.role in SYSTEM_ROLES:
        return Stage.FULL
    if store.passkeys(account.id):
        return Stage.SECOND_STEP
    return Stage.FIRST_PASSKEY if store.policy().needs_second_factor else Stage.FULL


def complete_login(
    connection: Connection, account: Account, *, at: datetime, detail: Mapping[str, str]
) -> None:
    """Record that somebody is logged in now, after everything that was due.

    The last statements of their transaction: the record takes the chain's lock.
    """
    AccountStore(connection, account.facility_id).update(account.id, {"last_login_at": at})
    append(
        connection,
        account.facility_id,
        Act.LOGIN,
        actor=account.label,
        at=at,
        subject=account.user_id,
        detail=detail,
    )
