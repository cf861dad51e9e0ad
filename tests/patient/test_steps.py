"""The steps' prerequisites, as a pure rule."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zaitaku.blueprints.patient.background import Background
from zaitaku.blueprints.patient.journey import (
    ITEM_PREFIX,
    ChoiceMode,
    Journey,
    Preparation,
    Visit,
    VisitKind,
    mode_fields,
    visit_fields,
)
from zaitaku.blueprints.patient.steps import (
    BY_NAME,
    STEPS,
    Situation,
    StepName,
    after,
    before,
    first_open,
    is_open,
)
from zaitaku.consent.model import ConsentItem, Decision, Operator, Wording
from zaitaku.consent.wording import NOTICE_ID, Wordings
from zaitaku.core.ids import FacilityId, JourneyId, UrlVersionId
from zaitaku.core.languages import Language
from zaitaku.facilities.model import Channel, EnvironmentSettings, Facility, InstitutionCode
from zaitaku.reception.model import Handle, ReceptionContext, UrlVersion

TODAY = date(2026, 11, 20)
VERSION = UUID(int=1)
MOMENT = datetime(2026, 11, 20, 1, tzinfo=UTC)
WORDINGS = Wordings.load()
SETTINGS = EnvironmentSettings(surgery=True, home_visit=True, online=True)

_ANSWERS: dict[str, list[str]] = {
    **{part: ["", "yes"] for part in Preparation},
    "operator": ["", *Operator],
    "noticed": ["", "yes"],
    "mode": ["", *ChoiceMode],
    **{ITEM_PREFIX + item: ["", *Decision] for item in ConsentItem},
    "checked": ["", "revision", "current"],
}
answers = st.fixed_dictionaries({name: st.sampled_from(kept) for name, kept in _ANSWERS.items()})
visits = st.none() | st.builds(
    Visit,
    st.sampled_from(VisitKind),
    st.dates(TODAY - timedelta(days=3), TODAY + timedelta(days=800)),
    st.booleans(),
)


def situation(
    fields: dict[str, str],
    channel: Channel = Channel.HOME_VISIT,
    settings: EnvironmentSettings = SETTINGS,
) -> Situation:
    """Return the situation of a journey with ``fields``; ``checked=current`` is the right one."""
    facility = Facility(
        id=FacilityId(UUID(int=2)),
        code=InstitutionCode("1312345670"),
        registered_name="みどり坂クリニック",
        phone="03-0000-1234",
        hours="",
        settings=settings,
        settings_version=1,
        created_at=MOMENT,
    )
    version = UrlVersion(
        UrlVersionId(VERSION), facility.id, channel, 1, Handle("12345678901"), None, MOMENT
    )
    journey = Journey.from_fields(JourneyId("journey"), {"version": str(VERSION), **fields})
    found = Situation(
        journey=journey,
        background=Background.of(ReceptionContext(facility, channel, version, is_current=True)),
        today=TODAY,
        wording_of=WORDINGS.current,
    )
    if fields.get("checked") != "current":
        return found
    revision = found.revision(journey.checked_language)
    return replace(found, journey=replace(journey, checked=revision))


def complete(channel: Channel) -> dict[str, str]:
    """Return the fields of a journey that is ready for the card."""
    visit = visit_fields(Visit(VisitKind.ONLINE, TODAY)) if channel is Channel.ONLINE else {}
    return {
        **dict.fromkeys(Preparation, "yes"),
        "operator": "self",
        "noticed": "yes",
        **mode_fields(ChoiceMode.ALL, ConsentItem),
        "checked": "current",
        **visit,
    }


@settings(deadline=None)
@given(answers, visits, st.sampled_from(Channel))
def test_the_card_is_reached_only_with_everything_answered(
    fields: dict[str, str], visit: Visit | None, channel: Channel
) -> None:
    given_fields = fields | (visit_fields(visit) if visit else {})
    found = situation(given_fields, channel)
    journey = found.journey
    if not is_open(StepName.CARD, found):
        return
    assert journey.prepared == frozenset(Preparation)
    assert journey.operator is not None
    assert journey.noticed
    assert set(found.decisions) == {question.item for question in found.questions}
    assert journey.checked == found.revision(journey.checked_language)
    if channel is Channel.ONLINE:
        assert journey.visit is not None
        assert TODAY <= journey.visit.day <= TODAY + timedelta(days=366)


@pytest.mark.parametrize("channel", list(Channel))
def test_a_complete_journey_reaches_the_card(channel: Channel) -> None:
    assert is_open(StepName.CARD, situation(complete(channel), channel))


@pytest.mark.parametrize("channel", list(Channel))
@pytest.mark.parametrize("missing", ["card", "pin", "reader", "operator", "noticed", "mode"])
def test_one_missing_answer_closes_the_card(channel: Channel, missing: str) -> None:
    found = situation(complete(channel) | {missing: ""}, channel)
    assert not is_open(StepName.CARD, found)
    assert first_open(found) is not StepName.CARD


def test_no_visit_closes_the_card_on_the_online_channel_only() -> None:
    fields = complete(Channel.HOME_VISIT)
    assert is_open(StepName.CARD, situation(fields, Channel.HOME_VISIT))
    online = situation(fields, Channel.ONLINE)
    assert not is_open(StepName.CARD, online)
    assert first_open(online) is StepName.VISIT


@settings(deadline=None)
@given(answers, visits, st.sampled_from(Channel), st.sampled_from(StepName))
def test_only_steps_that_are_asked_are_open(
    fields: dict[str, str], visit: Visit | None, channel: Channel, name: StepName
) -> None:
    found = situation(fields | (visit_fields(visit) if visit else {}), channel)
    if is_open(name, found) and name is not StepName.ITEMS:
        assert BY_NAME[name].applies(found)


@pytest.mark.parametrize("mode", list(ChoiceMode))
def test_single_answers_are_open_after_a_shortcut_too(mode: ChoiceMode) -> None:
    fields = complete(Channel.HOME_VISIT) | mode_fields(mode, list(ConsentItem))
    assert is_open(StepName.ITEMS, situation(fields))


@settings(deadline=None)
@given(answers, visits, st.sampled_from(Channel))
def test_the_first_open_step_may_always_be_shown(
    fields: dict[str, str], visit: Visit | None, channel: Channel
) -> None:
    found = situation(fields | (visit_fields(visit) if visit else {}), channel)
    assert is_open(first_open(found), found)


@settings(deadline=None)
@given(answers, st.sampled_from(Channel))
def test_after_and_before_are_each_others_reverse(fields: dict[str, str], channel: Channel) -> None:
    found = situation(fields, channel)
    applying = [step.name for step in STEPS if step.applies(found)]
    for name in applying[:-1]:
        assert before(after(name, found), found) is name
    assert before(applying[0], found) is None


def test_a_fixed_visit_is_not_asked_until_its_day_is_over() -> None:
    fixed = visit_fields(Visit(VisitKind.ONLINE, TODAY, fixed=True))
    over = visit_fields(Visit(VisitKind.ONLINE, TODAY - timedelta(days=1), fixed=True))
    ready = complete(Channel.ONLINE)
    assert not is_open(StepName.VISIT, situation(ready | fixed, Channel.ONLINE))
    assert is_open(StepName.VISIT, situation(ready | over, Channel.ONLINE))
    assert after(StepName.OPERATOR, situation(ready | fixed, Channel.ONLINE)) is StepName.NOTICE
    assert first_open(situation(ready | over, Channel.ONLINE)) is StepName.VISIT


@settings(deadline=None)
@given(st.sampled_from(ConsentItem), st.sampled_from(Decision))
def test_an_answer_of_its_own_goes_before_the_shortcut(
    item: ConsentItem, decision: Decision
) -> None:
    found = situation({**mode_fields(ChoiceMode.ALL, ConsentItem), ITEM_PREFIX + item: decision})
    assert found.journey.decision_of(item) is decision


def test_a_shortcut_takes_the_place_of_earlier_answers() -> None:
    fields = {
        ITEM_PREFIX + ConsentItem.SURGERY: "grant",
        **mode_fields(ChoiceMode.NONE, ConsentItem),
    }
    assert situation(fields).journey.decision_of(ConsentItem.SURGERY) is Decision.REFUSE


def test_the_revision_changes_with_every_answer_the_settings_and_the_language() -> None:
    ready = complete(Channel.ONLINE)
    base = situation(ready, Channel.ONLINE)
    other_settings = replace(SETTINGS, specific_disease=False)
    others = [
        situation(ready | {"operator": "companion"}, Channel.ONLINE),
        situation(ready | {ITEM_PREFIX + "surgery": "refuse"}, Channel.ONLINE),
        situation(
            ready | visit_fields(Visit(VisitKind.ONLINE, TODAY + timedelta(days=1))),
            Channel.ONLINE,
        ),
        situation(ready, Channel.ONLINE, other_settings),
    ]
    revisions = {found.revision(Language.JAPANESE) for found in (base, *others)}
    revisions |= {base.revision(language) for language in Language}
    assert len(revisions) == len(others) + len(Language)


def test_the_revision_changes_with_the_notice() -> None:
    base = situation(complete(Channel.HOME_VISIT))

    def wording_of(wording_id: str, language: Language) -> Wording:
        found = WORDINGS.current(wording_id, language)
        if wording_id != NOTICE_ID:
            return found
        return replace(found, ref=replace(found.ref, version=2, sha256="0" * 64))

    changed = replace(base, wording_of=wording_of)
    assert is_open(StepName.CARD, base)
    assert not is_open(StepName.CARD, changed)
    assert first_open(changed) is StepName.CHECK
