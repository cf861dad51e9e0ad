"""Which Redis an address means: one server, or the primary that Sentinels name.

``redis+sentinel://user:word@a:26379,b:26379,c:26379/service/0`` asks each Sentinel in turn which
server is the service's primary now, at every new connection; ``rediss+sentinel://`` speaks TLS with
both. User and password are the servers' own; the Sentinels' are ``sentinel_username`` and
``sentinel_password`` behind the question mark, beside redis-py's options (``ssl_ca_certs`` …).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, Self
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from redis import Redis
from redis.backoff import NoBackoff
from redis.connection import ConnectionPool, parse_url
from redis.retry import Retry
from redis.sentinel import Sentinel, SentinelConnectionPool

from zaitaku.core.errors import SettingsError
from zaitaku.core.redis_waits import BoundedConnection, BoundedSentinelConnection

SENTINEL_PORT: Final = 26379
SENTINEL_SECONDS: Final = 0.5
"""For connecting to a Sentinel and for its answer: the next one is asked soon."""

_SENTINEL_SCHEMES: Final = frozenset({"redis+sentinel", "rediss+sentinel"})
_SENTINELS_OWN: Final = "sentinel_"
_SERVERS: Final = re.compile(r"([^/?#]*)(.*)", re.DOTALL)
"""User, password and servers, and what follows them (RFC 3986, 3.2)."""


def check_redis_address(name: str, url: str) -> None:
    """Check that ``url`` can be understood; nobody is asked.

    Raises:
        SettingsError: it cannot. The detail names the variable ``name`` and never shows the
            address, which may hold a password.
    """
    try:
        connection_pool(url).make_connection()
    except (ValueError, TypeError):
        raise SettingsError(f"{name} is not an address of Redis or of its Sentinels") from None


def connection_pool(url: str, **options: object) -> ConnectionPool:
    """Return a pool of connections to the server or the primary; ``options`` are redis-py's.

    Raises:
        ValueError: the address means none.
    """
    url = url.strip()
    scheme = url.partition("://")[0].lower()
    if scheme not in _SENTINEL_SCHEMES:
        # Named for one kind of address alone: redis-py would take it for the others, too.
        own = {"connection_class": BoundedConnection} if scheme == "redis" else {}
        return ConnectionPool.from_url(url, **own, **options)
    is_tls = scheme.startswith("rediss")
    group = _Group.read(url.partition("://")[2], is_tls=is_tls)
    kind = {} if is_tls else {"connection_class": BoundedSentinelConnection}
    return SentinelConnectionPool(  # type: ignore[no-untyped-call]
        group.service,
        _Sentinels(  # type: ignore[no-untyped-call]
            group.sentinels, sentinel_kwargs=group.sentinel_options
        ),
        ssl=is_tls,
        **{**group.server_options, **kind, **options},
    )


@dataclass(frozen=True)
class _Group:
    """Sentinels, what they watch, and how both are spoken to."""

    sentinels: tuple[tuple[str, int], ...]
    service: str
    server_options: dict[str, Any] = field(repr=False)
    sentinel_options: dict[str, Any] = field(repr=False)

    @classmethod
    def read(cls, text: str, *, is_tls: bool) -> Self:
        """Read what stands behind the scheme."""
        # Several servers are no address that ``urlsplit`` has to take: with an IPv6 one among
        # them newer Pythons refuse it.
        servers, rest = _SERVERS.findall(text)[0]
        parts = urlsplit(f"//{rest}")
        user, _, hosts = servers.rpartition("@")
        service, _, number = parts.path.strip("/").partition("/")
        if not service:
            raise ValueError("no service is named")
        query = parse_qsl(parts.query)
        own = {key: value for key, value in query if not key.startswith(_SENTINELS_OWN)}
        of_servers = parse_url(  # type: ignore[no-untyped-call]
            f"redis://{user}@/{int(number or 0)}?{urlencode(own)}"
        )
        return cls(
            tuple(map(_host_and_port, hosts.split(","))),
            unquote(service),
            of_servers,
            dict(_sentinel_options(query, of_servers, is_tls=is_tls)),
        )


class _Sentinels(Sentinel):
    """Asks in the order of the address.

    redis-py moves whoever answered to the front of its list: two threads that do so at the same
    moment can push a Sentinel out of it for good.
    """

    @property
    def sentinels(self) -> list[Redis]:
        return list(self._asked)

    @sentinels.setter
    def sentinels(self, clients: list[Redis]) -> None:
        self._asked = tuple(clients)


def _host_and_port(text: str) -> tuple[str, int]:
    parts = urlsplit(f"//{text}")
    if not parts.hostname or parts.port == 0:
        raise ValueError("a Sentinel has no name")
    return parts.hostname, parts.port or SENTINEL_PORT


def _sentinel_options(
    query: list[tuple[str, str]], servers: dict[str, Any], *, is_tls: bool
) -> Iterator[tuple[str, Any]]:
    yield "socket_timeout", SENTINEL_SECONDS
    yield "socket_connect_timeout", SENTINEL_SECONDS
    yield "retry", Retry(NoBackoff(), 0)
    for name, value in query:
        if name.startswith(_SENTINELS_OWN):
            yield name.removeprefix(_SENTINELS_OWN), value
    if is_tls:
        yield "ssl", True
        yield from ((name, value) for name, value in servers.items() if name.startswith("ssl_"))
