"""Which addresses the two stores may have."""

from typing import Any, Final

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from zaitaku.core.errors import SettingsError

_SQLITE: Final = frozenset({"sqlite", "sqlite+pysqlite"})
_REDIS: Final = frozenset({"redis", "rediss", "unix", "redis+sentinel", "rediss+sentinel"})
_POSTGRESQL: Final = "postgresql+psycopg"
_WRITING: Final = frozenset({"read-write", "primary"})
_HOST_MARKS: Final = frozenset("[]/ ")
"""What SQLAlchemy leaves of an IPv6 address with its port, and what no name has."""


def check_sql_address(name: str, url: str) -> None:
    """Check that ``url`` is a store that several processes can share.

    Several PostgreSQL servers of one cluster stand behind the question mark, as libpq has them
    (``?host=a:5432&host=b:5432&target_session_attrs=read-write``; PostgreSQL 15, §34.1.1.3).

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
    elif address.drivername == _POSTGRESQL:
        _check_servers(name, address)
    else:
        raise SettingsError(f"{name} must be a SQLite file or {_POSTGRESQL}")


def is_redis(url: str) -> bool:
    """Tell whether the short-lived store at ``url`` is a Redis, alone or behind Sentinels."""
    return url.partition(":")[0].lower() in _REDIS


def check_ephemeral_address(url: str) -> None:
    """Check that ``url`` is a short-lived store that several processes can share.

    Raises:
        SettingsError: as ``check_sql_address``.
    """
    if not is_redis(url):
        check_sql_address("ZAITAKU_EPHEMERAL_URL", url)
        return
    # Twenty megabytes that a process without Redis does not need.
    from zaitaku.core.redis_servers import check_redis_address  # noqa: PLC0415

    check_redis_address("ZAITAKU_EPHEMERAL_URL", url)


def libpq_arguments(address: URL) -> dict[str, Any]:
    """Return what libpq is told of a PostgreSQL address; several hosts are parted by commas.

    Raises:
        ArgumentError, ValueError: hosts and ports do not fit each other.
    """
    return dict(address.get_dialect()().create_connect_args(address)[1])


def _is_file(address: URL) -> bool:
    # SQLite's own addresses (file:…) can name memory in several ways (sqlite.org/uri.html, §3).
    name = address.database or ":memory:"
    return ":memory:" not in name and not name.startswith("file:")


def _check_servers(name: str, address: URL) -> None:
    driver = address.get_dialect().import_dbapi()
    try:
        arguments = libpq_arguments(address)
        driver.conninfo.make_conninfo("", **arguments)
    except (ArgumentError, ValueError, TypeError, driver.Error):
        raise SettingsError(f"{name} is not an address that PostgreSQL understands") from None
    if "password" in address.query:
        # There it would be shown with the address.
        raise SettingsError(f"{name} must have its password before the @")
    hosts = str(arguments.get("host", "")).split(",")
    if len(hosts) > 1 and not all(host and _HOST_MARKS.isdisjoint(host) for host in hosts):
        raise SettingsError(f"{name} names a server wrongly")
    _check_target(name, str(arguments.get("target_session_attrs", "")), len(hosts))


def _check_target(name: str, target: str, servers: int) -> None:
    # Nothing is decided from a standby: what it tells may be over.
    if target not in _WRITING and (target or servers > 1):
        raise SettingsError(f"{name} must have target_session_attrs=read-write")
