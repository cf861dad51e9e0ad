"""Several servers in one address: understood, checked at the start, never shown."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.connection import SSLConnection
from redis.exceptions import ConnectionError as RedisAway
from redis.sentinel import SentinelConnectionPool
from sqlalchemy import make_url

from tests.servers import free_port, postgres_server
from zaitaku.core.database import Database
from zaitaku.core.errors import SettingsError
from zaitaku.core.postgres import _Servers
from zaitaku.core.redis_servers import connection_pool
from zaitaku.core.redis_waits import BoundedConnection, BoundedSentinelConnection
from zaitaku.core.store_addresses import (
    check_ephemeral_address,
    check_sql_address,
    is_redis,
    libpq_arguments,
)

WRITING = "target_session_attrs=read-write"

labels = st.from_regex(r"[a-z][a-z0-9-]{0,8}", fullmatch=True)
servers = st.lists(st.tuples(labels, st.integers(1, 65535)), min_size=2, max_size=5, unique=True)


@given(servers)
def test_libpq_is_told_of_every_server(them: list[tuple[str, int]]) -> None:
    hosts = "&".join(f"host={host}:{port}" for host, port in them)
    url = f"postgresql+psycopg://zaitaku:word@/zaitaku?{hosts}&{WRITING}"
    check_sql_address("NAME", url)
    told = libpq_arguments(make_url(url))
    assert told["host"] == ",".join(host for host, _ in them)
    assert told["port"] == ",".join(str(port) for _, port in them)
    assert told["target_session_attrs"] == "read-write"


@pytest.mark.parametrize(
    "rest",
    [
        "@a/z",
        "@/z?host=/run/postgresql",
        "@a/z?sslmode=verify-full&sslrootcert=/ca.pem",
        f"@/z?host=a,b,c&{WRITING}",
        f"@/z?host=::1,b&port=5432,5433&{WRITING}",
        "@/z?host=a:1&host=b:2&target_session_attrs=primary",
    ],
)
def test_addresses_that_libpq_understands(rest: str) -> None:
    check_sql_address("NAME", f"postgresql+psycopg://zaitaku:word{rest}")


@pytest.mark.parametrize(
    ("rest", "rule"),
    [
        ("@/z?host=a:1&host=b:2", "must have target_session_attrs=read-write"),
        ("@/z?host=a:1&host=b:2&target_session_attrs=any", "must have target_session_attrs"),
        ("@a/z?target_session_attrs=standby", "must have target_session_attrs"),
        (f"@/z?host=[::1]:5432&host=b:2&{WRITING}", "names a server wrongly"),
        (f"@/z?host=a:1&host=:2&{WRITING}", "names a server wrongly"),
        (f"@/z?host=a,b,c&port=1,2&{WRITING}", "not an address that PostgreSQL understands"),
        (f"@/z?host=a:x&host=b:2&{WRITING}", "not an address that PostgreSQL understands"),
        ("@a/z?nonsense=secret-word", "not an address that PostgreSQL understands"),
        ("@a/z?password=secret-word", "must have its password before the @"),
    ],
)
def test_others_are_refused_without_being_shown(rest: str, rule: str) -> None:
    with pytest.raises(SettingsError, match=rule) as caught:
        check_sql_address("NAME", f"postgresql+psycopg://zaitaku:secret-word{rest}")
    assert str(caught.value).startswith("NAME ")
    assert "secret-word" not in str(caught.value)


def test_a_server_that_is_away_is_passed_by() -> None:
    with postgres_server() as server:
        hosts = f"host=127.0.0.1:{free_port()}&host=127.0.0.1:{server.port}"
        store = Database(f"postgresql+psycopg://zaitaku@/postgres?{hosts}&{WRITING}")
        with store.reading() as connection:
            assert connection.exec_driver_sql("SELECT 1").scalar_one() == 1
        store.close()


class Answer:
    """A connection, as far as it tells with whom it is."""

    def __init__(self, host: str, port: int) -> None:
        self.host, self.port = host, port
        self.info = self


def order(known: _Servers, parameters: dict[str, Any]) -> list[tuple[str, str]]:
    told = known.in_order(parameters)
    return list(zip(told["host"].split(","), told["port"].split(","), strict=True))


@given(servers, st.data())
def test_who_answered_last_is_asked_first(them: list[tuple[str, int]], data: st.DataObject) -> None:
    known: Any = _Servers()
    parameters = {
        "host": ",".join(host for host, _ in them),
        "port": ",".join(str(port) for _, port in them),
        "user": "zaitaku",
    }
    written = [(host, str(port)) for host, port in them]
    assert order(known, parameters) == written
    answered, silent = data.draw(st.permutations(them))[:2]
    known.answered(Answer(*answered))
    known.fell_silent(Answer(*silent))
    tried = order(known, parameters)
    assert tried[0] == (answered[0], str(answered[1]))
    assert tried[-1] == (silent[0], str(silent[1]))
    assert sorted(tried) == sorted(written)
    known.fell_silent(Answer(*answered))
    assert order(known, parameters)[-1] == (answered[0], str(answered[1]))


def test_one_port_is_every_servers() -> None:
    known: Any = _Servers()
    assert order(known, {"host": "a,b", "port": 5433}) == [("a", "5433"), ("b", "5433")]
    assert order(known, {"host": "a,b"}) == [("a", ""), ("b", "")]


def test_one_server_is_left_as_it_is() -> None:
    parameters = {"host": "a", "port": 5432, "connect_timeout": 5}
    assert _Servers().in_order(parameters) is parameters


@given(servers, labels, st.integers(0, 15))
def test_sentinels_are_understood(them: list[tuple[str, int]], service: str, number: int) -> None:
    hosts = ",".join(f"{host}:{port}" for host, port in them)
    pool = connection_pool(f"redis+sentinel://user:w%40rd@{hosts}/{service}/{number}")
    assert isinstance(pool, SentinelConnectionPool)
    assert pool.service_name == service
    told = pool.connection_kwargs
    assert (told["username"], told["password"], told["db"]) == ("user", "w@rd", number)
    asked = [each.connection_pool.connection_kwargs for each in pool.sentinel_manager.sentinels]
    assert [(each["host"], each["port"]) for each in asked] == them
    assert all(each.get("password") is None for each in asked)


def test_sentinels_have_a_port_and_passwords_of_their_own() -> None:
    pool: Any = connection_pool("redis+sentinel://a,[::1]:7/s?sentinel_password=x")
    asked = [each.connection_pool.connection_kwargs for each in pool.sentinel_manager.sentinels]
    assert [(each["host"], each["port"]) for each in asked] == [("a", 26379), ("::1", 7)]
    assert {each["password"] for each in asked} == {"x"}
    assert "password" not in pool.connection_kwargs


@pytest.mark.parametrize(
    ("url", "is_tls"),
    [
        ("redis://a/0", False),
        ("rediss://a/0", True),
        ("redis+sentinel://a/s", False),
        ("rediss+sentinel://a/s", True),
    ],
)
def test_only_what_is_no_tls_lets_the_kernel_wait(url: str, *, is_tls: bool) -> None:
    kind = connection_pool(url).connection_class
    assert issubclass(kind, SSLConnection) is is_tls
    assert issubclass(kind, BoundedConnection | BoundedSentinelConnection) is not is_tls


def test_tls_is_spoken_with_both() -> None:
    pool: Any = connection_pool("rediss+sentinel://a,b/s?ssl_ca_certs=/ca.pem")
    assert issubclass(pool.connection_class, SSLConnection)
    assert pool.connection_kwargs["ssl_ca_certs"] == "/ca.pem"
    for sentinel in pool.sentinel_manager.sentinels:
        assert issubclass(sentinel.connection_pool.connection_class, SSLConnection)
        assert sentinel.connection_pool.connection_kwargs["ssl_ca_certs"] == "/ca.pem"


def test_no_sentinel_gets_lost_when_one_answers() -> None:
    sentinels: Any = connection_pool("redis+sentinel://a,b,c/s").sentinel_manager  # type: ignore[attr-defined]
    first, second, third = sentinels.sentinels
    sentinels.sentinels[0], sentinels.sentinels[2] = third, first
    assert sentinels.sentinels == [first, second, third]


def test_no_sentinel_there() -> None:
    with pytest.raises(RedisAway):
        connection_pool("redis+sentinel://127.0.0.1:1/s").get_connection()


@pytest.mark.parametrize(
    "url",
    [
        "redis://a/0",
        "rediss://a",
        "unix:///run/redis.sock",
        "redis+sentinel://a/s",
        "rediss+sentinel://user:word@a,b:1/s/3?socket_keepalive=yes",
    ],
)
def test_addresses_of_redis(url: str) -> None:
    assert is_redis(url)
    check_ephemeral_address(url)


@pytest.mark.parametrize(
    "rest",
    [
        *("@a", "@a/", "@a/s/x", "@a/s/0/0", "@/s", "@a,/s", "@a:0/s", "@a:70000/s", "@a:x/s"),
        *("@a/s?nonsense=1", "@a/s?sentinel_nonsense=1", "@a/s?health_check_interval=soon"),
    ],
)
def test_sentinels_that_make_no_sense_are_refused_without_being_shown(rest: str) -> None:
    with pytest.raises(SettingsError, match="ZAITAKU_EPHEMERAL_URL is not") as caught:
        check_ephemeral_address(f"redis+sentinel://user:secret-word{rest}")
    assert "secret-word" not in str(caught.value)
