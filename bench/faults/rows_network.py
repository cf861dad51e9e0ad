"""The cable between web and database, and between web and Redis, pulled out and put back."""

import time
from typing import Final

from bench.faults.harness import Stage, Stores
from bench.faults.network import network
from bench.faults.row import Row
from bench.faults.stores import postgres, redis
from bench.faults.verdict import Verdict

REPEATED: Final = 3
CUT_SECONDS: Final = 15.0


def cut_from(stage: Stage, neighbour: str) -> Verdict:
    """Cut the web from one of its stores for a while."""
    with (
        network() as net,
        postgres("max_connections=60", host=net.cables["database"].here) as database,
        redis(host=net.cables["redis"].here) as ephemeral,
        stage.own(
            Stores(database.url, ephemeral.url),
            host=net.cables["patients"].inside,
            prefix=net.prefix,
        ) as scene,
    ):

        def cut() -> None:
            with net.cables[neighbour].cut():
                time.sleep(stage.scale.seconds_of(CUT_SECONDS))

        scene.under_load(cut, repeated=stage.scale.times(REPEATED))
        return scene.verdict()


ROWS: Final = (
    Row(
        "network cut, web and database",
        lambda stage: cut_from(stage, "database"),
        is_below_pages=True,
    ),
    Row("network cut, web and Redis", lambda stage: cut_from(stage, "redis")),
)
