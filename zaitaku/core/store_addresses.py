"""Which addresses the two stores may have."""

from typing import Final
from urllib.parse import urlsplit

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from zaitaku.core.errors import SettingsError

_SQLITE: Final = frozenset({"sqlite", "sqlite+pysqlite"})
_REDIS_SCHEMES: Final = frozenset({"redis", "rediss", "unix"})
_POSTGRESQL: Final = "postgresql+psycopg"


def check_sql_address(name: str, url: str) -> None:
    """Check that ``url`` is a store that several processes can share.

    Raises:
        SettingsError: it is not. The detail names the variable ``name`` and never shows the
            address, which may hold a password.
    """
    try:
        address = make_url(url)
    except (ArgumentError, ValueError):
        raise SettingsError(f"{name} is not an address") from None
    if address.drivername in _SQLITE:
        if not _is_file(address):
            raise SettingsError(f"{name} must name a file: each process has its own memory")
    elif address.drivername != _POSTGRESQL:
        raise SettingsError(f"{name} must be a SQLite file or {_POSTGRESQL}")


def is_redis(url: str) -> bool:
    """Tell whether the short-lived store at ``url`` is a Redis."""
    try:
        return urlsplit(url).scheme in _REDIS_SCHEMES
    except ValueError:
        return False


def check_ephemeral_address(url: str) -> None:
    """Check that ``url`` is a short-lived store that several processes can share.

    Raises:
        SettingsError: as ``check_sql_address``.
    """
    if not is_redis(url):
        check_sql_address("ZAITAKU_EPHEMERAL_URL", url)


def _is_file(address: URL) -> bool:
    # SQLite's own addresses (file:…) can name memory in several ways (sqlite.org/uri.html, §3).
    name = address.database or ":memory:"
    return ":memory:" not in name and not name.startswith("file:")
