"""Five times as many patients as can be served, and the calm after them."""

from collections import Counter

import pytest

from tests.overload.world import CAPACITY, World

CALM, RUSH = 60, 300


@pytest.fixture(scope="module")
def monday() -> World:
    """A calm while, and then the rush."""
    world = World()
    world.run(CALM, CAPACITY / 2)
    world.run(RUSH, CAPACITY * 5)
    return world


def test_in_calm_times_nobody_waits() -> None:
    world = World()
    world.run(200, CAPACITY * 0.6)
    assert world.store.kept == Counter()
    assert world.unknown == 0
    assert len(world.began) == len(world.came)


def test_those_who_were_let_in_are_hardly_ever_sent_away(monday: World) -> None:
    assert monday.sent_away < 0.03 * monday.asked


def test_almost_all_that_can_be_served_is_served(monday: World) -> None:
    late = [at for at in monday.began if at > CALM + RUSH / 2]
    assert 0.7 * CAPACITY < len(late) / (RUSH / 2) < 1.1 * CAPACITY


def test_estimates_are_honest(monday: World) -> None:
    assert len(monday.estimates) > 500
    good = [
        said
        for said, real in monday.estimates
        if real <= said + max(60, said * 0.35) and said <= real + max(60, real * 0.35)
    ]
    assert len(good) / len(monday.estimates) > 0.8


@pytest.mark.parametrize("keeps_cookies", [True, False])
def test_people_who_left_hold_nobody_up(*, keeps_cookies: bool) -> None:
    """Thousands of browsers asked once and never again; then the site is idle, but for a few."""
    world = World()
    world.run(60, CAPACITY * 20, comes_back=False)
    assert world.store.kept["line:drawn"] > 5000
    world.run(20, CAPACITY / 1000)
    over = world.now
    world.run(60, CAPACITY / 2, keeps_cookies=keeps_cookies)
    late = [came for came in world.came if over < came < world.now - 10]
    waits = [at - came for came, at in world.entered if over < came < world.now - 10]
    assert len(waits) == len(late) > 100
    assert max(waits) < 10
    assert sum(wait < 1 for wait in waits) > 0.95 * len(waits)


def test_room_is_not_kept_for_those_who_leave() -> None:
    """Two in three of those in line go away unseen; the others come in as fast as ever."""
    world = World()
    world.leaves = 0.0
    world.run(CALM, CAPACITY / 2)
    for _ in range(150):
        world.run(1, CAPACITY * 4, comes_back=False)
        world.run(1, CAPACITY * 2)
    late = [at for at in world.began if at > world.now - 200]
    assert 0.7 * CAPACITY < len(late) / 200 < 1.1 * CAPACITY
    assert world.sent_away < 0.05 * world.asked
