"""PostgreSQL, killed, frozen, and with all its connections taken."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Final

import psycopg

from bench.faults.harness import Stage
from bench.faults.row import Row
from bench.faults.stores import StoreServer
from bench.faults.verdict import Verdict

REPEATED: Final = 5
AWAY_SECONDS: Final = 2.0
FROZEN_SECONDS: Final = 5.0
TAKEN_SECONDS: Final = 5.0


def killed(stage: Stage) -> Verdict:
    """Kill PostgreSQL with all its processes and start it again."""
    scene = stage.begin()

    def kill() -> None:
        stage.postgres.kill()
        time.sleep(stage.scale.seconds_of(AWAY_SECONDS))
        stage.postgres.start()

    scene.under_load(kill, repeated=stage.scale.times(REPEATED))
    return scene.verdict()


def frozen(stage: Stage) -> Verdict:
    """Freeze every process of PostgreSQL for five seconds (in the short form, for two)."""
    scene = stage.begin()

    def freeze() -> None:
        with stage.postgres.frozen():
            time.sleep(stage.scale.seconds_of(FROZEN_SECONDS))

    scene.under_load(freeze, repeated=stage.scale.times(REPEATED))
    return scene.verdict()


def exhausted(stage: Stage) -> Verdict:
    """Take every connection that PostgreSQL has, those of the site as well."""
    scene = stage.begin()

    def take() -> None:
        with _all_taken(stage.postgres):
            time.sleep(stage.scale.seconds_of(TAKEN_SECONDS))

    scene.under_load(take, repeated=stage.scale.times(REPEATED))
    return scene.verdict()


@contextmanager
def _all_taken(server: StoreServer) -> Iterator[None]:
    address = server.url.replace("+psycopg", "")
    with ExitStack() as stack:
        own = stack.enter_context(psycopg.connect(address, autocommit=True))
        held = [own.info.backend_pid]
        idle_rounds = 0
        while idle_rounds < 3:
            own.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE backend_type = 'client backend' AND pid <> ALL(%s)",
                (held,),
            )
            idle_rounds += 1
            with suppress(psycopg.OperationalError):
                while True:
                    taken = stack.enter_context(psycopg.connect(address, autocommit=True))
                    held.append(taken.info.backend_pid)
                    idle_rounds = 0
        yield


ROWS: Final = (
    Row("PostgreSQL killed and restarted", killed, is_below_pages=True),
    Row("PostgreSQL frozen for 5 s", frozen, is_below_pages=True),
    Row("all connections of PostgreSQL taken", exhausted, is_below_pages=True),
)
