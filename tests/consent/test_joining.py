"""What stands of two patients that turn out to be one person: never more than of one patient.

The same acts are done twice: with several cards, whose holder is known of the first alone, and with
one card. At the end everybody learns that the several cards are one person's.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, text

from tests.conftest import NOW
from tests.consent.test_withdrawal import asked, service
from tests.consent.world import TARO, Card, World
from zaitaku.consent.model import ConsentItem, ConsentState, Decision
from zaitaku.consent.present import PresentConsent, PresentConsents
from zaitaku.consent.tables import consent, consent_item, credential
from zaitaku.core.ids import ConsentId, new_secret_name
from zaitaku.eligibility.sandbox import SandboxEligibility

ITEM = ConsentItem
CARDS: Final = 3
SWITCHED: Final = frozenset(ITEM) - {ITEM.HIGH_COST_LIMIT}
"""What a facility may ask or not."""


@dataclass(frozen=True)
class Statement:
    """What a patient says in a journey; whatever is asked and not granted is refused."""

    card: int
    asked: frozenset[ConsentItem]
    granted: frozenset[ConsentItem]


@dataclass(frozen=True)
class Withdrawal:
    """What the facility withdraws for whoever holds a card."""

    card: int
    items: frozenset[ConsentItem]


Act = Statement | Withdrawal


@dataclass(frozen=True)
class Step:
    """An act some time after the one before, by a clock that may be off."""

    act: Act
    gap: timedelta
    off: timedelta = timedelta(0)


def _sets() -> st.SearchStrategy[frozenset[ConsentItem]]:
    return st.frozensets(st.sampled_from(sorted(ITEM)))


CARD: Final = st.integers(0, CARDS - 1)
YES: Final = st.sampled_from([frozenset(ITEM), frozenset(ITEM), frozenset()]) | _sets()
STATEMENTS: Final = st.builds(Statement, CARD, _sets(), YES)
WITHDRAWALS: Final = st.builds(Withdrawal, CARD, _sets().filter(bool))
GAPS: Final = st.sampled_from([timedelta(seconds=5), timedelta(hours=20), timedelta(days=5)])
OFF: Final = st.timedeltas(timedelta(days=-1), timedelta(days=1))
ANY_STEP: Final = st.builds(Step, STATEMENTS | WITHDRAWALS, GAPS, OFF)
CLEAR_STEP: Final = st.builds(Step, STATEMENTS, st.just(timedelta(days=5)))
ORDERS: Final = st.permutations(range(1, CARDS))

with_one_world = settings(
    max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)


@with_one_world
@given(steps=st.lists(ANY_STEP, min_size=2, max_size=7), order=ORDERS)
def test_nothing_stands_that_would_not_stand_of_one_patient(
    world: World, steps: list[Step], order: list[int]
) -> None:
    joined, meant = _both(world, steps, order)
    event(f"{len(meant)} of one patient")
    assert joined <= meant


@with_one_world
@given(steps=st.lists(CLEAR_STEP, min_size=2, max_size=7), order=ORDERS)
def test_where_the_clocks_leave_no_doubt_the_same_stands(
    world: World, steps: list[Step], order: list[int]
) -> None:
    joined, meant = _both(world, steps, order)
    assert joined == meant


def test_a_full_refusal_counts_although_something_was_granted_since(any_world: World) -> None:
    days = timedelta(days=5)
    all_of_it = frozenset({ITEM.SURGERY, ITEM.CLINICAL, ITEM.CHECKUP})
    steps = [
        Step(Statement(2, all_of_it, all_of_it), days),
        Step(Statement(1, frozenset({ITEM.SURGERY}), frozenset()), days),
        Step(Statement(1, frozenset({ITEM.SURGERY}), frozenset({ITEM.SURGERY})), days),
    ]
    assert _both(any_world, steps, [1, 2])[0] == {ITEM.SURGERY}


def test_a_withdrawal_of_all_counts_although_something_was_granted_since(any_world: World) -> None:
    days = timedelta(days=5)
    surgery, checkup = frozenset({ITEM.SURGERY}), frozenset({ITEM.CHECKUP})
    steps = [
        Step(Statement(2, checkup, checkup), days),
        Step(Statement(0, surgery, surgery), days),
        Step(Withdrawal(0, surgery), days),
        Step(Statement(0, surgery, surgery), days),
    ]
    assert _both(any_world, steps, [1, 2])[0] == {ITEM.SURGERY}


def test_a_record_that_nobody_can_read_is_taken_for_a_refusal(world: World) -> None:
    cards = [Card.named(name) for name in ("taro", "taro-renewed")]
    for card in cards:
        _do(world, Statement(0, SWITCHED, frozenset({ITEM.SURGERY})), card)
    with world.database.transaction() as connection:
        connection.execute(text("DROP TRIGGER consent_record_no_update"))
        connection.execute(text("UPDATE consent_record SET document = '{}'"))
    _learn(world, cards[1], "person-1")
    assert _granted(world, cards[1]) == set()


def _both(world: World, steps: Sequence[Step], order: Sequence[int]) -> tuple[set[str], set[str]]:
    """Return what several cards and one card come to."""
    name, now = new_secret_name(), NOW
    cards = [Card.named(f"{name}-{number}") for number in range(CARDS)]
    alone = Card.named(f"{name}-alone")
    world.clock.moment = now
    _learn(world, cards[0], name)
    for step in steps:
        now += step.gap
        act = _possible(world, step.act, cards[step.act.card], now + step.off)
        for card in (cards[step.act.card], alone):
            world.clock.moment = now + step.off
            _do(world, act, card)
    for number in order:
        now += timedelta(days=5)
        world.clock.moment = now
        _learn(world, cards[number], name)
    return _granted(world, cards[0]), _granted(world, alone)


def _learn(world: World, card: Card, person_key: str) -> None:
    person = replace(TARO, person_key=person_key)
    SandboxEligibility(world.database).bind(card.subject_hashes[0], person)
    world.register(card=card, facility=world.other)


def _do(world: World, act: Act, card: Card) -> None:
    if isinstance(act, Withdrawal):
        _withdraw(world, act, card)
        return
    both = {ITEM.CLINICAL, ITEM.MEDICATION}
    switched = act.asked - {ITEM.MEDICATION} if both <= act.asked else act.asked
    world.change_settings(**{item.value.replace("-", "_"): item in switched for item in SWITCHED})
    granted = act.granted & (switched | {ITEM.HIGH_COST_LIMIT})
    decisions = dict.fromkeys(granted, Decision.GRANT)
    world.register(card=card, decision=Decision.REFUSE, decisions=decisions)


def _possible(world: World, act: Act, card: Card, now: datetime) -> Act:
    """Return what the facility can withdraw of an act: it sees what this card granted alone."""
    if isinstance(act, Statement):
        return act
    granted = {item for seen in _seen(world, card) for item in seen.granted(now)}
    return replace(act, items=act.items & granted)


def _withdraw(world: World, act: Withdrawal, card: Card) -> None:
    for seen in _seen(world, card):
        if named := act.items.intersection(seen.granted(world.clock.now())):
            service(world).withdraw(world.facility.id, asked(seen, *named), actor="test")


def _seen(world: World, card: Card) -> list[PresentConsent]:
    with world.database.reading() as connection:
        consents = PresentConsents(connection, world.facility.id)
        return [consents.find(name) for name in _consents(world, card)]


def _consents(world: World, card: Card) -> list[ConsentId]:
    query = select(consent.c.id).join(credential, credential.c.patient_id == consent.c.patient_id)
    chosen = query.where(
        credential.c.subject_hash == card.subject_hashes[0],
        consent.c.facility_id == world.facility.id,
    )
    with world.database.reading() as connection:
        return [ConsentId(row.id) for row in connection.execute(chosen)]


def _granted(world: World, card: Card) -> set[str]:
    query = select(consent_item.c.item).where(
        consent_item.c.consent_id.in_(_consents(world, card)),
        consent_item.c.state == ConsentState.GRANT.value,
    )
    with world.database.reading() as connection:
        return {row.item for row in connection.execute(query)}
