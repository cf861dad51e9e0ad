"""Redis behind Sentinels: its primary killed, and a Sentinel with it."""

from typing import Final

from bench.faults.harness import Stage
from bench.faults.row import Row
from bench.faults.verdict import Verdict
from tests.sentinels import RedisGroup

REPEATED: Final = 4


def primary_killed(stage: Stage) -> Verdict:
    """Kill the primary with one Sentinel; a replica takes over."""
    scene = stage.begin_clustered()
    repeated = 1 if stage.scale.is_short else REPEATED
    scene.under_load(lambda: _lose_primary(stage.redis_group), repeated=repeated)
    return scene.verdict()


def _lose_primary(group: RedisGroup) -> None:
    group.wait_until_whole()
    former, sentinel = group.primary(), next(iter(group.sentinels.values()))
    group.servers[former].kill()
    sentinel.kill()
    group.wait_for_other_primary(former)
    group.servers[former].start()
    sentinel.start()


ROWS: Final = (Row("Redis primary killed, Sentinel failover", primary_killed),)
