"""A deployment as an examination finds it."""

from collections import UserDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn, cast

from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy import make_url

from zaitaku.core.clock import Clock
from zaitaku.core.database import Database
from zaitaku.core.draining import FLAG
from zaitaku.core.ephemeral import EphemeralStore
from zaitaku.core.ephemeral_open import open_ephemeral
from zaitaku.core.errors import EphemeralStoreUnavailable, StoreUnavailable
from zaitaku.core.redis_servers import connection_pool
from zaitaku.core.store_addresses import is_redis
from zaitaku.settings import Settings

_PREFIX: Final = "ZAITAKU_"
_OF_OTHERS: Final = frozenset(
    {
        *("ZAITAKU_DATA", "ZAITAKU_PORT", "ZAITAKU_BRIDGE_PORT", "ZAITAKU_PROVIDER_PORT"),
        FLAG,
    }
)
"""The demo's, and what a process tells those that it starts."""
REDIS_SECONDS: Final = 2.0
"""For connecting, and for each answer."""


@dataclass(frozen=True)
class Deployment:
    """Its settings and its stores, opened to be looked at."""

    settings: Settings
    database: Database
    ephemeral: EphemeralStore
    clock: Clock
    is_alone: bool = False
    """Whether the operator has said that one PostgreSQL is enough."""
    unread: tuple[str, ...] = ()
    """Variables that look like settings and that nothing reads."""

    def sqlite_files(self) -> tuple[Path, ...]:
        """Return the SQLite files that it uses."""
        urls = [self.settings.database_url]
        if not is_redis(self.settings.ephemeral_url):
            urls.append(self.settings.ephemeral_url)
        addresses = [make_url(url) for url in urls]
        return tuple(
            Path(address.database)
            for address in addresses
            if address.get_backend_name() == "sqlite" and address.database
        )

    @contextmanager
    def redis(self) -> Iterator[Redis | None]:
        """Give a client of its Redis; ``None`` where the short-lived store is none.

        Raises:
            StoreUnavailable: it is away.
        """
        if not is_redis(self.settings.ephemeral_url):
            yield None
            return
        pool = connection_pool(
            self.settings.ephemeral_url,
            decode_responses=True,
            protocol=2,
            socket_timeout=REDIS_SECONDS,
            socket_connect_timeout=REDIS_SECONDS,
        )
        try:
            with closing(Redis.from_pool(pool)) as client:
                yield client
        except RedisError as error:
            raise StoreUnavailable(type(error).__name__) from error


class Variables(UserDict[str, str]):
    """An environment that notes which of its variables were read."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        super().__init__(environ)
        self._read: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self._read.add(name)
        return super().__getitem__(name)

    def unread(self) -> tuple[str, ...]:
        """Return the names of settings that nothing has read: misspelt ones, for instance."""
        named = (name for name in self if name.startswith(_PREFIX) and name not in _OF_OTHERS)
        return tuple(sorted(set(named) - self._read))


class _Away:
    """A short-lived store that could not be opened: whatever it is asked fails for that reason."""

    def __init__(self, cause: StoreUnavailable) -> None:
        self._cause = cause

    def __getattr__(self, _name: str) -> Callable[..., NoReturn]:
        return self._fail

    def _fail(self, *_arguments: object, **_named: object) -> NoReturn:
        raise EphemeralStoreUnavailable(self._cause.detail) from self._cause

    def close(self) -> None:
        """Do nothing."""


def _opened_or_away(url: str, clock: Clock) -> EphemeralStore:
    try:
        return open_ephemeral(url, clock)
    except StoreUnavailable as error:
        return cast("EphemeralStore", _Away(error))


@contextmanager
def opened(settings: Settings, clock: Clock) -> Iterator[Deployment]:
    """Open the stores of a deployment, and close them at the end; one may be away."""
    database = Database(settings.database_url)
    ephemeral = _opened_or_away(settings.ephemeral_url, clock)
    try:
        yield Deployment(settings, database, ephemeral, clock)
    finally:
        ephemeral.close()
        database.close()
