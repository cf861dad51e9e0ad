"""Counts that are gathered: written together, once, in one order, and lost only where said."""

import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event, Thread

import pytest
from sqlalchemy import func, select

from tests.reception.world import World
from zaitaku.core.clock import Clock, FixedClock
from zaitaku.core.database import Database
from zaitaku.core.ephemeral import EphemeralStore
from zaitaku.core.errors import StoreUnavailable
from zaitaku.core.ids import UrlVersionId, new_uuid
from zaitaku.facilities.model import Channel
from zaitaku.reception.posters import gathering, uses
from zaitaku.reception.posters.gathering import Gathering
from zaitaku.reception.posters.model import NO_POSTER, PosterNumber
from zaitaku.reception.posters.store import url_use
from zaitaku.reception.posters.uses import UseCounter

PATIENCE_SECONDS = 60.0


class Written:
    """Takes sums down, and fails when told to."""

    def __init__(self) -> None:
        self.turns: list[Mapping[str, int]] = []
        self.fails = False

    def __call__(self, sums: Mapping[str, int]) -> None:
        self.turns.append(dict(sums))
        if self.fails:
            raise StoreUnavailable("OperationalError")

    def sum(self) -> Counter[str]:
        total: Counter[str] = Counter()
        for turn in self.turns:
            total.update(turn)
        return total


def wait_for(name: str) -> None:
    """Wait until no thread of that name lives."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while any(each.name == name for each in threading.enumerate()):
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second that is short."""
    monkeypatch.setattr(gathering, "SECONDS", 0.05)


def test_what_does_not_wait_is_written_at_once() -> None:
    written = Written()
    gathered = Gathering[str](written)
    for key in ("a", "b", "a"):
        gathered.add(key)
    assert written.turns == [{"a": 1}, {"b": 1}, {"a": 1}]


@pytest.mark.usefixtures("hasty")
def test_what_many_count_is_written_together_and_once() -> None:
    written, start = Written(), Barrier(8, timeout=PATIENCE_SECONDS)
    gathered = Gathering[str](written)
    gathered.wait()

    def count(_: int) -> None:
        start.wait()
        for _ in range(500):
            gathered.add("a")
            gathered.add("b")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(count, range(8)))
    wait_for("gathering")
    assert written.sum() == {"a": 4000, "b": 4000}
    assert len(written.turns) < 4000


@pytest.mark.usefixtures("hasty")
def test_after_a_pause_it_begins_anew() -> None:
    written = Written()
    gathered = Gathering[str](written)
    gathered.wait()
    for _ in range(2):
        gathered.add("a")
        wait_for("gathering")
    assert written.turns == [{"a": 1}, {"a": 1}]


def test_the_end_waits_for_nothing() -> None:
    written = Written()
    gathered = Gathering[str](written)
    gathered.wait()
    gathered.add("a")
    gathered.close()
    assert written.turns == [{"a": 1}]
    gathered.add("a")
    assert written.sum() == {"a": 2}
    wait_for("gathering")


@pytest.mark.usefixtures("hasty")
def test_what_fails_keeps_nothing_after_it_from_being_counted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    written = Written()
    gathered = Gathering[str](written)
    gathered.wait()
    written.fails = True
    gathered.add("a")
    wait_for("gathering")
    written.fails = False
    gathered.add("b")
    wait_for("gathering")
    assert written.turns == [{"a": 1}, {"b": 1}]
    assert [each.getMessage() for each in caplog.records] == ["not counted"]


def test_the_end_waits_for_what_is_being_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering, "SECONDS", 0.05)
    begun, go_on, written = Event(), Event(), list[str]()

    def write(sums: Mapping[str, int]) -> None:
        begun.set()
        go_on.wait(PATIENCE_SECONDS)
        written.extend(sums)

    gathered = Gathering[str](write)
    gathered.wait()
    gathered.add("a")
    assert begun.wait(PATIENCE_SECONDS)
    gathered.add("b")
    monkeypatch.setattr(gathering, "LAST_SECONDS", PATIENCE_SECONDS)
    closing = Thread(target=gathered.close)
    closing.start()
    go_on.set()
    closing.join(PATIENCE_SECONDS)
    assert written == ["a", "b"]


@pytest.mark.usefixtures("hasty")
def test_a_count_that_gets_no_thread_is_written_with_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    written = Written()
    gathered = Gathering[str](written)
    gathered.wait()

    def refuse(_: Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as full:
        full.setattr(Thread, "start", refuse)
        gathered.add("a")
    gathered.add("b")
    wait_for("gathering")
    assert written.turns == [{"a": 1, "b": 1}]


@pytest.mark.usefixtures("hasty")
def test_no_count_is_left_when_the_thread_ends_at_that_moment() -> None:
    written = Written()
    gathered = Gathering[str](written)
    gathered.wait()
    for turn in range(400):
        gathered.add("a")
        time.sleep(0.0005 * (turn % 5))
    wait_for("gathering")
    assert written.sum() == {"a": 400}


@pytest.fixture
def counters(
    any_world: World, ephemeral: EphemeralStore, clock: FixedClock
) -> Iterator[list[UseCounter]]:
    """What several processes count with, all gathering."""
    url = any_world.database.url.render_as_string(hide_password=False)
    # A busy machine is no failure: nothing is given up but what would wait for ever.
    patient = Database(url, busy_seconds=PATIENCE_SECONDS)
    made = [made_counter(patient, ephemeral, clock) for _ in range(4)]
    yield made
    for counter in made:
        counter.close()
    wait_for("gathering")
    patient.close()


def made_counter(database: Database, ephemeral: EphemeralStore, clock: Clock) -> UseCounter:
    counter = UseCounter(database=database, ephemeral=ephemeral, clock=clock)
    counter.gather()
    return counter


def scans(database: Database) -> int:
    with database.reading() as connection:
        return int(connection.scalar(select(func.coalesce(func.sum(url_use.c.scans), 0))) or 0)


def test_those_who_count_the_same_never_wait_for_each_other_for_ever(
    any_world: World, counters: list[UseCounter]
) -> None:
    facility = any_world.add_facility()
    versions = [any_world.current(facility, each).id for each in Channel]
    ways = [(version, PosterNumber(number)) for version in versions for number in range(50)]
    start = Barrier(len(counters), timeout=PATIENCE_SECONDS)

    def count(place: int) -> None:
        for turn in range(5):
            for way in ways if (place + turn) % 2 else reversed(ways):
                counters[place].scanned(*way)
            start.wait()
            counters[place].close()
            counters[place].gather()

    with ThreadPoolExecutor(len(counters)) as pool:
        list(pool.map(count, range(len(counters))))
    assert scans(any_world.database) == len(counters) * 5 * len(ways)


def test_a_way_that_does_not_exist_costs_no_other_its_next_count(
    any_world: World, counters: list[UseCounter], caplog: pytest.LogCaptureFixture
) -> None:
    version = any_world.current(any_world.add_facility(), Channel.ONLINE).id
    counter = counters[0]
    with caplog.at_level("INFO", uses.log.name):
        for unknown in (UrlVersionId(new_uuid()), UrlVersionId(new_uuid())):
            counter.scanned(unknown, NO_POSTER)
        counter.close()
    told = {each.getMessage() for each in caplog.records if each.name == uses.log.name}
    assert told == {"not counted: IntegrityError"}
    counter.scanned(version, NO_POSTER)
    assert scans(any_world.database) == 1
