"""The end of all accounts of a facility that has closed."""

from datetime import datetime

from sqlalchemy import Connection

from zaitaku.accounts import changing
from zaitaku.accounts.model import Account
from zaitaku.accounts.store import AccountStore
from zaitaku.core.ids import FacilityId
from zaitaku.facilities.store import lock_facility


def enabled_accounts(connection: Connection, facility_id: FacilityId) -> tuple[Account, ...]:
    """Return the facility's accounts that are 有効, by user ID."""
    return tuple(each for each in AccountStore(connection, facility_id).all() if each.is_enabled)


def disable_all(
    connection: Connection, facility_id: FacilityId, *, actor: str, at: datetime
) -> tuple[Account, ...]:
    """Make every account 無効, the last 管理 too; whoever is logged in is logged out at once.

    Returns those that were 有効 until now. Only the operator may: nobody of the facility could
    undo it.
    """
    lock_facility(connection, facility_id)
    ended = enabled_accounts(connection, facility_id)
    for account in ended:
        changing.update(connection, account, {"is_enabled": False}, actor=actor, at=at)
    return ended
