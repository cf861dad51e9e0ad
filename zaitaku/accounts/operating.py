"""What only the deployment's operator does: to accounts of every role, by their user ID.

Nobody in a facility manages its マスタ and マスタリセット用 accounts (domain.md §5).
"""

from dataclasses import replace
from typing import Any

from zaitaku.accounts import changing
from zaitaku.accounts.errors import AccountUnknown
from zaitaku.accounts.managing import keep_an_administrator
from zaitaku.accounts.model import Account, user_key
from zaitaku.accounts.service import AccountService
from zaitaku.accounts.store import AccountStore
from zaitaku.accounts.widths import half_width
from zaitaku.core.ids import FacilityId
from zaitaku.facilities.store import lock_facility


class OperatedAccounts(AccountService):
    """The accounts of all facilities from the operator's side."""

    def find(self, facility_id: FacilityId, user_id: str) -> Account:
        """Return the living account of a user ID.

        Raises:
            AccountUnknown: the facility has no such account.
        """
        with self._database.reading() as connection:
            return _named(AccountStore(connection, facility_id), user_id)

    def set_enabled(
        self, facility_id: FacilityId, user_id: str, *, is_enabled: bool, actor: str
    ) -> Account:
        """Make an account 有効 or 無効; a disabled one is logged out at once.

        Raises:
            AccountUnknown: the facility has no such account.
            LastAdministrator: nobody could manage the facility afterwards.
        """
        changes: dict[str, Any] = {"is_enabled": is_enabled}
        now = self._clock.now()
        with self._database.transaction() as connection:
            lock_facility(connection, facility_id)
            before = _named(AccountStore(connection, facility_id), user_id)
            after = replace(before, is_enabled=is_enabled)
            keep_an_administrator(connection, before, after, now)
            changing.update(connection, before, changes, actor=actor, at=now)
        return after

    def delete(self, facility_id: FacilityId, user_id: str, *, actor: str) -> None:
        """Close an account for good; its user ID stays taken.

        Raises:
            AccountUnknown: the facility has no such account.
            LastAdministrator: nobody could manage the facility afterwards.
        """
        now = self._clock.now()
        with self._database.transaction() as connection:
            lock_facility(connection, facility_id)
            account = _named(AccountStore(connection, facility_id), user_id)
            after = replace(account, is_deleted=True)
            keep_an_administrator(connection, account, after, now)
            changing.delete(connection, account, actor=actor, at=now)


def _named(store: AccountStore, user_id: str) -> Account:
    known = store.by_key(user_key(half_width(user_id)))
    if known is None:
        raise AccountUnknown
    return known.account
