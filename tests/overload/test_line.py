"""The line before the door, on a store that several processes share."""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random

import pytest

from zaitaku.core.ephemeral import EphemeralStore
from zaitaku.core.errors import StoreUnavailable
from zaitaku.core.line import Line, Place
from zaitaku.core.permits import Permits

MINUTE = timedelta(minutes=1)


class Rationed(Permits):
    """Permits whose number a test decides."""

    def __init__(self) -> None:
        super().__init__(4)
        self.rest = 0
        self.expected = 0
        self.scarce = 10

    @property
    def left(self) -> int:
        return self.rest

    @property
    def are_scarce(self) -> bool:
        return self.rest <= self.scarce

    def take(self) -> bool:
        if self.rest < 1:
            return False
        self.rest -= 1
        return True

    def take_called(self) -> bool:
        self.expected = max(0, self.expected - 1)
        return self.take()

    def call(self, most: int) -> int:
        called = max(0, min(most, self.rest - self.expected))
        self.expected += called
        return called


@dataclass
class Process:
    """One process's line, permits and watch."""

    ephemeral: EphemeralStore
    permits: Rationed = field(default_factory=Rationed)
    seconds: float = 0.0

    def __post_init__(self) -> None:
        self.line = Line(
            ephemeral=lambda: self.ephemeral, permits=self.permits, now=lambda: self.seconds
        )

    def knock(self, number: int | None = None, *, after: float = 1.5) -> Place | None:
        self.seconds += after
        return self.line.knock(number)


@pytest.fixture
def process(ephemeral: EphemeralStore) -> Process:
    return Process(ephemeral)


@pytest.fixture
def other(ephemeral: EphemeralStore) -> Process:
    return Process(ephemeral)


class Away:
    """A store that is away."""

    def __getattr__(self, name: str) -> object:
        raise StoreUnavailable(name)


def numbers(*places: Place | None) -> list[int | None]:
    return [place.number if place else None for place in places]


def test_without_a_line_people_come_in_and_nothing_is_asked(process: Process) -> None:
    process.permits.rest = 20
    process.ephemeral = Away()  # type: ignore[assignment]
    assert process.knock() is None
    assert process.line.length == 0


def test_first_come_first_served_over_all_processes(process: Process, other: Process) -> None:
    assert numbers(process.knock(), other.knock(), process.knock()) == [1, 2, 3]
    other.permits.rest = 2
    assert other.knock(3) == Place(3, 0)
    assert other.knock(1) is None
    assert other.knock(2) is None
    assert process.knock(3) == Place(3, 0)


def test_whoever_just_came_does_not_pass_those_who_wait(process: Process, other: Process) -> None:
    assert numbers(process.knock(), process.knock()) == [1, 2]
    other.permits.rest = 1
    place = other.knock()
    assert place is not None
    assert place.number == 3
    assert other.knock(1) is None


def test_with_plenty_of_room_a_line_is_learnt_of_from_its_people(
    process: Process, other: Process
) -> None:
    process.knock()
    other.permits.rest = 50
    assert other.knock() is None
    assert other.knock(1) is None


def test_the_wait_is_as_long_as_the_line_has_taken(process: Process) -> None:
    for _ in range(60):
        process.knock(after=0)
    process.permits.scarce = 100
    places = []
    for _ in range(20):
        process.permits.rest += 1
        places.append(process.knock(60, after=2))
    first, *_, last = places
    assert first == Place(60, 58)
    assert last is not None
    assert last.ahead == 39
    assert last.wait
    assert timedelta(seconds=72) < last.wait < timedelta(seconds=88)


def test_a_line_that_does_not_move_promises_nothing(process: Process) -> None:
    process.knock()
    process.knock()
    places = [process.knock(2) for _ in range(40)]
    assert {place.wait for place in places if place} == {None}


def test_asking_without_coming_in(process: Process) -> None:
    process.knock()
    process.seconds += 2
    assert process.line.standing(1) == Place(1, 0)
    process.permits.rest = 1
    process.seconds += 2
    assert process.line.standing(1) is None
    assert process.line.standing(None) is None


def test_without_the_store_each_process_decides_alone(process: Process) -> None:
    process.ephemeral = Away()  # type: ignore[assignment]
    assert process.knock() == Place(None)
    assert process.knock(7, after=10) == Place(7)
    process.permits.rest = 1
    assert process.knock(after=10) is None
    assert process.knock(after=10) == Place(None)


def test_a_store_that_forgot_the_line_is_told(
    process: Process, other: Process, ephemeral: EphemeralStore
) -> None:
    for _ in range(5):
        process.knock()
    process.permits.rest = 3
    process.knock(5)
    for name in ("drawn", "called"):
        ephemeral.delete(f"line:{name}")
    assert numbers(process.knock()) == [6]
    assert other.knock(5) == Place(5, 1)
    assert process.knock(3) is None


def test_who_left_holds_nobody_up_where_there_is_room(process: Process) -> None:
    for _ in range(40):
        process.knock(after=0)
    process.permits.rest = 20
    process.permits.expected = 20
    assert process.line.length > 0
    assert process.knock() is None
    assert process.knock(37, after=0) is None


def test_who_is_there_is_not_passed_until_they_have_long_not_asked(process: Process) -> None:
    for _ in range(40):
        process.knock(after=0)
    for number in range(1, 41):
        process.knock(number, after=0.01)
    process.permits.rest = process.permits.expected = 30
    assert numbers(process.knock()) == [41]
    assert process.line.standing(41) is not None
    process.seconds += 60
    assert process.line.standing(41) is None
    assert process.knock() is None


def test_who_is_called_when_no_permit_is_left_comes_soon(process: Process) -> None:
    process.knock()
    process.permits.rest = 1
    process.line.standing(1)
    process.seconds += 2
    assert process.line.standing(1) is None
    process.permits.rest = 0
    assert process.knock(1) == Place(1, 0, timedelta(0))


def lost(ephemeral: EphemeralStore) -> None:
    for name in ("drawn", "called"):
        ephemeral.delete(f"line:{name}")


def test_who_stood_in_a_line_that_everybody_forgot_comes_before_the_new_one(
    process: Process, ephemeral: EphemeralStore
) -> None:
    """The processes and the store began anew together; tickets are still in hand."""
    for _ in range(40):
        process.knock(after=0)
    lost(ephemeral)
    anew = Process(ephemeral)
    assert numbers(anew.knock(), anew.knock()) == [1, 2]
    assert anew.knock(38) == Place(38, 0, timedelta(0))
    assert anew.line.standing(38) is None
    anew.permits.rest = 1
    assert anew.knock(38) is None
    anew.permits.rest = anew.permits.expected = 1
    assert anew.knock(39) is None
    assert numbers(anew.knock(2)) == [2]


def test_a_number_that_another_process_just_gave_passes_nobody(
    process: Process, other: Process
) -> None:
    assert numbers(process.knock(), other.knock(), other.knock()) == [1, 2, 3]
    process.permits.rest = process.permits.expected = 1
    assert process.knock(3, after=0) == Place(3, 2)
    assert process.line.standing(3) == Place(3, 2)


class Slow:
    """A store whose answers come back in another order than they were given."""

    def __init__(self, store: EphemeralStore) -> None:
        self._store = store
        self._random = Random(7)

    def __getattr__(self, name: str) -> object:
        method = getattr(self._store, name)

        def call(*values: object) -> object:
            answer = method(*values)
            time.sleep(self._random.random() * 0.003)
            return answer

        return call


def drawn_by_threads(process: Process, threads: int, each: int) -> list[int]:
    def draw(_: int) -> list[int | None]:
        places = [process.line.knock(None) for _ in range(each)]
        return [place.number for place in places if place]

    with ThreadPoolExecutor(threads) as pool:
        return [number for found in pool.map(draw, range(threads)) for number in found if number]


def test_threads_that_draw_at_once_leave_no_number_out(
    process: Process, ephemeral: EphemeralStore
) -> None:
    process.ephemeral = Slow(ephemeral)  # type: ignore[assignment]
    assert sorted(drawn_by_threads(process, 8, 12)) == list(range(1, 97))


def test_a_counter_that_is_lost_is_put_back_once(
    process: Process, other: Process, ephemeral: EphemeralStore
) -> None:
    for _ in range(100):
        process.knock(after=0)
    other.knock(100)
    assert process.line.length == other.line.length == 100
    lost(ephemeral)
    for each in (process, other):
        each.ephemeral = Slow(ephemeral)  # type: ignore[assignment]
    with ThreadPoolExecutor(2) as pool:
        found = [*pool.map(lambda each: drawn_by_threads(each, 4, 5), (process, other))]
    numbers = sorted(number for each in found for number in each)
    assert numbers
    assert len(set(numbers)) == len(numbers)
    assert numbers[0] > 100
    assert numbers[-1] <= 150


def test_a_line_that_hardly_moves_promises_nothing(process: Process) -> None:
    for _ in range(3000):
        process.knock(after=0)
    process.permits.rest = 1
    process.knock(3000)
    process.permits.rest = 0
    last = process.knock(3000, after=50)
    assert last is not None
    assert last.ahead > 2900
    assert last.wait is None


def test_who_was_called_stays_called(process: Process, ephemeral: EphemeralStore) -> None:
    """The counters are lost while another's mark says that they are being put back."""
    for _ in range(20):
        process.knock(after=0)
    process.permits.rest = 10
    process.knock(20)
    assert process.line.length == 10
    lost(ephemeral)
    for name in ("drawn", "called"):
        ephemeral.create(f"line:{name}:restored", {"by": "another"}, MINUTE)
    process.permits.rest = process.permits.expected = 0
    for _ in range(3):
        process.permits.rest += 1
        place = process.knock(15)
        assert place is not None
        assert place.ahead <= 4


def test_a_mark_that_has_ended_restores_nothing_twice(
    process: Process, other: Process, ephemeral: EphemeralStore
) -> None:
    for _ in range(50):
        process.knock(after=0)
    other.knock(50)
    lost(ephemeral)
    assert numbers(process.knock(after=2)) == [51]
    for name in ("drawn", "called"):
        ephemeral.delete(f"line:{name}:restored")
    assert other.line._restored("line:drawn", 0, 50) == 0
    assert numbers(process.knock(after=0)) == [52]
