"""Whether the demo's password still opens the accounts of its clinic: people try the console out.

Asked of the database alone. A login would count, lock and be recorded.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum

from zaitaku.accounts.model import user_key
from zaitaku.accounts.passwords import Passwords
from zaitaku.accounts.store import AccountStore
from zaitaku.core.ids import FacilityId
from zaitaku.services import Services


class Door(StrEnum):
    """What the demo's password does at an account."""

    OPEN = "open"
    CHANGED = "changed"
    """The account has another password."""
    LOCKED = "locked"
    """It is the right one, but wrong ones were typed too often."""
    DISABLED = "disabled"
    """It is the right one, but the account may not be used now."""
    GONE = "gone"
    """There is no such account."""


def doors(
    services: Services, facility_id: FacilityId, user_ids: Iterable[str], password: str
) -> Mapping[str, Door]:
    """Return what ``password`` does at each account; nothing is written."""
    passwords = Passwords()
    return {
        user_id: _door(services, facility_id, user_id, password, passwords) for user_id in user_ids
    }


def _door(
    services: Services,
    facility_id: FacilityId,
    user_id: str,
    password: str,
    passwords: Passwords,
) -> Door:
    with services.database.reading() as connection:
        known = AccountStore(connection, facility_id).by_key(user_key(user_id))
    if known is None:
        return Door.GONE
    if not passwords.verify(known.password_hash, password):
        return Door.CHANGED
    if known.account.is_locked:
        return Door.LOCKED
    return Door.OPEN if known.account.is_usable(services.clock.now()) else Door.DISABLED
