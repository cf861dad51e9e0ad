"""PostgreSQL under Patroni: its primary lost, handed over, its helpers lost.

In every row but the control a commit is answered when one of two standbys has it, and the site
insists on that. The control is answered at once, and the same fault must cost it consents.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from bench.faults.harness import Load, Stage, Stores
from bench.faults.row import Row
from bench.faults.verdict import Verdict
from tests.cluster import ASYNCHRONOUS, SYNCHRONOUS, Cluster, Node

HELD_SECONDS: Final = 2.0
AWAY_SECONDS: Final = 3.0
REPEATED: Final = 4
CONTROLS: Final = 3
UNSENT: Final = 3


def primary_killed(stage: Stage) -> Verdict:
    """Kill the primary while nothing leaves it any more; a standby takes over.

    In the long form every other time the whole machine dies, Patroni as well: then the others
    wait for its key in etcd to run out.
    """
    cluster, turns = stage.cluster, iter(range(REPEATED))

    def kill() -> None:
        is_whole_machine = next(turns) % 2 == 1
        _lose_primary(cluster, Node.kill if is_whole_machine else Node.kill_postgres)

    return _met(stage, kill, repeated=1 if stage.scale.is_short else REPEATED)


def switched_over(stage: Stage) -> Verdict:
    """Hand the primary's part to a standby, as for maintenance."""
    cluster = stage.cluster

    def switch() -> None:
        former = cluster.primary()
        cluster.switch_over()
        cluster.wait_for_other_primary(former)
        cluster.wait_until_whole()

    return _met(stage, switch, repeated=1 if stage.scale.is_short else REPEATED)


def standby_lost(stage: Stage) -> Verdict:
    """Kill a standby's machine: the other one's answer is enough (``ANY 1``)."""
    return _met(stage, lambda: _without_standby(stage.cluster, stage), repeated=1)


def etcd_member_lost(stage: Stage) -> Verdict:
    """Kill one of etcd's three members, the one that leads as likely as another."""

    def kill_each() -> None:
        for member in stage.cluster.etcd[: 1 if stage.scale.is_short else None]:
            member.kill()
            time.sleep(AWAY_SECONDS)
            member.start()
            time.sleep(AWAY_SECONDS)

    return _met(stage, kill_each, repeated=1)


def asynchronous_control(stage: Stage) -> Verdict:
    """Kill the primary while nothing leaves it, where nobody waits for a standby: it must lose."""
    rounds, seconds = stage.scale.times(CONTROLS), stage.scale.seconds
    part = max(2, stage.scale.acked // (rounds + 1))
    with (
        _asynchronous(stage.cluster) as cluster,
        stage.own(Stores(cluster.new_database(), stage.redis_group.address), workers=1) as scene,
    ):
        with scene.load(turning=False) as load:
            for _ in range(rounds):
                cluster.wait_until_whole()
                load.wait_for(load.acknowledged() + part, seconds)
                _lose_unsent(cluster, load, seconds)
            load.wait_for(load.acknowledged() + part, seconds)
        return scene.verdict()


def _lose_unsent(cluster: Cluster, load: Load, seconds: float) -> None:
    # Few, so that it is done before a standby gives the silent sender up and asks anew.
    former = cluster.primary()
    with former.not_sending():
        load.wait_for(load.acknowledged() + UNSENT, seconds)
        former.kill_postgres()
    cluster.wait_for_other_primary(former)


def _met(stage: Stage, fault: Callable[[], None], *, repeated: int) -> Verdict:
    scene = stage.begin_clustered()
    scene.under_load(fault, repeated=repeated)
    return scene.verdict()


def _lose_primary(cluster: Cluster, kill: Callable[[Node], None]) -> None:
    former = cluster.primary()
    with former.not_sending():
        time.sleep(HELD_SECONDS)
        kill(former)
    cluster.wait_for_other_primary(former)
    former.machine.start()
    cluster.wait_until_whole()


def _without_standby(cluster: Cluster, stage: Stage) -> None:
    lost, *_ = cluster.standbys()
    lost.machine.kill()
    time.sleep(AWAY_SECONDS if stage.scale.is_short else 10 * AWAY_SECONDS)
    lost.machine.start()
    cluster.wait_until_whole()


@contextmanager
def _asynchronous(cluster: Cluster) -> Iterator[Cluster]:
    cluster.configure(ASYNCHRONOUS)
    try:
        cluster.wait_until_whole()
        yield cluster
    finally:
        cluster.configure(SYNCHRONOUS)


ROWS: Final = (
    Row("primary killed, synchronous standby promoted", primary_killed, is_below_pages=True),
    Row("planned switchover", switched_over, is_below_pages=True),
    Row("one of two standbys killed", standby_lost, is_below_pages=True),
    Row("etcd members killed in turn", etcd_member_lost, is_below_pages=True),
    Row(
        "control: the same, asynchronous (must lose)",
        asynchronous_control,
        must_lose=True,
    ),
)
