"""What is left for later: done together, once, in one order, and lost only where that is said."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import cast

import pytest
from sqlalchemy import func, select

from tests.reception.world import World
from zaitaku.core.clock import Clock, FixedClock
from zaitaku.core.database import Database
from zaitaku.core.ephemeral import EphemeralStore
from zaitaku.core.errors import EphemeralStoreUnavailable, StoreUnavailable
from zaitaku.core.ids import JourneyId, UrlVersionId, new_secret_name, new_uuid
from zaitaku.facilities.model import Channel
from zaitaku.reception.posters import gathering, uses
from zaitaku.reception.posters.gathering import Gathering
from zaitaku.reception.posters.model import NO_POSTER, PosterNumber
from zaitaku.reception.posters.store import url_use
from zaitaku.reception.posters.uses import UseCounter

PATIENCE_SECONDS = 20.0


class Done:
    """Takes down what it is given, and fails when told to."""

    def __init__(self) -> None:
        self.turns: list[list[str]] = []
        self.fails = False

    def __call__(self, items: Sequence[str]) -> None:
        self.turns.append(list(items))
        if self.fails:
            raise StoreUnavailable("OperationalError")

    def sum(self) -> Counter[str]:
        return Counter(item for turn in self.turns for item in turn)


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


def test_what_does_not_wait_is_done_at_once() -> None:
    done = Done()
    gathered = Gathering[str](done)
    for key in ("a", "b", "a"):
        gathered.add(key)
    assert done.turns == [["a"], ["b"], ["a"]]


@pytest.mark.usefixtures("hasty")
def test_what_many_leave_is_done_together_and_once() -> None:
    done, start = Done(), Barrier(8)
    gathered = Gathering[str](done)
    gathered.wait()

    def count(_: int) -> None:
        start.wait()
        for _ in range(500):
            gathered.add("a")
            gathered.add("b")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(count, range(8)))
    wait_for("gathering")
    assert done.sum() == {"a": 4000, "b": 4000}
    assert len(done.turns) < 4000


@pytest.mark.usefixtures("hasty")
def test_after_a_pause_it_begins_anew() -> None:
    done = Done()
    gathered = Gathering[str](done)
    gathered.wait()
    for _ in range(2):
        gathered.add("a")
        wait_for("gathering")
    assert done.turns == [["a"], ["a"]]


def test_the_end_waits_for_nothing() -> None:
    done = Done()
    gathered = Gathering[str](done)
    gathered.wait()
    gathered.add("a")
    gathered.close()
    assert done.turns == [["a"]]
    gathered.add("a")
    assert done.sum() == {"a": 2}
    wait_for("gathering")


@pytest.mark.usefixtures("hasty")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_fails_keeps_nothing_after_it_from_being_done() -> None:
    done = Done()
    gathered = Gathering[str](done)
    gathered.wait()
    done.fails = True
    gathered.add("a")
    wait_for("gathering")
    done.fails = False
    gathered.add("b")
    wait_for("gathering")
    assert done.turns == [["a"], ["b"]]


def test_what_waits_too_long_is_forgotten_from_its_oldest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering, "MOST", 3)
    done = Done()
    gathered = Gathering[str](done)
    gathered.wait()
    monkeypatch.setattr(gathering, "SECONDS", PATIENCE_SECONDS)
    for item in "abcde":
        gathered.add(item)
    gathered.close()
    assert done.turns == [["c", "d", "e"]]
    wait_for("gathering")


@pytest.fixture
def counters(
    any_world: World, ephemeral: EphemeralStore, clock: FixedClock
) -> Iterator[list[UseCounter]]:
    """What several processes count with, all gathering."""
    made = [made_counter(any_world.database, ephemeral, clock) for _ in range(4)]
    yield made
    for counter in made:
        counter.close()
    wait_for("gathering")


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
    start = Barrier(len(counters))

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


def test_what_begins_and_ends_within_a_second_is_counted(
    any_world: World, counters: list[UseCounter]
) -> None:
    version = any_world.current(any_world.add_facility(), Channel.ONLINE).id
    counter, journey = counters[0], JourneyId(new_secret_name())
    counter.begun(version, PosterNumber(3), journey)
    for _ in range(2):
        counter.completed(journey)
    counter.close()
    assert counter.open_journeys(version) == 0
    with any_world.database.reading() as connection:
        assert connection.execute(
            select(url_use.c.poster_number, url_use.c.scans, url_use.c.completions)
        ).all() == [(3, 0, 1)]


def test_scans_are_counted_while_the_short_lived_store_is_away(
    any_world: World, clock: FixedClock
) -> None:
    asked = []

    class Away:
        def __getattr__(self, name: str) -> Callable[..., object]:
            asked.append(name)
            raise EphemeralStoreUnavailable("ConnectionError")

    version = any_world.current(any_world.add_facility(), Channel.ONLINE).id
    counter = made_counter(any_world.database, cast("EphemeralStore", Away()), clock)
    for _ in range(3):
        counter.begun(version, NO_POSTER, JourneyId(new_secret_name()))
        counter.completed(JourneyId(new_secret_name()))
        counter.scanned(version, NO_POSTER)
    counter.close()
    assert scans(any_world.database) == 3
    assert asked == ["create"]  # nobody waits for it once for each
