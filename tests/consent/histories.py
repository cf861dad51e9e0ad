"""What patients say with several cards over time, done in a world and looked at afterwards."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from hypothesis import strategies as st
from sqlalchemy import Column, Select, select

from tests.conftest import NOW
from tests.consent.test_withdrawal import asked, service
from tests.consent.world import TARO, VISIT_DAY, Card, Told, World
from zaitaku.consent.model import ConsentItem, ConsentState, Decision
from zaitaku.consent.present import PresentConsent, PresentConsents
from zaitaku.consent.tables import consent, consent_item, credential
from zaitaku.core.ids import ConsentId, new_secret_name
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


@dataclass(frozen=True)
class Leaving:
    """A card is found to be another person's."""

    card: int


Act = Statement | Withdrawal | Joining | Leaving


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
LEAVINGS: Final = st.builds(Leaving, st.just(0))
GAPS: Final = st.sampled_from([timedelta(seconds=5), timedelta(hours=20), timedelta(days=5)])
OFF: Final = st.timedeltas(timedelta(days=-1), timedelta(days=1))
ANY_STEP: Final = st.builds(Step, STATEMENTS | WITHDRAWALS | JOININGS, GAPS, OFF)
CLEAR_STEP: Final = st.builds(Step, STATEMENTS | JOININGS, st.just(timedelta(days=5)))
LEAVING_STEP: Final = st.builds(Step, STATEMENTS | JOININGS | LEAVINGS, GAPS, OFF)
CLEAR_LEAVING_STEP: Final = st.builds(
    Step, STATEMENTS | JOININGS | LEAVINGS, st.just(timedelta(days=5))
)
ORDERS: Final = st.permutations(range(1, CARDS))
DAY: Final = timedelta(days=1)
SURGERY: Final = frozenset({ITEM.SURGERY})
CHECKUP: Final = frozenset({ITEM.CHECKUP})
CLINICAL: Final = frozenset({ITEM.CLINICAL})
NONE: Final = frozenset[ConsentItem]()


def several_and_one(
    world: World, steps: Sequence[Step], order: Sequence[int]
) -> tuple[Granted, Granted]:
    """Return what several cards and one card come to."""
    name, now = new_secret_name(), NOW
    cards = [Card.named(f"{name}-{number}") for number in range(CARDS)]
    alone = Card.named(f"{name}-alone")
    learn(world, cards[0], name, now)
    for step in steps:
        now += step.gap
        if isinstance(step.act, Joining):
            learn(world, cards[step.act.card], name, now + step.off)
            continue
        assert not isinstance(step.act, Leaving)  # who has one card alone would have none left
        act = possible(world, step.act, cards[step.act.card], now + step.off)
        for card in (cards[step.act.card], alone):
            world.clock.moment = now + step.off
            do(world, act, card)
    for number in order:
        now += timedelta(days=5)
        learn(world, cards[number], name, now)
    return granted_of(world, cards[0]), granted_of(world, alone)


def late_and_at_once(
    world: World, steps: Sequence[Step], order: Sequence[int]
) -> tuple[Granted, Granted]:
    """Return what the same cards come to, their holder known late and from the beginning."""
    return _told(world, steps, order, known=[0]), _told(world, steps, order, known=range(CARDS))


def _told(
    world: World, steps: Sequence[Step], order: Sequence[int], *, known: Iterable[int]
) -> Granted:
    name, now = new_secret_name(), NOW
    cards = [Card.named(f"{name}-{number}") for number in range(CARDS)]
    for number in known:
        learn(world, cards[number], name, now)
    for step in steps:
        now += step.gap
        match step.act:
            case Joining(number):
                learn(world, cards[number], name, now + step.off)
            case Leaving(number):
                learn(world, cards[number], f"{name}-other", now + step.off)
            case act:
                world.clock.moment = now + step.off
                do(world, act, cards[act.card])
    for number in order:
        now += timedelta(days=5)
        learn(world, cards[number], name, now)
    return granted_of(world, cards[1])


def learn(world: World, card: Card, person_key: str, at: datetime | None = None) -> None:
    world.clock.moment = at or world.clock.moment
    person = replace(TARO, person_key=person_key)
    SandboxEligibility(world.database).bind(card.subject_hashes[0], person)
    world.register(card=card, facility=world.other)


def do(world: World, act: Statement | Withdrawal, card: Card) -> None:
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


def possible(
    world: World, act: Statement | Withdrawal, card: Card, now: datetime
) -> Statement | Withdrawal:
    """Return what the facility can withdraw of an act: it sees what this card granted alone."""
    if isinstance(act, Statement):
        return act
    granted = {item for seen in seen_of(world, card, act.place) for item in seen.granted(now)}
    return replace(act, items=act.items & granted)


def _withdraw(world: World, act: Withdrawal, card: Card) -> None:
    for seen in seen_of(world, card, act.place):
        if named := act.items.intersection(seen.granted(world.clock.now())):
            service(world).withdraw(world.facility.id, asked(seen, *named), actor="test")


def seen_of(world: World, card: Card, place: int) -> list[PresentConsent]:
    with world.database.reading() as connection:
        consents = PresentConsents(connection, world.facility.id)
        names = connection.execute(_of(world, card, consent.c.id).distinct()).scalars()
        found = [consents.find(ConsentId(name)) for name in names.all()]
    return [seen for seen in found if (seen.channel, seen.visit_date) == PLACES[place]]


def granted_of(world: World, card: Card) -> Granted:
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
