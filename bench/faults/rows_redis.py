"""Redis, killed and emptied: journeys under way may be lost, acknowledged consents never."""

import time
from typing import Final

from redis import Redis

from bench.faults.harness import Stage
from bench.faults.row import Row
from bench.faults.verdict import Verdict

REPEATED: Final = 5
AWAY_SECONDS: Final = 2.0


def killed(stage: Stage) -> Verdict:
    """Kill Redis and start it again with nothing in it."""
    scene = stage.begin()

    def kill() -> None:
        stage.redis.kill()
        time.sleep(stage.scale.seconds_of(AWAY_SECONDS))
        stage.redis.start()

    scene.under_load(kill, repeated=stage.scale.times(REPEATED))
    return scene.verdict()


def flushed(stage: Stage) -> Verdict:
    """Empty Redis while everything goes on."""
    scene = stage.begin()

    def flush() -> None:
        with Redis.from_url(stage.redis.url) as client:
            client.flushall()

    scene.under_load(flush, repeated=stage.scale.times(2 * REPEATED))
    return scene.verdict()


ROWS: Final = (
    Row("Redis killed and restarted empty", killed),
    Row("Redis flushed", flushed),
)
