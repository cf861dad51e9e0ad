"""Who goes first when more come than can be worked on."""

from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event
from time import monotonic, sleep

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zaitaku.core import gate
from zaitaku.core.gate import Gate, Rank


@pytest.fixture
def crowd() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(16)


def full(active: int = 4, waiting: int = 3) -> Gate:
    """Return a gate in which everybody works."""
    made = Gate(active, waiting)
    assert all(made.enter(Rank.REGISTERING) for _ in range(active))
    return made


def queued(made: Gate, crowd: ThreadPoolExecutor, rank: Rank) -> Future[bool]:
    """Return the answer that somebody of ``rank`` will get, who waits from now on."""
    before = made.state().waiting
    answer = crowd.submit(made.enter, rank)
    while made.state().waiting == before and not answer.done():
        sleep(0.001)
    return answer


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow machine is no overload: here everybody is patient."""
    monkeypatch.setattr(gate, "PATIENCE_SECONDS", dict.fromkeys(Rank, 30.0))


def test_the_most_urgent_goes_first_and_then_who_came_first(crowd: ThreadPoolExecutor) -> None:
    made = full()
    step = queued(made, crowd, Rank.UNDER_WAY)
    later = queued(made, crowd, Rank.UNDER_WAY)
    card = queued(made, crowd, Rank.REGISTERING)
    for expected in (card, step, later):
        assert not expected.done()
        made.leave()
        assert expected.result(30)
    assert made.state().active == 4
    assert made.state().waiting == 0


def test_the_least_urgent_makes_room(crowd: ThreadPoolExecutor) -> None:
    made = full(waiting=2)
    entering = queued(made, crowd, Rank.ENTERING)
    step = queued(made, crowd, Rank.UNDER_WAY)
    card = crowd.submit(made.enter, Rank.REGISTERING)
    assert not entering.result(30)
    assert not made.enter(Rank.ENTERING)
    for _ in range(2):
        made.leave()
    assert card.result(30)
    assert step.result(30)
    assert made.state().turned_away == (0, 0, 0, 2)


def test_console_and_entries_leave_turns_to_patients() -> None:
    made = Gate(4, 0)
    assert [made.enter(Rank.CONSOLE) for _ in range(3)] == [True, True, False]
    assert [made.enter(Rank.ENTERING) for _ in range(2)] == [True, False]
    assert made.enter(Rank.UNDER_WAY)


def test_nobody_waits_longer_than_their_rank_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "PATIENCE_SECONDS", {Rank.UNDER_WAY: 0.01})
    made = full()
    began = monotonic()
    assert not made.enter(Rank.UNDER_WAY)
    assert monotonic() - began >= 0.01
    assert made.state().waiting == 0
    made.leave()
    assert made.state().active == 3


def test_a_server_has_threads_for_who_is_turned_away() -> None:
    assert gate.THREADS > gate.ACTIVE + gate.WAITING


@given(st.lists(st.sampled_from([*Rank, None])))
def test_turns_are_never_lost(acts: list[Rank | None]) -> None:
    made, inside = Gate(4, 0), 0
    for rank in acts:
        if rank is None and inside:
            made.leave()
            inside -= 1
        elif rank is not None:
            inside += made.enter(rank)
        assert made.state().active == inside <= 4
    for _ in range(inside):
        made.leave()
    assert all(made.enter(Rank.REGISTERING) for _ in range(4))


def test_turns_are_not_lost_among_threads(crowd: ThreadPoolExecutor) -> None:
    made = Gate(3, 4)

    def come(number: int) -> bool:
        if not made.enter(Rank(number % 4)):
            return False
        made.leave()
        return True

    assert any(crowd.map(come, range(400)))
    assert made.state().active == made.state().waiting == 0


def test_registrations_leave_places_and_turns_to_those_under_way(crowd: ThreadPoolExecutor) -> None:
    """Whoever can make requests that look most urgent cannot stop everybody else."""
    made = full(waiting=12)
    urgent = [queued(made, crowd, Rank.REGISTERING) for _ in range(6)]
    assert not made.enter(Rank.REGISTERING)
    step = queued(made, crowd, Rank.UNDER_WAY)
    for _ in range(4):
        made.leave()
    assert step.result(30)
    assert [each.result(30) for each in urgent[:3]] == [True] * 3
    assert made.state().waiting == 3
    for _ in range(3):
        made.leave()
    assert made.state().waiting == 0


def test_long_work_lets_those_who_wait_go_first(crowd: ThreadPoolExecutor) -> None:
    made = full()
    for _ in range(2):
        made.leave()
    made.give_way(Rank.CONSOLE)
    page = queued(made, crowd, Rank.CONSOLE)
    back = crowd.submit(made.give_way, Rank.CONSOLE)
    assert page.result(30)
    assert not back.done()
    made.leave()
    back.result(30)
    assert (made.state().active, made.state().waiting) == (2, 0)


def test_a_turn_is_given_to_nobody_who_may_not_have_it(crowd: ThreadPoolExecutor) -> None:
    made = full()
    page = queued(made, crowd, Rank.CONSOLE)
    made.give_way(Rank.CONSOLE)
    assert (made.state().active, made.state().waiting) == (4, 1)
    for _ in range(4):
        made.leave()
    assert page.result(30)


def test_whose_turn_does_not_come_back_goes_on_as_one_more(
    crowd: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate, "ASIDE_SECONDS", 0.05)
    made = full()
    step = queued(made, crowd, Rank.UNDER_WAY)
    made.give_way(Rank.CONSOLE)
    assert step.result(30)
    assert (made.state().active, made.state().waiting) == (5, 0)
    later = queued(made, crowd, Rank.REGISTERING)
    made.leave()
    assert not later.done()  # so many are at work again as may be
    made.leave()
    assert later.result(30)
    for _ in range(4):
        made.leave()
    assert made.state().active == 0


def test_who_stands_aside_goes_on_when_others_need_its_place(crowd: ThreadPoolExecutor) -> None:
    made = full(waiting=1)
    step = queued(made, crowd, Rank.UNDER_WAY)
    back = crowd.submit(made.give_way, Rank.CONSOLE)
    assert step.result(30)
    while made.state().waiting != 1:
        sleep(0.001)
    assert not made.enter_at_once(Rank.UNDER_WAY)
    urgent = crowd.submit(made.enter, Rank.REGISTERING)
    back.result(30)
    made.leave()
    made.leave()
    assert urgent.result(30)


def test_long_work_is_done_in_any_rush(crowd: ThreadPoolExecutor) -> None:
    made, is_over = Gate(), Event()

    def come_and_go() -> None:
        while not is_over.is_set():
            if made.enter(Rank.UNDER_WAY):
                sleep(0.001)
                made.leave()

    rush = [crowd.submit(come_and_go) for _ in range(6)]
    assert made.enter(Rank.REGISTERING)
    began = monotonic()
    made.give_way(Rank.CONSOLE)
    assert monotonic() - began < 30
    made.leave()
    is_over.set()
    for each in rush:
        each.result(30)
    assert made.state().active == 0


def test_only_so_many_stand_aside(crowd: ThreadPoolExecutor) -> None:
    made = full(active=gate.ASIDE + 1, waiting=16)
    steps = [queued(made, crowd, Rank.UNDER_WAY) for _ in range(gate.ASIDE)]
    aside = [crowd.submit(made.give_way, Rank.CONSOLE) for _ in range(gate.ASIDE)]
    assert all(step.result(30) for step in steps)
    last = queued(made, crowd, Rank.UNDER_WAY)
    made.give_way(Rank.CONSOLE)
    assert not last.done()
    for _ in range(gate.ASIDE + 3):
        made.leave()
    assert last.result(30)
    for each in aside:
        each.result(30)
    assert (made.state().active, made.state().waiting) == (3, 0)
