"""Whether the stores keep what they acknowledge."""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from redis import Redis
from redis.exceptions import ResponseError

from zaitaku.operating.deployment import Deployment
from zaitaku.watching.words import UNKNOWN, Line

OLDEST_REDIS: Final = 7

_MUST_BE: Final[Mapping[str, tuple[frozenset[str], str]]] = {
    "fsync": (frozenset({"on"}), "停電で、受け付けた同意を失います。on にしてください。"),
    "full_page_writes": (frozenset({"on"}), "停電でこわれることがあります。on にしてください。"),
    "synchronous_commit": (
        frozenset({"on", "remote_write", "remote_apply"}),
        "受け付けた同意を失うことがあります。on にしてください。",
    ),
    "data_checksums": (
        frozenset({"on"}),
        "ディスクの誤りに気づけません。pg_checksums --enable を実行してください。",
    ),
}
"""PostgreSQL's settings, what each may be, and what is wrong otherwise (PostgreSQL 15, §20.5)."""


def durability(deployment: Deployment) -> Iterator[Line]:
    """Tell whether the durable store survives a cut of the power."""
    look = _sqlite if deployment.database.is_sqlite else _postgresql
    yield from look(deployment)


def _sqlite(deployment: Deployment) -> Iterator[Line]:
    with deployment.database.reading() as connection:
        answer = str(connection.exec_driver_sql("PRAGMA quick_check(1)").scalar())
    is_whole = answer == "ok"
    yield Line(
        "データベースのファイル",
        "こわれていません" if is_whole else "こわれています",
        "" if is_whole else "止めて、写しを取り、控えから戻してください（docs/operations.md）。",
    )


def _postgresql(deployment: Deployment) -> Iterator[Line]:
    with deployment.database.reading() as connection:
        for name, (allowed, worry) in _MUST_BE.items():
            found = str(connection.exec_driver_sql(f"SHOW {name}").scalar())
            yield Line(f"PostgreSQLの {name}", found, "" if found in allowed else worry)


def redis(deployment: Deployment) -> Iterator[Line]:
    """Tell whether Redis is new enough, and drops nothing by itself."""
    with deployment.redis() as client:
        if client is not None:
            yield _redis_version(client)
            yield _redis_eviction(client)


def _redis_version(client: Redis) -> Line:
    found = str(client.info("server")["redis_version"])
    is_old = int(found.partition(".")[0]) < OLDEST_REDIS
    return Line("Redisの版", found, f"{OLDEST_REDIS} 以上にしてください。" if is_old else "")


def _redis_eviction(client: Redis) -> Line:
    part = "Redisがいっぱいのとき"
    policy = _asked(lambda: str(client.config_get("maxmemory-policy")["maxmemory-policy"]))
    if policy is None:
        return Line(part, f"{UNKNOWN}（CONFIG が許されていません）")
    worry = "途中の受付や回数の制限が、黙って消えます。maxmemory-policy を noeviction にします。"
    return Line(part, policy, "" if policy == "noeviction" else worry)


def _asked(question: Callable[[], str]) -> str | None:
    try:
        return question()
    except (ResponseError, KeyError):
        return None
