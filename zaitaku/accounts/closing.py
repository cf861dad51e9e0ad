"""The end of all accounts of a facility that has closed."""

from sqlalchemy import Connection

from zaitaku.accounts import changing
from zaitaku.accounts.model import Account
from zaitaku.accounts.store import AccountStore
from zaitaku.core.clock import Clock
from zaitaku.core.ids import FacilityId


def enabled_accounts(connection: Connection, facility_id: FacilityId) -> tuple[Account, ...]:
    """Return the facility's accounts that are 有効, by user ID."""
    return tuple(each for each in AccountStore(connection, facility_id).all() if each.is_enabled)


class AccountsEnd:
    """Makes every account of a facility 無効, the last 管理 too; all are logged out at once.

    Only the operator may: nobody of the facility could undo it. The facility's row must be locked,
    as whoever adds an account locks it.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def __call__(
        self, connection: Connection, facility_id: FacilityId, actor: str
    ) -> tuple[Account, ...]:
        """Return the accounts that were 有効 until now."""
        ended, at = enabled_accounts(connection, facility_id), self._clock.now()
        for account in ended:
            changing.update(connection, account, {"is_enabled": False}, actor=actor, at=at)
        return ended
