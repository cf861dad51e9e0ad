"""Which short-lived store an address means."""

from typing import Final
from urllib.parse import urlsplit

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from zaitaku.core.clock import Clock
from zaitaku.core.ephemeral import EphemeralStore
from zaitaku.core.ephemeral_redis import RedisEphemeralStore
from zaitaku.core.ephemeral_sql import SqlEphemeralStore
from zaitaku.core.errors import SettingsError

_REDIS_SCHEMES: Final = frozenset({"redis", "rediss", "unix"})
_SQL_BACKENDS: Final = frozenset({"sqlite", "postgresql"})


def open_ephemeral(url: str, clock: Clock) -> EphemeralStore:
    """Open the short-lived store at ``url``; ``clock`` drives the SQL adapter only.

    Raises:
        SettingsError: the address means no store that several processes can share. The detail
            never shows the address, which may hold a password.
        StoreUnavailable: the SQL database is away. (Redis is reached at the first call.)
    """
    if urlsplit(url).scheme in _REDIS_SCHEMES:
        return RedisEphemeralStore(url)
    _check_sql(url)
    return SqlEphemeralStore(url, clock)


def _check_sql(url: str) -> None:
    try:
        address = make_url(url)
    except (ArgumentError, ValueError) as error:
        raise SettingsError("ZAITAKU_EPHEMERAL_URL is not an address") from error
    if address.get_backend_name() not in _SQL_BACKENDS:
        raise SettingsError("ZAITAKU_EPHEMERAL_URL must be redis, sqlite or postgresql")
    if address.get_backend_name() == "sqlite" and not _is_file(address):
        raise SettingsError("ZAITAKU_EPHEMERAL_URL must name a file: each process has its memory")


def _is_file(address: URL) -> bool:
    name = address.database or ":memory:"
    return ":memory:" not in name and address.query.get("mode") != "memory"
