"""What stands of two patients that turn out to be one person: never more than of one patient.

The same acts are done twice: with several cards, whose holder is known of the first alone at the
beginning, and with one card. At the end everybody knows that the several cards are one person's.
"""

from collections.abc import Sequence
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from tests.consent.histories import (
    ANY_STEP,
    CHECKUP,
    CLEAR_STEP,
    CLINICAL,
    DAY,
    ITEM,
    NONE,
    ORDERS,
    SURGERY,
    SWITCHED,
    Joining,
    Statement,
    Step,
    Withdrawal,
    do,
    granted_of,
    learn,
    seen_of,
    several_and_one,
)
from tests.consent.world import TARO, Card, World
from zaitaku.consent.model import ConsentItem
from zaitaku.consent.resetting import WithdrawnReset
from zaitaku.consent.tables import consent, consent_record
from zaitaku.eligibility.model import Identified
from zaitaku.eligibility.sandbox import SandboxEligibility

with_one_world = settings(
    max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)


@with_one_world
@given(steps=st.lists(ANY_STEP, min_size=2, max_size=7), order=ORDERS)
def test_nothing_stands_that_would_not_stand_of_one_patient(
    world: World, steps: list[Step], order: list[int]
) -> None:
    joined, meant = several_and_one(world, steps, order)
    event(f"{len(joined)} of {len(meant)}")
    assert joined <= meant


@with_one_world
@given(steps=st.lists(CLEAR_STEP, min_size=2, max_size=7), order=ORDERS)
def test_where_the_clocks_leave_no_doubt_the_same_stands(
    world: World, steps: list[Step], order: list[int]
) -> None:
    joined, meant = several_and_one(world, steps, order)
    assert joined == meant


def test_a_full_refusal_counts_although_something_was_granted_since(any_world: World) -> None:
    steps = [
        Step(Statement(2, SWITCHED, SWITCHED), DAY),
        Step(Statement(1, SURGERY, NONE), 5 * DAY),
        Step(Statement(1, SURGERY, SURGERY), 5 * DAY),
    ]
    assert _stands(any_world, steps, [1, 2]) == SURGERY


def test_of_several_refusals_the_last_counts(any_world: World) -> None:
    steps = [
        Step(Statement(0, SURGERY, NONE), DAY),
        Step(Statement(1, CHECKUP, CHECKUP), 5 * DAY),
        Step(Statement(0, SURGERY, NONE), 5 * DAY),
        Step(Statement(0, SURGERY, SURGERY), 5 * DAY),
    ]
    assert _stands(any_world, steps, [1]) == SURGERY


@pytest.mark.parametrize("later", [0, 1])
def test_of_two_grants_or_ends_the_later_is_told(world: World, later: int) -> None:
    cards = [Card.named(name) for name in ("taro", "taro-renewed")]
    for number in (1 - later, later):
        do(world, Statement(number, SURGERY | CHECKUP, SURGERY), cards[number])
        world.clock.advance(5 * DAY)
    last = max(row["recorded_at"] for row in world.rows(consent_record))
    learn(world, cards[1], "person-1")
    (seen,) = seen_of(world, cards[0], 0)
    told = {seen.items[item].since for item in SURGERY | CHECKUP}
    assert told == {last}


def test_a_withdrawal_counts_although_something_was_granted_since(any_world: World) -> None:
    steps = [
        Step(Statement(2, CHECKUP, CHECKUP), DAY),
        Step(Statement(0, SURGERY, SURGERY), 5 * DAY),
        Step(Withdrawal(0, SURGERY), 5 * DAY),
        Step(Statement(0, SURGERY, SURGERY), 5 * DAY),
    ]
    assert _stands(any_world, steps, [1, 2]) == SURGERY


@pytest.mark.parametrize("order", [[1, 2], [2, 1]])
def test_after_a_withdrawal_the_order_of_joining_does_not_matter(
    any_world: World, order: list[int]
) -> None:
    steps = [
        Step(Statement(0, SURGERY, SURGERY), DAY),
        Step(Statement(2, CLINICAL, CLINICAL), DAY),
        Step(Statement(1, CHECKUP, CHECKUP), 4 * DAY),
        Step(Withdrawal(0, SURGERY), 5 * DAY),
    ]
    assert _stands(any_world, steps, order) == NONE


@pytest.mark.parametrize("granted_anew", [NONE, CHECKUP], ids=["nothing", "checkup"])
def test_what_a_joining_ended_is_not_taken_for_what_stood(
    any_world: World, granted_anew: frozenset[ConsentItem]
) -> None:
    steps = [
        Step(Statement(2, CLINICAL, CLINICAL), DAY),
        Step(Statement(0, SURGERY | CHECKUP, SURGERY), 9 * DAY),
        Step(Statement(1, CHECKUP, CHECKUP), DAY),  # in doubt: ended by the joining
        Step(Joining(1), 9 * DAY),
        Step(Withdrawal(0, SURGERY), 10 * DAY),
        Step(Statement(0, CHECKUP, granted_anew), 5 * DAY),
    ]
    assert _stands(any_world, steps, [2]) == granted_anew


def test_a_withdrawal_holds_also_by_clocks_that_tell_the_order_wrong(any_world: World) -> None:
    steps = [
        Step(Statement(1, CLINICAL, CLINICAL), DAY),
        Step(Statement(0, CHECKUP, CHECKUP), 10 * DAY, off=timedelta(hours=23)),
        Step(Statement(0, SURGERY, SURGERY), timedelta(hours=1)),
        Step(Withdrawal(0, CHECKUP), timedelta(hours=1)),
        Step(Withdrawal(0, SURGERY), 2 * DAY),
    ]
    assert _stands(any_world, steps, [1]) == NONE


@pytest.mark.parametrize("ahead", [timedelta(hours=23), -timedelta(hours=23)])
def test_two_clocks_that_are_off_in_different_ways_bring_nothing_back(
    any_world: World, ahead: timedelta
) -> None:
    steps = [
        Step(Statement(1, SURGERY, SURGERY), 5 * DAY, off=ahead),
        Step(Statement(0, SURGERY, NONE), timedelta(minutes=5), off=-ahead),
    ]
    assert _stands(any_world, steps, [1]) == NONE


def test_what_was_granted_once_stays_in_the_list(world: World) -> None:
    cards = [Card.named(name) for name in ("taro", "taro-renewed")]
    learn(world, cards[0], "person-1")
    do(world, Statement(0, SURGERY, NONE), cards[0])
    do(world, Statement(1, SURGERY, SURGERY), cards[1])
    do(world, Statement(1, SURGERY, NONE), cards[1])
    learn(world, cards[1], "person-1")
    (row,) = [row for row in world.rows(consent) if row["facility_id"] == world.facility.id]
    assert (row["is_listed"], row["standing"]) == (True, "refuse")


def test_a_reset_brings_back_nothing_that_was_refused(any_world: World) -> None:
    cards = [Card.named(name) for name in ("taro", "taro-renewed")]
    reset = WithdrawnReset(any_world.database, any_world.clock)
    learn(any_world, cards[0], "person-1")
    do(any_world, Statement(0, SURGERY | CHECKUP, SURGERY), cards[0])
    do(any_world, Statement(1, CLINICAL, CLINICAL), cards[1])
    any_world.clock.advance(5 * DAY)
    do(any_world, Withdrawal(0, SURGERY), cards[0])
    learn(any_world, cards[1], "person-1")
    assert reset.reset(any_world.facility.id, actor="test") == 0
    assert granted_of(any_world, cards[1]) == set()


def test_a_reset_makes_no_grant_younger_than_it_is(any_world: World) -> None:
    cards = [Card.named(name) for name in ("taro", "taro-renewed")]
    learn(any_world, cards[0], "person-1")
    do(any_world, Statement(0, SURGERY, SURGERY), cards[0])
    do(any_world, Withdrawal(0, SURGERY), cards[0])
    any_world.clock.advance(DAY)
    do(any_world, Statement(1, SURGERY, NONE), cards[1])
    any_world.clock.advance(5 * DAY)
    reset = WithdrawnReset(any_world.database, any_world.clock)
    assert reset.reset(any_world.facility.id, actor="test") == 1
    learn(any_world, cards[1], "person-1")
    assert granted_of(any_world, cards[1]) == set()


def test_a_reset_takes_back_nothing_that_the_patient_has_spoken_after(any_world: World) -> None:
    card = Card.named("taro")
    learn(any_world, card, "person-1")
    do(any_world, Statement(0, SURGERY, SURGERY), card)
    do(any_world, Withdrawal(0, SURGERY), card)
    any_world.clock.advance(DAY)
    do(any_world, Statement(0, CHECKUP, NONE), card)
    reset = WithdrawnReset(any_world.database, any_world.clock)
    assert reset.count(any_world.facility.id) == 0
    assert reset.reset(any_world.facility.id, actor="test") == 0
    assert granted_of(any_world, card) == set()


def test_what_was_refused_elsewhere_ends_nothing_here(any_world: World) -> None:
    steps = [
        Step(Statement(1, SURGERY, SURGERY, place=1), DAY),
        Step(Statement(0, SURGERY, NONE, place=0), 5 * DAY),
        Step(Statement(0, CHECKUP, CHECKUP, place=1), 5 * DAY),
        Step(Statement(0, SURGERY, NONE, place=2), 5 * DAY),
        Step(Withdrawal(0, CHECKUP, place=2), 5 * DAY),
    ]
    assert _stands(any_world, steps, [1], place=1) == SURGERY | CHECKUP


def test_a_consent_given_while_somebody_is_asked_about_stands(any_world: World) -> None:
    cards = [Card.named(name) for name in ("taro", "taro-renewed")]
    learn(any_world, cards[0], "person-1")
    do(any_world, Statement(1, SURGERY, NONE), cards[1])
    any_world.clock.advance(30 * DAY)
    people = SandboxEligibility(any_world.database)

    class Slow:
        """Gives the answer when the other card has been read."""

        def find(self, hashes: tuple[str, ...]) -> Identified | None:
            do(any_world, Statement(0, SURGERY, SURGERY), cards[0])
            any_world.clock.advance(timedelta(seconds=1))
            return people.find(hashes)

    people.bind(cards[1].subject_hashes[0], TARO)
    asking = any_world.service(any_world.database, eligibility=Slow())
    asking.register(any_world.sign(any_world.document(facility=any_world.other), cards[1]))
    assert granted_of(any_world, cards[1]) == {(0, ITEM.SURGERY)}


def test_a_record_that_nobody_can_read_is_taken_for_a_refusal(world: World) -> None:
    cards = [Card.named(name) for name in ("taro", "taro-renewed")]
    for card in cards:
        do(world, Statement(0, SWITCHED, frozenset({ITEM.SURGERY})), card)
    with world.database.transaction() as connection:
        connection.execute(text("DROP TRIGGER consent_record_no_update"))
        connection.execute(text("UPDATE consent_record SET document = '{}'"))
    learn(world, cards[1], "person-1")
    assert granted_of(world, cards[1]) == set()


def _stands(
    world: World, steps: Sequence[Step], order: Sequence[int], place: int = 0
) -> frozenset[str]:
    """Return what stands of several cards' items, of those with a switch, at a place."""
    joined, _ = several_and_one(world, steps, order)
    return frozenset(item for at, item in joined if at == place and item in SWITCHED)
