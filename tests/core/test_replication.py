"""Commits that wait for standbys: asked for, checked, and not got round by a crash."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from tests.core.stores import NOW
from tests.servers import (
    RunningServer,
    own_folder,
    postgres_binaries,
    postgres_server,
    unprivileged,
)
from zaitaku.core.clock import FixedClock
from zaitaku.core.database import Database
from zaitaku.core.ephemeral_sql import SqlEphemeralStore
from zaitaku.core.errors import OutcomeUnknown, StoreUnavailable
from zaitaku.core.replication import Durability, NotReplicated, standbys_needed
from zaitaku.core.together import Command

BUSY = 0.2
NOBODY = "synchronous_standby_names=ANY 1 (nobody)"
SECONDS = 20

names = st.lists(st.from_regex(r"[a-z_][a-z0-9_]{0,9}", fullmatch=True), min_size=1, max_size=5)


@given(names, st.integers(1, 5), st.sampled_from(["ANY ", "any  ", "FIRST ", ""]))
def test_the_number_that_a_commit_waits_for(hosts: list[str], number: int, how: str) -> None:
    assert standbys_needed(f"{how}{number} ({', '.join(hosts)})") == number
    assert standbys_needed(", ".join(hosts)) == 1


@pytest.mark.parametrize(
    ("written", "number"), [("", 0), ("  ", 0), ("*", 1), ('"a-b"', 1), ("2(a,b)", 2)]
)
def test_other_ways_to_write_it(written: str, number: int) -> None:
    assert standbys_needed(written) == number


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    """A server that may wait for standbys and has none."""
    with postgres_server("-c", "fsync=on") as running:
        yield running


@pytest.fixture
def alone(server: RunningServer) -> Iterator[RunningServer]:
    """The same, where every commit waits for a standby that never comes."""
    _set(server, NOBODY)
    yield server
    _set(server, "synchronous_standby_names=")


@pytest.fixture
def follower(server: RunningServer) -> Iterator[subprocess.Popen[bytes]]:
    """Somebody who writes down the server's log as a standby does, and for whom it waits."""
    with own_folder() as folder:
        log = folder / "log"
        log.mkdir()
        process = unprivileged(folder)
        if "user" in process:
            os.chown(log, process["user"], process["group"])
        command = [str(postgres_binaries() / "pg_receivewal"), "--synchronous", "-D", str(log)]
        address = f"host=127.0.0.1 port={server.port} user=zaitaku application_name=follower"
        with subprocess.Popen([*command, "-d", address], **process) as following:
            _wait(lambda: _count(server, "pg_stat_replication") == 1)
            _set(server, "synchronous_standby_names=ANY 1 (follower)")
            yield following
            _set(server, "synchronous_standby_names=")
            following.kill()


def _count(server: RunningServer, view: str, condition: str = "true") -> int:
    with _admin(server) as connection:
        row = connection.execute(f"SELECT count(*) FROM {view} WHERE {condition}").fetchone()
    return int(str(row[0])) if row else 0


def _set(server: RunningServer, setting: str) -> None:
    name, _, value = setting.partition("=")
    with _admin(server) as connection:
        connection.execute("SET synchronous_commit = local")
        connection.execute("CREATE TABLE IF NOT EXISTS word (word text)")
        connection.execute(f"ALTER SYSTEM SET {name} = '{value}'")
        connection.execute("SELECT pg_reload_conf()")
    _wait(lambda: _shown(server, name) == value)


def _shown(server: RunningServer, name: str) -> str:
    with _admin(server) as connection:
        return str(connection.execute(f"SHOW {name}").fetchone()[0])  # type: ignore[index]


def _admin(server: RunningServer) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(server.url.replace("+psycopg", ""), autocommit=True)


def _wait(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _write(store: Database) -> None:
    with store.transaction() as connection:
        connection.exec_driver_sql("INSERT INTO word VALUES ('word')")


def _read(store: Database) -> int:
    with store.reading() as connection:
        return int(connection.exec_driver_sql("SELECT count(*) FROM word").scalar_one())


def test_what_a_server_promises(alone: RunningServer) -> None:
    store = Database(alone.url, busy_seconds=BUSY)
    with store.reading() as connection:
        found = Durability.of(connection)
    store.close()
    assert found == Durability(standbys=1, is_on_disk=True, is_standby=False)
    found.check(1)
    with pytest.raises(NotReplicated, match="1 of 2"):
        found.check(2)


def test_without_its_disk_a_server_promises_nothing() -> None:
    found = Durability(standbys=1, is_on_disk=False, is_standby=False)
    found.check(0)
    with pytest.raises(NotReplicated, match="fsync"):
        found.check(1)


def test_who_insists_uses_no_server_that_waits_for_nobody(server: RunningServer) -> None:
    insisting = Database(server.url, busy_seconds=BUSY, standbys=1)
    with pytest.raises(StoreUnavailable, match="0 of 1"):
        _read(insisting)
    insisting.close()


def test_who_insists_reads_nothing_that_no_standby_has(alone: RunningServer) -> None:
    insisting = Database(alone.url, busy_seconds=BUSY, standbys=1)
    with pytest.raises(StoreUnavailable):
        _read(insisting)
    insisting.close()


@pytest.mark.parametrize("default", ["off", "local"])
def test_commits_wait_whatever_the_database_has(server: RunningServer, default: str) -> None:
    _set(server, f"synchronous_commit={default}")
    store = Database(server.url, busy_seconds=BUSY)
    with store.reading() as connection:
        shown = connection.exec_driver_sql("SHOW synchronous_commit").scalar_one()
    store.close()
    _set(server, "synchronous_commit=on")
    assert shown == "on"


def test_the_short_lived_store_waits_for_nobody(alone: RunningServer) -> None:
    store = SqlEphemeralStore(alone.url, FixedClock(NOW), busy_seconds=BUSY)
    assert store.count("key", timedelta(hours=1)) == 1
    store.close()


def test_a_commit_without_its_standby_is_not_acknowledged(alone: RunningServer) -> None:
    store = Database(alone.url, busy_seconds=BUSY)
    before = _read(store)
    with pytest.raises(StoreUnavailable):
        _write(store)
    assert _read(store) == before
    store.close()


def _confirm(store: Database) -> None:
    store.confirm()


def _let_go_by_hand(server: RunningServer) -> None:
    with _admin(server) as connection:
        connection.execute(
            "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
        )


def _let_go_by_setting(server: RunningServer) -> None:
    _set(server, "synchronous_standby_names=")


@pytest.mark.parametrize("let_go", [_let_go_by_hand, _let_go_by_setting])
@pytest.mark.parametrize("write", [_write, _confirm])
def test_a_commit_whose_standby_is_no_longer_waited_for_is_not_acknowledged(
    server: RunningServer,
    follower: subprocess.Popen[bytes],
    write: Callable[[Database], None],
    let_go: Callable[[RunningServer], None],
) -> None:
    """Its server answers as if all were well."""
    store = Database(server.url, busy_seconds=BUSY * 25, standbys=1)
    _write(store)
    follower.send_signal(signal.SIGSTOP)
    with ThreadPoolExecutor() as pool:
        answer = pool.submit(write, store)
        _wait(lambda: _count(server, "pg_stat_activity", "wait_event = 'SyncRep'") == 1)
        let_go(server)
        with pytest.raises(OutcomeUnknown):
            answer.result()
    follower.send_signal(signal.SIGCONT)
    _set(server, "synchronous_standby_names=ANY 1 (follower)")
    _write(store)
    store.close()


def test_who_insists_writes_no_more_to_a_server_that_waits_for_nobody(
    server: RunningServer, follower: subprocess.Popen[bytes]
) -> None:
    assert follower.poll() is None
    store = Database(server.url, busy_seconds=BUSY, standbys=1)
    _write(store)
    _set(server, "synchronous_standby_names=")
    with pytest.raises(OutcomeUnknown, match="0 of 1"):
        _write(store)
    with pytest.raises(NotReplicated, match="0 of 1"):
        _write(store)
    _set(server, "synchronous_standby_names=ANY 1 (follower)")
    _write(store)
    store.close()


def test_what_a_crash_makes_visible_is_not_confirmed(alone: RunningServer) -> None:
    store = Database(alone.url, busy_seconds=BUSY)
    before = _read(store)
    with pytest.raises(StoreUnavailable):
        _write(store)
    _crash(alone)
    _wait(lambda: _is_back(store))
    assert _read(store) > before
    with pytest.raises(StoreUnavailable):
        store.confirm()
    _set(alone, "synchronous_standby_names=")
    store.confirm()
    store.close()


def _crash(server: RunningServer) -> None:
    # One process that dies takes all with it: the server starts anew from its log.
    with _admin(server) as connection:
        os.kill(connection.info.backend_pid, signal.SIGKILL)


def _is_back(store: Database) -> bool:
    try:
        _read(store)
    except StoreUnavailable:
        return False
    return True


def _do(store: Database) -> None:
    store.do(Command(text("INSERT INTO word VALUES ('word')"))())


@pytest.mark.parametrize("write", [_write, _do])
def test_a_connection_that_leads_to_a_standby_is_left(
    server: RunningServer, write: Callable[[Database], None]
) -> None:
    _set(server, "synchronous_standby_names=")
    store = Database(server.url, busy_seconds=BUSY)
    with store.reading() as connection:
        driver = connection.connection.driver_connection
        assert isinstance(driver, psycopg.Connection)
        driver.execute("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY")
        driver.commit()
    with pytest.raises(StoreUnavailable):
        write(store)
    write(store)
    store.close()


def test_the_short_lived_store_leaves_a_standby(server: RunningServer) -> None:
    _set(server, "synchronous_standby_names=")
    store = SqlEphemeralStore(server.url, FixedClock(NOW), busy_seconds=BUSY)
    with _admin(server) as connection:  # so new sessions answer as a standby's do
        connection.execute("ALTER DATABASE postgres SET default_transaction_read_only = on")
        with pytest.raises(StoreUnavailable):
            store.create("left", {}, timedelta(minutes=1))
        connection.execute("ALTER DATABASE postgres RESET default_transaction_read_only")
    assert store.create("left", {}, timedelta(minutes=1))
    store.close()
