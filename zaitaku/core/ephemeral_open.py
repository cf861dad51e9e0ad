"""Which short-lived store an address means."""

from zaitaku.core.clock import Clock
from zaitaku.core.ephemeral import EphemeralStore
from zaitaku.core.ephemeral_redis import RedisEphemeralStore
from zaitaku.core.ephemeral_sql import SqlEphemeralStore
from zaitaku.core.store_addresses import check_ephemeral_address, is_redis


def open_ephemeral(url: str, clock: Clock) -> EphemeralStore:
    """Open the short-lived store at ``url``; ``clock`` drives the SQL adapter only.

    Raises:
        SettingsError: the address means no store that several processes can share. The detail
            never shows the address, which may hold a password.
        StoreUnavailable: the SQL database is away. (Redis is reached at the first call.)
    """
    check_ephemeral_address(url)
    if is_redis(url):
        return RedisEphemeralStore(url)
    return SqlEphemeralStore(url, clock)
