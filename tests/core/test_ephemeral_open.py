"""Which address opens which short-lived store."""

from pathlib import Path

import pytest

from tests.core.stores import NOW
from zaitaku.core.clock import FixedClock
from zaitaku.core.ephemeral_open import open_ephemeral
from zaitaku.core.ephemeral_redis import RedisEphemeralStore
from zaitaku.core.ephemeral_sql import SqlEphemeralStore
from zaitaku.core.errors import SettingsError


@pytest.mark.parametrize(
    "url",
    ["redis://127.0.0.1:1/0", "rediss://user:word@127.0.0.1:1/0", "unix:///run/redis.sock"],
)
def test_redis(url: str) -> None:
    store = open_ephemeral(url, FixedClock(NOW))
    assert isinstance(store, RedisEphemeralStore)
    store.close()


def test_sqlite(tmp_path: Path) -> None:
    store = open_ephemeral(f"sqlite:///{tmp_path / 'store.db'}", FixedClock(NOW))
    assert isinstance(store, SqlEphemeralStore)
    store.close()


@pytest.mark.parametrize(
    "url",
    [
        "",
        "secret-word",
        "mysql://user:secret-word@host/name",
        "memcached://user:secret-word@host",
        "postgresql+psycopg://user:secret-word@host:port/name",
        "postgresql://user:secret-word@host/name",
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite+pysqlite:///:memory:?secret-word",
        "sqlite:///file:secret-word?mode=memory&uri=true",
    ],
)
def test_everything_else_is_refused_without_being_shown(url: str) -> None:
    with pytest.raises(SettingsError, match="ZAITAKU_EPHEMERAL_URL") as caught:
        open_ephemeral(url, FixedClock(NOW))
    assert "secret-word" not in str(caught.value)
