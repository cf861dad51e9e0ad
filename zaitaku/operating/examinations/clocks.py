"""Whether the machines of a deployment agree on what time it is."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from redis import Redis

from zaitaku.operating.deployment import Deployment
from zaitaku.watching.words import Line

MOST_SECONDS: Final = 5
_MOST: Final = timedelta(seconds=MOST_SECONDS)


def clocks(deployment: Deployment) -> Iterator[Line]:
    """Tell how far the stores' clocks are from this machine's, which dates every record."""
    if not deployment.database.is_sqlite:
        yield _compared("データベース", deployment, _postgresql_time(deployment))
    with deployment.redis() as client:
        if client is not None:
            yield _compared("Redis", deployment, _redis_time(client))


def _compared(name: str, deployment: Deployment, theirs: datetime) -> Line:
    apart = theirs - deployment.clock.now()
    worry = "どちらかの時計が合っていません。chrony などで合わせてください。"
    fact = f"差は {apart.total_seconds():+.1f}秒"
    return Line(f"{name}の時計", fact, worry if abs(apart) > _MOST else "")


def _postgresql_time(deployment: Deployment) -> datetime:
    with deployment.database.reading() as connection:
        found: datetime = connection.exec_driver_sql("SELECT clock_timestamp()").scalar_one()
    return found


def _redis_time(client: Redis) -> datetime:
    seconds, microseconds = client.time()
    return datetime.fromtimestamp(seconds, UTC) + timedelta(microseconds=microseconds)
