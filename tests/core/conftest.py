"""Real stores for the tests of the core."""

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import psycopg
import pytest
from redis import Redis

from tests.core.stores import StoreCase, redis_case, sql_case
from tests.servers import postgres_server, redis_server


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """The address of a real Redis server of this test run."""
    with redis_server() as server:
        yield server.url


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The address of a real, empty PostgreSQL database of this test run."""
    with postgres_server() as server:
        yield server.url


@pytest.fixture
def empty_redis(redis_url: str) -> str:
    """The address of the Redis server, emptied, its scripts forgotten."""
    with Redis.from_url(redis_url) as client:
        client.flushall()
        client.script_flush()
    return redis_url


@pytest.fixture
def empty_postgres(postgres_url: str) -> str:
    """The address of the PostgreSQL database without any table of ours."""
    with psycopg.connect(postgres_url.replace("+psycopg", "")) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
    return postgres_url


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """The address of a SQLite file that does not exist yet."""
    return f"sqlite:///{tmp_path / 'store.db'}"


@pytest.fixture(params=["sqlite", "postgresql", "redis"])
def case(request: pytest.FixtureRequest) -> Iterator[StoreCase]:
    """Each adapter in turn, on a real and empty store."""
    if request.param == "redis":
        opened = redis_case(request.getfixturevalue("empty_redis"))
    elif request.param == "postgresql":
        opened = sql_case(request.getfixturevalue("empty_postgres"))
    else:
        opened = sql_case(request.getfixturevalue("sqlite_url"))
    yield opened
    opened.store.close()


@pytest.fixture(scope="session")
def processes() -> Iterator[ProcessPoolExecutor]:
    """Four processes that share nothing with this one."""
    with ProcessPoolExecutor(4, mp_context=get_context("spawn")) as pool:
        yield pool
