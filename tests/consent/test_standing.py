"""What a facility may see now: the present state, and how a full refusal ends it."""

from datetime import timedelta
from itertools import combinations
from typing import Unpack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.consent.world import TARO, TAROS_CARD, VISIT_DAY, Card, Told, World
from zaitaku.consent.model import ConsentItem, ConsentState, Decision, Standing
from zaitaku.consent.state import implied_decisions, withdrawn_by
from zaitaku.consent.tables import consent, consent_item, consent_record, patient
from zaitaku.core.ids import JourneyId
from zaitaku.core.languages import Language
from zaitaku.eligibility.sandbox import SandboxEligibility
from zaitaku.facilities.model import Channel

RENEWED = Card.named("taro-renewed")
decisions = st.dictionaries(
    st.sampled_from(ConsentItem), st.sampled_from(Decision), min_size=1
).filter(lambda stated: not {ConsentItem.CLINICAL, ConsentItem.MEDICATION} <= set(stated))

states = st.dictionaries(st.sampled_from(ConsentItem), st.sampled_from(ConsentState))


def _standing(
    world: World, channel: Channel = Channel.HOME_VISIT, **told: Unpack[Told]
) -> Standing:
    world.clock.advance(timedelta(seconds=1))
    document = world.document(channel, **told)
    world.consent.register(world.sign(document))
    found = world.consent.standing_of(document.journey)
    assert found is not None
    return found


def _lines(standing: Standing) -> dict[str, tuple[str, bool]]:
    return {line.item: (line.decision, line.was_asked) for line in standing.lines}


def _journey(world: World, standing: Standing) -> JourneyId:
    rows = world.rows(consent_record)
    reference = standing.receipt.reference
    return next(JourneyId(row["journey"]) for row in rows if row["reference"] == reference)


def _states(world: World) -> set[str]:
    return {row["state"] for row in world.rows(consent_item)}


@given(decisions, states)
def test_after_a_full_refusal_nothing_is_granted(
    stated: dict[ConsentItem, Decision], standing: dict[str, ConsentState]
) -> None:
    after: dict[str, str] = dict(standing)
    for effects in (withdrawn_by(stated, standing), implied_decisions(stated)):
        after.update((item.value, decision) for item, decision in effects.items())
    if all(decision is Decision.REFUSE for decision in stated.values()):
        assert set(after.values()) <= {ConsentState.REFUSE, ConsentState.WITHDRAWN}
    assert all(after[item] is decision for item, decision in stated.items())


@given(decisions, states)
def test_nothing_that_was_not_asked_is_ever_granted(
    stated: dict[ConsentItem, Decision], standing: dict[str, ConsentState]
) -> None:
    assert set(withdrawn_by(stated, standing).values()) <= {Decision.REFUSE}


def test_a_full_refusal_ends_what_was_not_asked(any_world: World) -> None:
    any_world.register()
    any_world.change_settings(surgery=False)
    standing = _standing(any_world, decision=Decision.REFUSE)
    assert _states(any_world) == {"refuse"}
    assert standing.is_empty
    assert all(line.was_asked for line in standing.lines)
    surgery = next(row for row in any_world.rows(consent_item) if row["item"] == "surgery")
    assert surgery["since"] == standing.receipt.recorded_at


def test_a_full_refusal_ends_nothing_elsewhere(any_world: World) -> None:
    any_world.register(Channel.ONLINE)
    any_world.register(Channel.ONLINE, visit_date=VISIT_DAY + timedelta(days=7))
    any_world.register(facility=any_world.other)
    before = any_world.count(consent_item)
    any_world.register(decision=Decision.REFUSE)
    granted = [row for row in any_world.rows(consent_item) if row["state"] == "grant"]
    assert len(granted) == before


def test_an_earlier_grant_that_was_not_asked_is_named(any_world: World) -> None:
    any_world.register()
    any_world.change_settings(surgery=False)
    standing = _standing(any_world, decisions={ConsentItem.CHECKUP: Decision.REFUSE})
    assert _lines(standing) == {
        "clinical": ("grant", True),
        "checkup": ("refuse", True),
        "specific-disease": ("grant", True),
        "high-cost-limit": ("grant", True),
        "surgery": ("grant", False),
    }
    assert not standing.is_empty


@pytest.mark.parametrize("language", list(Language))
def test_it_is_named_in_the_language_of_the_receipt(world: World, language: Language) -> None:
    world.register()
    world.change_settings(surgery=False)
    standing = _standing(world, language=language)
    assert standing.lines[-1].label == world.wordings.current("surgery", language).label


@pytest.mark.parametrize("setting", ["clinical", "medication"])
def test_clinical_and_medication_are_one_line_when_neither_is_asked(
    world: World, setting: str
) -> None:
    world.change_settings(**{"clinical": False, "medication": False, setting: True})
    world.register()
    world.change_settings(clinical=False, medication=False)
    unasked = [line.item for line in _standing(world).lines if not line.was_asked]
    assert unasked == [setting]


def test_clinical_is_named_beside_medication_that_was_asked(world: World) -> None:
    world.register()
    world.change_settings(clinical=False, medication=True)
    assert _lines(_standing(world))["clinical"] == ("grant", False)


def test_what_another_journey_changed_since_is_shown_as_it_stands(any_world: World) -> None:
    document = any_world.document()
    any_world.consent.register(any_world.sign(document))
    any_world.register(decisions={ConsentItem.SURGERY: Decision.REFUSE})
    standing = any_world.consent.standing_of(document.journey)
    assert standing is not None
    assert _lines(standing)["surgery"] == ("refuse", True)
    assert {line.decision for line in standing.receipt.lines} == {Decision.GRANT}


def test_each_place_has_a_standing_of_its_own(any_world: World) -> None:
    places: list[tuple[Channel, Told]] = [
        (Channel.HOME_VISIT, {}),
        (Channel.ONLINE, {}),
        (Channel.ONLINE, {"visit_date": VISIT_DAY + timedelta(days=7)}),
        (Channel.HOME_VISIT, {"facility": any_world.other}),
    ]
    for (mine, my_place), (other, other_place) in combinations(places, 2):
        granted = _standing(any_world, other, **other_place)
        refusing: Told = {**my_place, "decision": Decision.REFUSE}
        assert _standing(any_world, mine, **refusing).is_empty
        assert any_world.consent.standing_of(_journey(any_world, granted)) == granted


def test_an_unknown_journey_stands_nowhere(world: World) -> None:
    assert world.consent.standing_of(JourneyId("never-registered")) is None


@pytest.mark.parametrize("is_known_first", [True, False])
@pytest.mark.parametrize("is_full", [True, False])
def test_a_later_full_refusal_ends_earlier_grants_when_joined(
    any_world: World, is_known_first: bool, is_full: bool
) -> None:
    earlier, later = (TAROS_CARD, RENEWED) if is_known_first else (RENEWED, TAROS_CARD)
    any_world.register(card=earlier)
    any_world.change_settings(surgery=False)
    kept: dict[ConsentItem, Decision]
    kept = {} if is_full else {ConsentItem.CHECKUP: Decision.GRANT}
    any_world.register(card=later, decision=Decision.REFUSE, decisions=kept)
    SandboxEligibility(any_world.database).bind(RENEWED.subject_hashes[0], TARO)
    any_world.register(Channel.ONLINE, card=RENEWED)
    (home,) = [row for row in any_world.rows(consent) if row["channel"] == Channel.HOME_VISIT]
    states = {
        row["item"]: row["state"]
        for row in any_world.rows(consent_item)
        if row["consent_id"] == home["id"]
    }
    assert states["surgery"] == ("refuse" if is_full else "grant")
    assert (set(states.values()) == {"refuse"}) == is_full
    living = [row for row in any_world.rows(patient) if row["joined_into"] is None]
    assert len(living) == 1
