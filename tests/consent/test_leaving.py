"""A card that the provider gives to another person takes nothing along and leaves nothing open."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import text

from tests.consent.world import HANAKO, TARO, TAROS_CARD, Card, World
from tests.migrating import downgrade
from zaitaku.consent.leaving import ACTOR, REASON
from zaitaku.consent.model import ConsentItem, ConsentState, Decision
from zaitaku.consent.present import PresentConsent, PresentConsents
from zaitaku.consent.resetting import WithdrawnReset
from zaitaku.consent.tables import (
    consent,
    consent_item,
    consent_record,
    consent_withdrawal,
    credential,
)
from zaitaku.consent.withdrawal import Requester
from zaitaku.consent.withdrawing import WithdrawalStore
from zaitaku.core.ids import ConsentId, PatientId
from zaitaku.eligibility.model import Insured
from zaitaku.eligibility.sandbox import SandboxEligibility
from zaitaku.facilities.model import Channel
from zaitaku.records.consented import ConsentedPatients
from zaitaku.records.detail import PatientDetail, PatientDetails
from zaitaku.records.listing import ListQuery
from zaitaku.schema import upgrade

BEFORE = "202611220112"
ANOTHER = replace(TARO, person_key="person-1b")
RENEWED = Card.named("taro-renewed")


def give(world: World, person: Insured, card: Card = TAROS_CARD) -> None:
    SandboxEligibility(world.database).bind(card.subject_hashes[0], person)


def moved(world: World, decision: Decision = Decision.REFUSE) -> None:
    """The card is another person's from its next registration on."""
    give(world, ANOTHER)
    world.register(decision=decision)


def consents(world: World) -> list[UUID]:
    """The consents, in the order in which they were made."""
    return [row["id"] for row in sorted(world.rows(consent), key=lambda row: row["recorded_at"])]


def present(world: World, name: UUID) -> PresentConsent:
    row = next(row for row in world.rows(consent) if row["id"] == name)
    with world.database.reading() as connection:
        return PresentConsents(connection, row["facility_id"]).find(ConsentId(name))


def detail(world: World, name: UUID) -> PatientDetail:
    with world.database.reading() as connection:
        details = PatientDetails(connection, world.facility.id, world.wordings)
        return details.find(ConsentId(name))


def states(world: World, name: UUID) -> set[str]:
    return {row["state"] for row in world.rows(consent_item) if row["consent_id"] == name}


def test_what_the_card_granted_ends_at_every_facility(any_world: World) -> None:
    any_world.register()
    any_world.register(Channel.ONLINE)
    any_world.register(facility=any_world.other)
    old = consents(any_world)
    moved(any_world)
    now = any_world.clock.now()
    for name in old:
        assert states(any_world, name) == {"withdrawn"}
        assert present(any_world, name).granted(now) == ()
        assert not present(any_world, name).allows_requery(now)
    ends = any_world.rows(consent_withdrawal)
    assert sorted(str(row["facility_id"]) for row in ends) == sorted(
        str(place.id) for place in (any_world.facility, any_world.facility, any_world.other)
    )
    assert {(row["actor"], row["requester"], row["reason"]) for row in ends} == {
        (ACTOR, Requester.NOBODY.value, REASON)
    }
    assert all(row["withdrawn_at"] <= now for row in ends)


def test_history_and_ends_stay_with_the_patient_of_the_day(any_world: World) -> None:
    first = any_world.register().receipt.reference
    (old,) = consents(any_world)
    moved(any_world, Decision.GRANT)
    new = consents(any_world)[1]
    second = detail(any_world, new)
    assert second.consent.reference != first
    assert [each.receipt.reference for each in detail(any_world, old).statements] == [first]
    assert [each.reference for each in detail(any_world, old).withdrawals] == [first]
    assert [each.receipt.reference for each in second.statements] == [second.consent.reference]
    assert (second.total, second.withdrawals) == (1, ())
    with any_world.database.reading() as connection:
        listed = ConsentedPatients(connection, any_world.facility.id)
        found = listed.page(ListQuery(search=first), now=any_world.clock.now())
    assert [line.consent_id for line in found.rows] == [old]


def test_what_another_card_granted_stays(any_world: World) -> None:
    any_world.register()
    give(any_world, TARO, RENEWED)
    any_world.change_settings(surgery=False)
    any_world.register(card=RENEWED)
    (old,) = consents(any_world)
    moved(any_world)
    seen = present(any_world, old)
    kept = {item for item, each in seen.items.items() if each.state is ConsentState.GRANT}
    assert kept == set(ConsentItem) - {ConsentItem.SURGERY}
    assert seen.items[ConsentItem.SURGERY].state is ConsentState.WITHDRAWN
    assert seen.allows_requery(any_world.clock.now())
    (end,) = any_world.rows(consent_withdrawal)
    assert (end["items"], end["record_id"]) == (["surgery"], seen.record_id)


def test_a_consent_given_anew_stands_and_a_card_may_come_back(any_world: World) -> None:
    any_world.register()
    (old,) = consents(any_world)
    moved(any_world, Decision.GRANT)
    give(any_world, TARO)
    any_world.register()
    new = next(name for name in consents(any_world) if name != old)
    assert states(any_world, old) == {"grant"}
    assert states(any_world, new) == {"withdrawn"}
    assert present(any_world, old).granted(any_world.clock.now()) == tuple(ConsentItem)
    assert any_world.count(consent_withdrawal) == 2


def test_the_old_receipt_tells_that_it_ended(world: World) -> None:
    document = world.document()
    world.consent.register(world.sign(document))
    world.clock.advance(timedelta(seconds=1))
    moved(world, Decision.GRANT)
    standing = world.consent.standing_of(document.journey)
    assert standing is not None
    assert standing.is_empty
    assert standing.has_withdrawn


def test_nothing_is_served_of_a_card_that_moved_in_any_other_way(any_world: World) -> None:
    any_world.register()
    any_world.register(card=Card.named("hanako"))
    taros, hanakos = consents(any_world)
    owner = present(any_world, hanakos).patient_id
    with any_world.database.transaction() as connection:
        connection.execute(credential.update().values(patient_id=owner))
    now = any_world.clock.now()
    assert states(any_world, taros) == {"grant"}
    assert present(any_world, taros).granted(now) == ()
    assert not present(any_world, taros).allows_requery(now)
    assert present(any_world, hanakos).granted(now) == tuple(ConsentItem)


def test_online_a_card_that_left_allows_no_requery(world: World) -> None:
    world.register(Channel.ONLINE, decision=Decision.REFUSE)
    (old,) = consents(world)
    assert present(world, old).allows_requery(world.clock.now())
    moved(world)
    assert not present(world, old).allows_requery(world.clock.now())


def test_a_test_reset_does_not_bring_it_back(world: World) -> None:
    world.register()
    (old,) = consents(world)
    moved(world)
    reset = WithdrawnReset(world.database, world.clock)
    assert reset.count(world.facility.id) == 0
    assert reset.reset(world.facility.id, actor="test") == 0
    assert states(world, old) == {"withdrawn"}


def test_the_records_of_a_patient_that_was_joined_are_the_others(any_world: World) -> None:
    any_world.register(card=RENEWED)
    any_world.register(Channel.ONLINE)
    give(any_world, TARO, RENEWED)
    any_world.register(card=RENEWED)
    found = detail(any_world, consents(any_world)[0])
    assert found.total == len(found.statements) == 3


def test_records_of_the_version_before_get_their_patient_by_upgrading(any_world: World) -> None:
    any_world.register()
    (before,) = any_world.rows(consent_record)
    downgrade(any_world.database, BEFORE)
    upgrade(any_world.database)
    assert any_world.rows(consent_record) == [before]
    assert before["patient_id"] == present(any_world, consents(any_world)[0]).patient_id
    with pytest.raises(Exception, match="append-only"), any_world.database.transaction() as writing:
        writing.execute(text("UPDATE consent_record SET reference = ''"))


def test_tables_do_not_go_back_over_a_card_that_changed_hands(any_world: World) -> None:
    any_world.register()
    moved(any_world)
    with pytest.raises(RuntimeError, match="changed hands"):
        downgrade(any_world.database, BEFORE)


def test_a_record_that_names_no_patient_is_of_its_cards_holder(any_world: World) -> None:
    """As a process of the version before still writes them while this one is being rolled out."""
    any_world.register(card=Card.named("hanako"))
    any_world.register()
    lone = any_world.rows(consent_record)[0]
    assert HANAKO.name in {detail(any_world, name).person.name for name in consents(any_world)}
    changes = {"id": UUID(int=1), "journey": "j", "challenge": "c", "reference": "r"}
    with any_world.database.transaction() as connection:
        row = {**lone, **changes, "patient_id": None}
        connection.execute(consent_record.insert().values(row))
        owner = PatientId(lone["patient_id"])
        assert WithdrawalStore(connection, any_world.facility.id).of_patient(owner) == []
    (name,) = [row["id"] for row in any_world.rows(consent) if row["patient_id"] == owner]
    assert detail(any_world, name).total == 2
