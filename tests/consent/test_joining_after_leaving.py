"""Of two cards one became another person's before it was known that they had one holder.

The same acts of the same cards are done twice: with the holder known late, and from the beginning.
"""

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.consent.histories import (
    CHECKUP,
    CLEAR_LEAVING_STEP,
    DAY,
    ITEM,
    LEAVING_STEP,
    ORDERS,
    SURGERY,
    Leaving,
    Statement,
    Step,
    do,
    granted_of,
    late_and_at_once,
    learn,
)
from tests.consent.world import Card, World

GRANTED_BEFORE_LEAVING = [
    Step(Statement(0, SURGERY, SURGERY), DAY),
    Step(Statement(1, SURGERY, SURGERY), 5 * DAY),
    Step(Leaving(0), 5 * DAY),
]

with_one_world = settings(
    max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)


@with_one_world
@given(steps=st.lists(LEAVING_STEP, min_size=3, max_size=7), order=ORDERS)
@example(steps=GRANTED_BEFORE_LEAVING, order=[1, 2])
def test_known_late_nothing_stands_that_would_not_stand(
    world: World, steps: list[Step], order: list[int]
) -> None:
    late, at_once = late_and_at_once(world, steps, order)
    assert late <= at_once


@with_one_world
@given(steps=st.lists(CLEAR_LEAVING_STEP, min_size=3, max_size=7), order=ORDERS)
@example(steps=GRANTED_BEFORE_LEAVING, order=[1, 2])
def test_known_late_nothing_is_lost_where_the_clocks_leave_no_doubt(
    world: World, steps: list[Step], order: list[int]
) -> None:
    late, at_once = late_and_at_once(world, steps, order)
    assert late == at_once


def test_what_another_card_granted_before_the_other_left_stands(any_world: World) -> None:
    late, at_once = late_and_at_once(any_world, GRANTED_BEFORE_LEAVING, [1])
    assert late == at_once == {(0, ITEM.SURGERY)}


def test_what_ends_with_a_card_that_went_to_somebody_else_ends_nothing_more(
    any_world: World,
) -> None:
    cards = [Card.named(name) for name in ("taro", "taro-renewed", "taro-third")]
    learn(any_world, cards[0], "person-1")
    learn(any_world, cards[2], "person-1")
    do(any_world, Statement(0, SURGERY, SURGERY), cards[0])
    do(any_world, Statement(1, CHECKUP, CHECKUP), cards[1])
    any_world.clock.advance(5 * DAY)
    learn(any_world, cards[0], "person-2")
    any_world.clock.advance(5 * DAY)
    learn(any_world, cards[1], "person-1")
    assert granted_of(any_world, cards[1]) == {(0, ITEM.CHECKUP)}
