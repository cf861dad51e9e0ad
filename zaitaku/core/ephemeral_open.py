"""Which short-lived store an address means."""

from typing import Final
from urllib.parse import urlsplit

from zaitaku.core.clock import Clock
from zaitaku.core.ephemeral import EphemeralStore
from zaitaku.core.ephemeral_redis import RedisEphemeralStore
from zaitaku.core.ephemeral_sql import SqlEphemeralStore
from zaitaku.core.sql_address import check_sql_address

_REDIS_SCHEMES: Final = frozenset({"redis", "rediss", "unix"})


def open_ephemeral(url: str, clock: Clock) -> EphemeralStore:
    """Open the short-lived store at ``url``; ``clock`` drives the SQL adapter only.

    Raises:
        SettingsError: the address means no store that several processes can share. The detail
            never shows the address, which may hold a password.
        StoreUnavailable: the SQL database is away. (Redis is reached at the first call.)
    """
    if urlsplit(url).scheme in _REDIS_SCHEMES:
        return RedisEphemeralStore(url)
    check_sql_address("ZAITAKU_EPHEMERAL_URL", url)
    return SqlEphemeralStore(url, clock)
