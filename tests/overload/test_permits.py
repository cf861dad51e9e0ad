"""How many may begin, by what journeys cost."""

from dataclasses import dataclass

import pytest

from zaitaku.core.permits import (
    ABSENT_SECONDS,
    FULL,
    PAGES_A_JOURNEY,
    SMALLEST_BURST,
    Permits,
)

TURNS = 4
KNOCKING = 150


@dataclass
class Watch:
    """A watch that is set by hand."""

    seconds: float = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def permits(watch: Watch) -> Permits:
    return Permits(TURNS, watch)


def run(
    permits: Permits,
    watch: Watch,
    *,
    seconds: int,
    page: float,
    waited: float = 0.0,
    shown: int = PAGES_A_JOURNEY,
) -> float:
    """Let many knock each second; everybody let in is shown ``shown`` pages.

    A page takes ``page`` seconds alone; all turns are taken.

    Return how many a second were let in during the last ten.
    """
    entered = []
    for _ in range(seconds):
        watch.seconds += 1
        entered.append(sum(permits.take() for _ in range(KNOCKING)))
        for _ in range(entered[-1] * shown):
            permits.note(
                worked=page * TURNS,
                together=TURNS,
                waited=waited,
                is_journey=True,
                is_page=True,
            )
    return sum(entered[-10:]) / 10


def test_all_may_come_at_once_as_long_as_they_are_few(permits: Permits) -> None:
    assert all(permits.take() for _ in range(int(SMALLEST_BURST)))
    while permits.take():
        pass
    assert permits.are_scarce
    assert not permits.take_plentiful()


def test_the_rate_follows_what_pages_cost(permits: Permits, watch: Watch) -> None:
    for page in (0.005, 0.008):
        entered = run(permits, watch, seconds=200, page=page)
        assert entered == pytest.approx(FULL / page / PAGES_A_JOURNEY, rel=0.1)


def test_a_page_costs_the_same_alone_and_among_others(permits: Permits, watch: Watch) -> None:
    for together in (1, TURNS):
        for _ in range(500):
            permits.note(
                worked=0.004 * together,
                together=together,
                waited=0.0,
                is_journey=True,
                is_page=True,
            )
        watch.seconds += 1
        permits.call(0)
        assert permits.rate == pytest.approx(FULL / 0.004 / PAGES_A_JOURNEY, rel=0.1)


def test_first_pages_alone_promise_no_more(permits: Permits, watch: Watch) -> None:
    usual = permits.rate
    assert run(permits, watch, seconds=30, page=0.002, shown=1) < usual * 1.3


def test_who_gives_up_leaves_room_for_others(permits: Permits, watch: Watch) -> None:
    usual = FULL / 0.004 / PAGES_A_JOURNEY
    assert run(permits, watch, seconds=900, page=0.004, shown=5) > usual * 2.5


def test_late_pages_slow_the_entry_and_punctual_ones_ease_it(
    permits: Permits, watch: Watch
) -> None:
    usual = run(permits, watch, seconds=60, page=0.004)
    assert run(permits, watch, seconds=60, page=0.004, waited=0.2) < usual / 2
    assert run(permits, watch, seconds=120, page=0.004) == pytest.approx(usual, rel=0.15)


def test_other_work_leaves_less_but_never_nothing(permits: Permits, watch: Watch) -> None:
    alone = permits.rate
    for _ in range(120):
        watch.seconds += 1
        permits.note(worked=0.5, together=1, waited=0.0, is_journey=False, is_page=False)
        permits.call(0)
    assert 0 < permits.rate < alone / 2
    for _ in range(120):
        watch.seconds += 1
        permits.note(worked=9.0, together=1, waited=0.0, is_journey=False, is_page=False)
        permits.call(0)
    assert permits.rate > alone / 10


def call_many(permits: Permits, watch: Watch, seconds: int, comes: float) -> tuple[int, int]:
    """Call as many as may be called; a part of them comes, and asks until it is let in.

    Return how many were called and let in during the last 20 seconds.
    """
    called, entered, asking = [], [], 0
    for _ in range(seconds):
        watch.seconds += 1
        entered.append(0)
        while asking and permits.take_called():
            asking -= 1
            entered[-1] += 1
        called.append(permits.call(10_000))
        asking += int(called[-1] * comes)
    return sum(called[-20:]), sum(entered[-20:])


def test_who_was_called_is_waited_for(permits: Permits, watch: Watch) -> None:
    first = permits.call(1000)
    assert first >= SMALLEST_BURST
    assert permits.call(1000) == 0
    for _ in range(first // 2):
        assert permits.take_called()
    watch.seconds += 1
    again = permits.call(1000)
    assert 0 < again < first
    watch.seconds += 3 * ABSENT_SECONDS
    assert permits.call(1000) > again


def test_the_fewer_come_the_more_are_called(permits: Permits, watch: Watch) -> None:
    all_called, all_entered = call_many(permits, watch, 60, 1.0)
    some_called, some_entered = call_many(permits, watch, 240, 0.25)
    assert some_called > 3 * all_called
    assert some_entered > all_entered
    assert call_many(permits, watch, 120, 0.0)[0] > 2 * some_called
    assert call_many(permits, watch, 120, 1.0)[1] > all_entered


def test_nobody_comes_in_without_a_permit(permits: Permits) -> None:
    permits.call(20)
    while permits.take():
        pass
    assert not permits.take_called()
    assert permits.left == 0
