"""Redis behind Sentinels: its primary killed, and frozen until others have taken over."""

import time
from typing import Final

from bench.faults.harness import Stage, Stores
from bench.faults.row import Row
from bench.faults.verdict import Verdict
from tests.sentinels import RedisGroup

REPEATED: Final = 4


def primary_killed(stage: Stage) -> Verdict:
    """Kill the primary with one Sentinel; a replica takes over."""
    group = stage.redis_group
    with stage.own(Stores(stage.postgres.url, group.address)) as scene:
        scene.under_load(
            lambda: _lose_primary(group), repeated=1 if stage.scale.is_short else REPEATED
        )
        return scene.verdict()


def _lose_primary(group: RedisGroup) -> None:
    former, sentinel = group.primary(), next(iter(group.sentinels.values()))
    group.servers[former].kill()
    sentinel.kill()
    group.wait_for_other_primary(former)
    time.sleep(1)
    group.servers[former].start()
    sentinel.start()
    group.wait_until_whole()


ROWS: Final = (Row("Redis primary killed, Sentinel failover", primary_killed),)
