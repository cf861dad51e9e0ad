"""One person is one patient, whatever card is shown; and never by name."""

from dataclasses import replace
from datetime import date, timedelta
from uuid import UUID

import pytest

from tests.consent.world import HANAKO, TARO, TAROS_CARD, VISIT_DAY, Card, World
from zaitaku.consent.model import ConsentItem, Decision
from zaitaku.consent.tables import consent, consent_item, consent_record, credential, patient
from zaitaku.eligibility.model import Insured
from zaitaku.eligibility.sandbox import SandboxEligibility
from zaitaku.facilities.model import Channel

RENEWED = Card.named("taro-renewed")


def _bind(world: World, card: Card, person: Insured) -> None:
    SandboxEligibility(world.database).bind(card.subject_hashes[0], person)


def _living(world: World) -> list[UUID]:
    return [row["id"] for row in world.rows(patient) if row["joined_into"] is None]


def _states(world: World) -> dict[str, str]:
    return {row["item"]: row["state"] for row in world.rows(consent_item)}


def test_the_same_card_changes_the_same_patients_consent(any_world: World) -> None:
    any_world.register()
    any_world.register(decision=Decision.REFUSE)
    assert [any_world.count(table) for table in (patient, credential, consent)] == [1, 1, 1]


def test_another_card_is_another_patient(any_world: World) -> None:
    any_world.register()
    any_world.register(card=Card.named("hanako"))
    names = {row["name"] for row in any_world.rows(patient)}
    assert names == {TARO.name, HANAKO.name}
    assert any_world.count(consent) == 2


def test_a_renewed_card_joins_by_the_persons_key(any_world: World) -> None:
    any_world.register()
    _bind(any_world, RENEWED, TARO)
    any_world.register(card=RENEWED, decision=Decision.REFUSE)
    assert [any_world.count(table) for table in (patient, credential, consent)] == [1, 2, 1]
    assert set(_states(any_world).values()) == {"refuse"}


def test_the_same_name_and_birth_date_joins_nobody(any_world: World) -> None:
    any_world.register()
    _bind(any_world, RENEWED, replace(TARO, person_key="namesake"))
    any_world.register(card=RENEWED)
    assert any_world.count(patient) == any_world.count(consent) == 2


def test_cards_without_an_eligibility_result_join_nobody(any_world: World) -> None:
    for name in ("unknown-1", "unknown-2"):
        any_world.register(card=Card.named(name))
    assert any_world.count(patient) == 2
    assert {row["name"] for row in any_world.rows(patient)} == {None}


def test_a_name_that_changes_is_brought_up_to_date(any_world: World) -> None:
    any_world.register()
    _bind(any_world, TAROS_CARD, replace(TARO, name="訪問　太郎"))
    any_world.register()
    assert [row["name"] for row in any_world.rows(patient)] == ["訪問　太郎"]
    assert any_world.rows(patient)[0]["search"].startswith("訪問太郎\n")


def test_a_hash_under_an_older_key_is_found_and_given_the_newest(any_world: World) -> None:
    old, new, newest = (Card.named(key).subject_hashes[0] for key in ("k1", "k2", "k3"))
    for hashes in ((old,), (new, old), (newest, new, old), (newest,)):
        any_world.register(card=Card(hashes))
    assert any_world.count(patient) == 1
    assert [row["subject_hash"] for row in any_world.rows(credential)] == [newest]


def test_processes_with_the_new_key_first_and_last_agree(any_world: World) -> None:
    old, new = (Card.named(key).subject_hashes[0] for key in ("k1", "k2"))
    for hashes in ((old, new), (new, old), (old, new)):
        any_world.register(card=Card(hashes))
    assert [any_world.count(table) for table in (patient, credential)] == [1, 1]


def test_a_patient_that_turns_out_to_be_known_is_joined(any_world: World) -> None:
    any_world.register()
    any_world.register(card=RENEWED, facility=any_world.other)
    assert len(_living(any_world)) == 2
    _bind(any_world, RENEWED, TARO)
    any_world.register(card=RENEWED, decisions={ConsentItem.SURGERY: Decision.REFUSE})
    (living,) = _living(any_world)
    assert {row["patient_id"] for row in any_world.rows(consent)} == {living}
    assert {row["patient_id"] for row in any_world.rows(credential)} == {living}
    assert any_world.count(consent) == 2
    assert any_world.count(consent_record) == 3


def _joined(
    world: World, first: Decision, second: Decision, apart: timedelta = timedelta(seconds=1)
) -> set[str]:
    """States of two patients' home-visit consents, joined by a third, online journey.

    It comes four days after the first, by a clock that is right.
    """
    began = world.clock.now()
    for card, decision, at in ((TAROS_CARD, first, began), (RENEWED, second, began + apart)):
        world.clock.moment = at
        world.register(card=card, decision=decision)
    _bind(world, RENEWED, TARO)
    world.clock.moment = began + timedelta(days=4)
    world.register(Channel.ONLINE, card=RENEWED, visit_date=VISIT_DAY + timedelta(days=4))
    (home,) = [row for row in world.rows(consent) if row["channel"] == Channel.HOME_VISIT]
    return {row["state"] for row in world.rows(consent_item) if row["consent_id"] == home["id"]}


@pytest.mark.parametrize(
    ("first", "second"), [(Decision.GRANT, Decision.REFUSE), (Decision.REFUSE, Decision.GRANT)]
)
def test_of_two_joined_states_the_later_stands(
    any_world: World, first: Decision, second: Decision
) -> None:
    assert _joined(any_world, first, second, timedelta(days=3)) == {second.value}
    assert any_world.count(consent_record) == 3


@pytest.mark.parametrize(
    "apart",
    [timedelta(seconds=1), timedelta(days=1), timedelta(days=5)],
    ids=["seconds", "a-day", "of-the-future"],
)
@pytest.mark.parametrize(
    ("first", "second"), [(Decision.GRANT, Decision.REFUSE), (Decision.REFUSE, Decision.GRANT)]
)
def test_where_the_clocks_cannot_say_which_is_later_the_refusal_stands(
    any_world: World, first: Decision, second: Decision, apart: timedelta
) -> None:
    assert _joined(any_world, first, second, apart) == {"refuse"}


def test_a_refusal_stands_against_a_consent_of_a_clock_that_was_ahead(any_world: World) -> None:
    """The consent came first; its clock was a day ahead."""
    assert _joined(any_world, Decision.GRANT, Decision.REFUSE, timedelta(days=-1)) == {"refuse"}


@pytest.mark.parametrize("is_doubted_between", [False, True])
def test_what_a_full_refusal_ended_does_not_come_back_by_a_third_card(
    any_world: World, is_doubted_between: bool
) -> None:
    third, began = Card.named("taro-third"), any_world.clock.now()
    any_world.register(card=third)
    any_world.change_settings(checkup=False)
    any_world.clock.moment = began + timedelta(days=5)
    any_world.register(card=TAROS_CARD, decision=Decision.REFUSE)
    visit = VISIT_DAY + timedelta(days=10)
    if is_doubted_between:
        any_world.clock.moment = began + timedelta(days=6)
        any_world.register(card=RENEWED)
        _bind(any_world, RENEWED, TARO)
        any_world.clock.moment = began + timedelta(days=10)
        any_world.register(Channel.ONLINE, RENEWED, visit_date=visit)
    any_world.clock.moment = began + timedelta(days=10, hours=1)
    _bind(any_world, third, TARO)
    any_world.register(Channel.ONLINE, third, visit_date=visit)
    (home,) = [row for row in any_world.rows(consent) if row["channel"] == Channel.HOME_VISIT]
    states = [row for row in any_world.rows(consent_item) if row["consent_id"] == home["id"]]
    assert {row["state"] for row in states} == {"refuse"}


@pytest.mark.parametrize("is_known_first", [True, False])
def test_a_later_refusal_of_medication_ends_clinical_when_joined(
    any_world: World, is_known_first: bool
) -> None:
    earlier, later = (TAROS_CARD, RENEWED) if is_known_first else (RENEWED, TAROS_CARD)
    any_world.register(card=earlier)
    any_world.change_settings(clinical=False, medication=True)
    any_world.register(card=later, decisions={ConsentItem.MEDICATION: Decision.REFUSE})
    _bind(any_world, RENEWED, TARO)
    any_world.change_settings(medication=False)
    any_world.register(card=RENEWED)
    assert len(_living(any_world)) == any_world.count(consent) == 1
    assert (_states(any_world)["clinical"], _states(any_world)["medication"]) == (
        "refuse",
        "refuse",
    )


def test_a_card_that_is_said_to_be_another_person_mixes_nobody(any_world: World) -> None:
    any_world.register()
    _bind(any_world, TAROS_CARD, HANAKO)
    any_world.register(decision=Decision.REFUSE)
    owners = {row["id"]: row["name"] for row in any_world.rows(patient)}
    held = {owners[row["patient_id"]]: row["id"] for row in any_world.rows(consent)}
    assert held.keys() == {TARO.name, HANAKO.name}
    states = {
        name: {row["state"] for row in any_world.rows(consent_item) if row["consent_id"] == own}
        for name, own in held.items()
    }
    assert states == {TARO.name: {"withdrawn"}, HANAKO.name: {"refuse"}}


def test_an_identity_stays_when_eligibility_is_away(any_world: World) -> None:
    any_world.register()

    class _Away:
        def find(self, subject_hashes: tuple[str, ...]) -> Insured | None:
            raise TimeoutError

    any_world.consent = any_world.service(any_world.database, eligibility=_Away())
    any_world.register(Channel.ONLINE, visit_date=VISIT_DAY)
    (row,) = any_world.rows(patient)
    assert (row["name"], row["birth_date"]) == (TARO.name, date(1941, 3, 3))
