"""What stands of two patients that turn out to be one person: never more than of one patient.

The same acts are done twice: with several cards, whose holder is known of the first alone at the
beginning, and with one card. At the end everybody knows that the several cards are one person's.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from sqlalchemy import Column, Select, select, text

from tests.conftest import NOW
from tests.consent.test_withdrawal import asked, service
from tests.consent.world import TARO, VISIT_DAY, Card, Told, World
from zaitaku.consent.model import ConsentItem, ConsentState, Decision
from zaitaku.consent.present import PresentConsent, PresentConsents
from zaitaku.consent.resetting import WithdrawnReset
from zaitaku.consent.tables import consent, consent_item, consent_record, credential
from zaitaku.core.ids import ConsentId, new_secret_name
from zaitaku.eligibility.model import Identified
from zaitaku.eligibility.sandbox import SandboxEligibility
from zaitaku.facilities.model import Channel

ITEM = ConsentItem
CARDS: Final = 3
SWITCHED: Final = frozenset(ITEM) - {ITEM.HIGH_COST_LIMIT}
"""What a facility may ask or not."""
FAR: Final = VISIT_DAY + timedelta(days=300)
PLACES: Final = (
    (Channel.HOME_VISIT, None),
    (Channel.ONLINE, FAR),
    (Channel.ONLINE, FAR + timedelta(days=1)),
)
Granted = set[tuple[int, str]]
"""Places and their granted items."""


@dataclass(frozen=True)
class Statement:
    """What a patient says in a journey; whatever is asked and not granted is refused."""

    card: int
    asked: frozenset[ConsentItem]
    granted: frozenset[ConsentItem]
    place: int = 0
    """Home visits, or one of two online 受診日."""


@dataclass(frozen=True)
class Withdrawal:
    """What the facility withdraws for whoever holds a card."""

    card: int
    items: frozenset[ConsentItem]
    place: int = 0


@dataclass(frozen=True)
class Joining:
    """It becomes known whose a card is."""

    card: int


Act = Statement | Withdrawal | Joining


@dataclass(frozen=True)
class Step:
    """An act some time after the one before, by a clock that may be off."""

    act: Act
    gap: timedelta
    off: timedelta = timedelta(0)


def _sets() -> st.SearchStrategy[frozenset[ConsentItem]]:
    return st.frozensets(st.sampled_from(sorted(ITEM)))


CARD: Final = st.integers(0, CARDS - 1)
PLACE: Final = st.integers(0, 2)
YES: Final = st.sampled_from([frozenset(ITEM), frozenset(ITEM), frozenset()]) | _sets()
STATEMENTS: Final = st.builds(Statement, CARD, _sets(), YES, PLACE)
WITHDRAWALS: Final = st.builds(Withdrawal, CARD, _sets().filter(bool), PLACE)
JOININGS: Final = st.builds(Joining, st.integers(1, CARDS - 1))
GAPS: Final = st.sampled_from([timedelta(seconds=5), timedelta(hours=20), timedelta(days=5)])
OFF: Final = st.timedeltas(timedelta(days=-1), timedelta(days=1))
ANY_STEP: Final = st.builds(Step, STATEMENTS | WITHDRAWALS | JOININGS, GAPS, OFF)
CLEAR_STEP: Final = st.builds(Step, STATEMENTS | JOININGS, st.just(timedelta(days=5)))
ORDERS: Final = st.permutations(range(1, CARDS))
DAY: Final = timedelta(days=1)
SURGERY: Final = frozenset({ITEM.SURGERY})
CHECKUP: Final = frozenset({ITEM.CHECKUP})
CLINICAL: Final = frozenset({ITEM.CLINICAL})
NONE: Final = frozenset[ConsentItem]()

with_one_world = settings(
    max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)


@with_one_world
@given(steps=st.lists(ANY_STEP, min_size=2, max_size=7), order=ORDERS)
def test_nothing_stands_that_would_not_stand_of_one_patient(
    world: World, steps: list[Step], order: list[int]
) -> None:
    joined, meant = _both(world, steps, order)
    event(f"{len(joined)} of {len(meant)}")
    assert joined <= meant


@with_one_world
@given(steps=st.lists(CLEAR_STEP, min_size=2, max_size=7), order=ORDERS)
def test_where_the_clocks_leave_no_doubt_the_same_stands(
    world: World, steps: list[Step], order: list[int]
) -> None:
    joined, meant = _both(world, steps, order)
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
        _do(world, Statement(number, SURGERY | CHECKUP, SURGERY), cards[number])
        world.clock.advance(5 * DAY)
    last = max(row["recorded_at"] for row in world.rows(consent_record))
    _learn(world, cards[1], "person-1")
    (seen,) = _seen(world, cards[0], 0)
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


def test_what_ends_with_a_card_that_went_to_somebody_else_ends_nothing_more(
    any_world: World,
) -> None:
    cards = [Card.named(name) for name in ("taro", "taro-renewed", "taro-third")]
    _learn(any_world, cards[0], "person-1")
    _learn(any_world, cards[2], "person-1")
    _do(any_world, Statement(0, SURGERY, SURGERY), cards[0])
    _do(any_world, Statement(1, CHECKUP, CHECKUP), cards[1])
    any_world.clock.advance(5 * DAY)
    _learn(any_world, cards[0], "person-2")
    any_world.clock.advance(5 * DAY)
    _learn(any_world, cards[1], "person-1")
    assert _granted(any_world, cards[1]) == {(0, ITEM.CHECKUP)}


def test_what_was_granted_once_stays_in_the_list(world: World) -> None:
    cards = [Card.named(name) for name in ("taro", "taro-renewed")]
    _learn(world, cards[0], "person-1")
    _do(world, Statement(0, SURGERY, NONE), cards[0])
    _do(world, Statement(1, SURGERY, SURGERY), cards[1])
    _do(world, Statement(1, SURGERY, NONE), cards[1])
    _learn(world, cards[1], "person-1")
    (row,) = [row for row in world.rows(consent) if row["facility_id"] == world.facility.id]
    assert (row["is_listed"], row["standing"]) == (True, "refuse")


def test_a_reset_brings_back_nothing_that_was_refused(any_world: World) -> None:
    cards = [Card.named(name) for name in ("taro", "taro-renewed")]
    reset = WithdrawnReset(any_world.database, any_world.clock)
    _learn(any_world, cards[0], "person-1")
    _do(any_world, Statement(0, SURGERY | CHECKUP, SURGERY), cards[0])
    _do(any_world, Statement(1, CLINICAL, CLINICAL), cards[1])
    any_world.clock.advance(5 * DAY)
    _do(any_world, Withdrawal(0, SURGERY), cards[0])
    _learn(any_world, cards[1], "person-1")
    assert reset.reset(any_world.facility.id, actor="test") == 0
    assert _granted(any_world, cards[1]) == set()


def test_a_reset_makes_no_grant_younger_than_it_is(any_world: World) -> None:
    cards = [Card.named(name) for name in ("taro", "taro-renewed")]
    _learn(any_world, cards[0], "person-1")
    _do(any_world, Statement(0, SURGERY, SURGERY), cards[0])
    _do(any_world, Withdrawal(0, SURGERY), cards[0])
    any_world.clock.advance(DAY)
    _do(any_world, Statement(1, SURGERY, NONE), cards[1])
    any_world.clock.advance(5 * DAY)
    reset = WithdrawnReset(any_world.database, any_world.clock)
    assert reset.reset(any_world.facility.id, actor="test") == 1
    _learn(any_world, cards[1], "person-1")
    assert _granted(any_world, cards[1]) == set()


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
    _learn(any_world, cards[0], "person-1")
    _do(any_world, Statement(1, SURGERY, NONE), cards[1])
    any_world.clock.advance(30 * DAY)
    people = SandboxEligibility(any_world.database)

    class Slow:
        """Gives the answer when the other card has been read."""

        def find(self, hashes: tuple[str, ...]) -> Identified | None:
            _do(any_world, Statement(0, SURGERY, SURGERY), cards[0])
            any_world.clock.advance(timedelta(seconds=1))
            return people.find(hashes)

    people.bind(cards[1].subject_hashes[0], TARO)
    asking = any_world.service(any_world.database, eligibility=Slow())
    asking.register(any_world.sign(any_world.document(facility=any_world.other), cards[1]))
    assert _granted(any_world, cards[1]) == {(0, ITEM.SURGERY)}


def test_a_record_that_nobody_can_read_is_taken_for_a_refusal(world: World) -> None:
    cards = [Card.named(name) for name in ("taro", "taro-renewed")]
    for card in cards:
        _do(world, Statement(0, SWITCHED, frozenset({ITEM.SURGERY})), card)
    with world.database.transaction() as connection:
        connection.execute(text("DROP TRIGGER consent_record_no_update"))
        connection.execute(text("UPDATE consent_record SET document = '{}'"))
    _learn(world, cards[1], "person-1")
    assert _granted(world, cards[1]) == set()


def _stands(
    world: World, steps: Sequence[Step], order: Sequence[int], place: int = 0
) -> frozenset[str]:
    """Return what stands of several cards' items, of those with a switch, at a place."""
    joined, _ = _both(world, steps, order)
    return frozenset(item for at, item in joined if at == place and item in SWITCHED)


def _both(world: World, steps: Sequence[Step], order: Sequence[int]) -> tuple[Granted, Granted]:
    """Return what several cards and one card come to."""
    name, now = new_secret_name(), NOW
    cards = [Card.named(f"{name}-{number}") for number in range(CARDS)]
    alone = Card.named(f"{name}-alone")
    _learn(world, cards[0], name, now)
    for step in steps:
        now += step.gap
        if isinstance(step.act, Joining):
            _learn(world, cards[step.act.card], name, now + step.off)
            continue
        act = _possible(world, step.act, cards[step.act.card], now + step.off)
        for card in (cards[step.act.card], alone):
            world.clock.moment = now + step.off
            _do(world, act, card)
    for number in order:
        now += timedelta(days=5)
        _learn(world, cards[number], name, now)
    return _granted(world, cards[0]), _granted(world, alone)


def _learn(world: World, card: Card, person_key: str, at: datetime | None = None) -> None:
    world.clock.moment = at or world.clock.moment
    person = replace(TARO, person_key=person_key)
    SandboxEligibility(world.database).bind(card.subject_hashes[0], person)
    world.register(card=card, facility=world.other)


def _do(world: World, act: Statement | Withdrawal, card: Card) -> None:
    if isinstance(act, Withdrawal):
        _withdraw(world, act, card)
        return
    both = {ITEM.CLINICAL, ITEM.MEDICATION}
    switched = act.asked - {ITEM.MEDICATION} if both <= act.asked else act.asked
    world.change_settings(**{item.value.replace("-", "_"): item in switched for item in SWITCHED})
    granted = act.granted & (switched | {ITEM.HIGH_COST_LIMIT})
    told = Told(decision=Decision.REFUSE, decisions=dict.fromkeys(granted, Decision.GRANT))
    channel, day = PLACES[act.place]
    if day:
        told["visit_date"] = day
    world.register(channel, card, **told)


def _possible(
    world: World, act: Statement | Withdrawal, card: Card, now: datetime
) -> Statement | Withdrawal:
    """Return what the facility can withdraw of an act: it sees what this card granted alone."""
    if isinstance(act, Statement):
        return act
    granted = {item for seen in _seen(world, card, act.place) for item in seen.granted(now)}
    return replace(act, items=act.items & granted)


def _withdraw(world: World, act: Withdrawal, card: Card) -> None:
    for seen in _seen(world, card, act.place):
        if named := act.items.intersection(seen.granted(world.clock.now())):
            service(world).withdraw(world.facility.id, asked(seen, *named), actor="test")


def _seen(world: World, card: Card, place: int) -> list[PresentConsent]:
    with world.database.reading() as connection:
        consents = PresentConsents(connection, world.facility.id)
        names = connection.execute(_of(world, card, consent.c.id).distinct()).scalars()
        found = [consents.find(ConsentId(name)) for name in names.all()]
    return [seen for seen in found if (seen.channel, seen.visit_date) == PLACES[place]]


def _granted(world: World, card: Card) -> Granted:
    query = _of(world, card, consent.c.channel, consent.c.visit_date, consent_item.c.item)
    granted = query.where(consent_item.c.state == ConsentState.GRANT.value)
    with world.database.reading() as connection:
        return {
            (PLACES.index((Channel(row.channel), row.visit_date)), row.item)
            for row in connection.execute(granted)
        }


def _of(world: World, card: Card, *columns: Column[Any]) -> Select[Any]:
    joined = select(*columns).join_from(consent, consent_item)
    return joined.join(credential, credential.c.patient_id == consent.c.patient_id).where(
        credential.c.subject_hash == card.subject_hashes[0],
        consent.c.facility_id == world.facility.id,
    )
