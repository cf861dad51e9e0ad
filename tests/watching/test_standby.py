"""A real primary with a real standby, as each of the people who may ask sees them."""

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass

import psycopg
import pytest

from tests.servers import free_port, own_folder, postgres_binaries, postgres_server, unprivileged
from zaitaku.core.database import Database
from zaitaku.watching.postgres import PostgresCondition, postgres_condition

PATIENCE_SECONDS = 60


@dataclass(frozen=True)
class Pair:
    """The ports of a primary and of its synchronous standby."""

    primary: int
    standby: int

    def seen(self, user: str, port: int) -> PostgresCondition:
        """Return what ``user`` is told there."""
        url = f"postgresql+psycopg://{user}@127.0.0.1:{port}/postgres"
        with closing(Database(url)) as opened, opened.reading() as connection:
            found = postgres_condition(connection)
        assert found
        return found

    def is_synchronous(self) -> bool:
        """Tell whether the standby has come, and commits wait for it."""
        standbys = self.seen("zaitaku", self.primary).standbys
        return any(each.is_synchronous for each in standbys)


def wait_for(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    """A primary, a standby, and somebody who may look but not know."""
    with postgres_server() as primary, own_folder() as folder:
        address = f"postgresql://zaitaku@127.0.0.1:{primary.port}/postgres"
        data, port = str(folder / "data"), free_port()
        copy = [os.fspath(postgres_binaries() / "pg_basebackup"), "-D", data, "-R", "-c", "fast"]
        follower = f"{address}?application_name=second"
        subprocess.run([*copy, "-d", follower], check=True, **unprivileged(folder))
        command = [os.fspath(postgres_binaries() / "postgres"), "-D", data, "-p", str(port)]
        command += ["-h", "127.0.0.1", "-k", str(folder), "-F"]
        with (folder / "log").open("wb") as log:
            standby = subprocess.Popen(command, stdout=log, stderr=log, **unprivileged(folder))
        try:
            with psycopg.connect(address, autocommit=True) as connection:
                connection.execute("CREATE ROLE blind LOGIN")
                connection.execute("ALTER SYSTEM SET synchronous_standby_names = 'ANY 1 (second)'")
                connection.execute("SELECT pg_reload_conf()")
            found = Pair(primary.port, port)
            wait_for(found.is_synchronous)
            yield found
        finally:
            standby.terminate()
            standby.wait(PATIENCE_SECONDS)


def test_the_primary_tells_who_follows_and_how_far(pair: Pair) -> None:
    found = pair.seen("zaitaku", pair.primary)
    assert found.is_primary
    assert found.is_synchronous
    (standby,) = found.standbys
    assert (standby.name, standby.state, standby.is_synchronous) == ("second", "streaming", True)
    assert standby.lag_bytes is not None
    assert 0 <= standby.lag_bytes < 1 << 20
    assert found.worst_lag_bytes == standby.lag_bytes


def test_who_may_not_know_is_told_the_name_alone(pair: Pair) -> None:
    found = pair.seen("blind", pair.primary)
    (standby,) = found.standbys
    assert standby.name == "second"
    assert (standby.state, standby.lag_bytes, standby.lag) == (None, None, None)
    assert standby.is_synchronous is None
    assert found.is_synchronous
    assert found.synchronous_standbys is None


def test_a_standby_says_that_it_is_one(pair: Pair) -> None:
    found = pair.seen("zaitaku", pair.standby)
    assert not found.is_primary
    assert found.standbys == ()
