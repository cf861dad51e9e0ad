"""What the verdict sees of the present state: nothing in a whole database, every damage to it.

Journeys are registered by the product's own service; the damage is done to its tables.
"""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import text

from bench.faults import verdict
from bench.faults.places import broken_places
from bench.faults.verdict import half_consents, late_journeys
from tests.consent.test_withdrawal import asked, present, service, withdraw
from tests.consent.world import HANAKO, TARO, TAROS_CARD, Card, World, sandbox_with
from zaitaku.consent.model import ConsentItem, Decision
from zaitaku.consent.resetting import WithdrawnReset
from zaitaku.consent.withdrawal import Requester
from zaitaku.core.clock import FixedClock
from zaitaku.core.database import Database
from zaitaku.core.ids import new_secret_name
from zaitaku.eligibility.sandbox import SandboxEligibility
from zaitaku.facilities.model import Channel
from zaitaku.reception.model import UrlAct
from zaitaku.reception.store import context_found

ITEM, REFUSE = ConsentItem, Decision.REFUSE
RENEWED = Card.named("taro-renewed")
FIRST = "(SELECT id FROM consent_record ORDER BY recorded_at LIMIT 1)"
GRANTED = "(SELECT min(item) FROM consent_item WHERE state = 'grant')"


@pytest.fixture
def world(any_database: Database, clock: FixedClock) -> World:
    """Two facilities, and two people whose cards are known, on each engine."""
    eligibility = sandbox_with(any_database, taro=TARO, hanako=HANAKO)
    return World(any_database, clock, eligibility)


def refused_again(world: World) -> None:
    world.register(decision=REFUSE)
    world.register(decisions={ITEM.SURGERY: REFUSE})


def withdrawn_and_given_anew(world: World) -> None:
    withdraw(world, ITEM.CHECKUP)
    withdraw(world)
    world.register(decisions={ITEM.CHECKUP: REFUSE})


def withdrawn(world: World) -> None:
    withdraw(world)


def asked_less(world: World) -> None:
    """What is not asked any more stays, until all that is asked is refused."""
    world.change_settings(clinical=False, medication=True)
    world.register()
    world.change_settings(surgery=False)
    world.register(decisions={ITEM.MEDICATION: REFUSE})
    world.register(decision=REFUSE)


def elsewhere(world: World) -> None:
    world.register(facility=world.other, decision=REFUSE)
    world.register(Channel.ONLINE)
    world.register(card=Card.named("hanako"))
    world.register(card=Card.named("stranger"))


def reset(world: World) -> None:
    withdraw(world)
    world.clock.advance(timedelta(seconds=1))
    WithdrawnReset(world.database, world.clock).reset(world.facility.id, actor="test")


def reset_and_said_again(world: World) -> None:
    reset(world)
    world.register(decisions={ITEM.SURGERY: REFUSE})
    withdraw(world, ITEM.CHECKUP)


def card_of_another(world: World) -> None:
    """What the card granted has ended, and no reset brings it back."""
    another = replace(TARO, person_key="person-1b")
    SandboxEligibility(world.database).bind(TAROS_CARD.subject_hashes[0], another)
    world.register(decision=REFUSE)
    world.clock.advance(timedelta(seconds=1))
    WithdrawnReset(world.database, world.clock).reset(world.facility.id, actor="test")


def joined(world: World) -> None:
    world.register(card=RENEWED, decisions={ITEM.SURGERY: REFUSE})
    SandboxEligibility(world.database).bind(RENEWED.subject_hashes[0], TARO)
    world.register(card=RENEWED, decisions={ITEM.CHECKUP: REFUSE})


def clock_set_back(world: World) -> None:
    world.clock.advance(timedelta(days=-1))
    world.register(decisions={ITEM.SURGERY: REFUSE})


WHOLE = (
    refused_again,
    withdrawn,
    withdrawn_and_given_anew,
    asked_less,
    elsewhere,
    reset,
    reset_and_said_again,
    card_of_another,
    joined,
    clock_set_back,
)


@pytest.mark.parametrize("course", WHOLE)
def test_a_whole_database_has_no_halves(world: World, course: Callable[[World], None]) -> None:
    assert half_consents(world.database) == []
    world.register()
    assert half_consents(world.database) == []
    course(world)
    assert half_consents(world.database) == []


DAMAGES = {
    "state left at the first record": (
        f"""UPDATE consent SET (record_id, reference, recorded_at) = (SELECT id, reference,
        recorded_at FROM consent_record WHERE id = {FIRST})""",
        f"UPDATE consent_gram SET recorded_at = (SELECT recorded_at FROM consent_record"
        f" WHERE id = {FIRST})",
        f"UPDATE consent_item SET record_id = {FIRST}",
    ),
    "consent left at the first record": (
        f"""UPDATE consent SET (record_id, reference, recorded_at) = (SELECT id, reference,
        recorded_at FROM consent_record WHERE id = {FIRST})""",
    ),
    "first record named": (f"UPDATE consent SET record_id = {FIRST}",),
    "items left at the first record": (f"UPDATE consent_item SET record_id = {FIRST}",),
    "a granted item refused": (f"UPDATE consent_item SET state = 'refuse' WHERE item = {GRANTED}",),
    "a refused item granted": ("UPDATE consent_item SET state = 'grant' WHERE state = 'refuse'",),
    "a granted item withdrawn": (
        f"UPDATE consent_item SET state = 'withdrawn' WHERE item = {GRANTED}",
    ),
    "all but one item gone": (f"DELETE FROM consent_item WHERE item <> {GRANTED}",),
    "all items gone": ("DELETE FROM consent_item",),
    "off the clinic's list": ("UPDATE consent SET is_listed = false",),
    "another standing": ("UPDATE consent SET standing = 'withdrawn'",),
    "another end": ("UPDATE consent SET valid_until = recorded_at",),
    "another number": ("UPDATE consent SET reference = '000000-000-0000'",),
    "letters of another time": (
        f"UPDATE consent_gram SET recorded_at = (SELECT recorded_at FROM consent_record"
        f" WHERE id = {FIRST})",
    ),
    "letters gone": ("DELETE FROM consent_gram",),
    "no consent at all": (
        "DELETE FROM consent_gram",
        "DELETE FROM consent_item",
        "DELETE FROM consent",
    ),
    "at another place": ("UPDATE consent SET channel = 'online'",),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_every_damage_to_the_present_state_is_seen(world: World, damage: tuple[str, ...]) -> None:
    world.register()
    world.register(decisions={ITEM.SURGERY: REFUSE})
    assert half_consents(world.database) == []
    hurt(world, damage)
    assert half_consents(world.database)


def hurt(world: World, damage: tuple[str, ...]) -> None:
    with world.database.transaction() as connection:
        for statement in damage:
            assert connection.execute(text(statement)).rowcount, statement


def test_the_verdict_counts_what_is_wrong_and_late(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verdict, "_unproved", lambda *_: 0)
    around = SimpleNamespace(database=world.database)
    site: Any = SimpleNamespace(services=lambda: nullcontext(around))
    world.register()
    stated = world.document()
    rotate(world)
    whole = verdict.judge(site, [])
    assert (whole.half, whole.stale, whole.note) == (0, 0, "")
    world.clock.advance(timedelta(seconds=1))
    monkeypatch.setattr(world.reception, "opened", context_found)
    late = world.consent.register(world.sign(stated))
    hurt(world, ("UPDATE consent SET is_listed = false",))
    found = verdict.judge(site, [])
    assert (found.half, found.stale) == (1, 1)
    assert found.note == f"{late.receipt.reference}: is_listed wrong"
    # Where the site's clock lies, times decide nothing.
    assert verdict.judge(site, [], has_true_clock=False).stale == 0


def test_a_withdrawal_that_holds_in_part_is_seen(world: World) -> None:
    world.register()
    withdraw(world)
    hurt(world, (f"UPDATE consent_item SET state = 'grant' WHERE item = '{ITEM.SURGERY}'",))
    assert half_consents(world.database)


def test_where_patients_were_joined_lists_and_items_still_fit(world: World) -> None:
    world.register()
    joined(world)
    hurt(world, ("UPDATE consent SET is_listed = false",))
    assert broken_places(world.database)


def test_who_asks_for_a_withdrawal_makes_no_difference(world: World) -> None:
    world.register()
    world.clock.advance(timedelta(seconds=1))
    request = replace(
        asked(present(world)), requester=Requester.FAMILY, submission=new_secret_name()
    )
    service(world).withdraw(world.facility.id, request, actor="test")
    assert half_consents(world.database) == []


def rotate(world: World, act: UrlAct = UrlAct.ROTATE) -> None:
    world.clock.advance(timedelta(seconds=1))
    current = world.reception.show(world.facility.id, Channel.HOME_VISIT).current
    world.reception.change(
        act,
        world.facility.id,
        Channel.HOME_VISIT,
        expected=current.id,
        actor="test",
        reason="test",
    )


def test_a_record_is_late_that_was_written_after_its_url_was_retired(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.register()
    rotate(world)
    world.register()
    stated = world.document()
    rotate(world)
    assert late_journeys(world.database) == set()
    world.clock.advance(timedelta(seconds=1))
    # A product that does not look whether the URL still works.
    monkeypatch.setattr(world.reception, "opened", context_found)
    world.consent.register(world.sign(stated))
    assert late_journeys(world.database) == {stated.journey}


def test_an_url_that_was_brought_back_is_not_late(world: World) -> None:
    rotate(world)
    rotate(world, UrlAct.REVERT)
    world.register()
    assert late_journeys(world.database) == set()
