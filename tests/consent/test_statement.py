"""From answers to the document: exactly what is asked, in the words that are shown."""

from datetime import UTC, timedelta

import pytest

from tests.consent.world import VISIT_DAY, World
from zaitaku.consent.errors import MalformedDocument
from zaitaku.consent.model import ConsentItem, Decision, Operator
from zaitaku.consent.questions import questions_for
from zaitaku.core.errors import ZaitakuError
from zaitaku.core.ids import JourneyId
from zaitaku.core.languages import Language
from zaitaku.core.ruby import plain
from zaitaku.facilities.model import Channel
from zaitaku.wire import CardRequest, Shown

ALL = {
    ConsentItem.SURGERY: Decision.GRANT,
    ConsentItem.CLINICAL: Decision.REFUSE,
    ConsentItem.CHECKUP: Decision.GRANT,
    ConsentItem.SPECIFIC_DISEASE: Decision.REFUSE,
    ConsentItem.HIGH_COST_LIMIT: Decision.GRANT,
}


def test_the_document_says_what_was_answered(world: World) -> None:
    document = world.document(Channel.ONLINE, decisions=ALL)
    assert {answer.item: answer.decision for answer in document.decisions} == ALL
    assert [answer.item for answer in document.decisions] == [
        question.item for question in questions_for(world.facility.settings)
    ]
    assert document.facility_code == world.facility.code
    assert document.facility_name == "みどり坂クリニック"
    assert document.visit_date == VISIT_DAY
    assert document.stated_at == world.clock.now()
    assert document.stated_at.tzinfo is UTC


def test_a_fraction_of_a_second_is_left_out(world: World) -> None:
    world.clock.advance(timedelta(milliseconds=750))
    assert world.document().stated_at == world.clock.now() - timedelta(milliseconds=750)


@pytest.mark.parametrize("language", Language)
def test_the_bridge_accepts_the_lines_that_belong_to_the_document(
    world: World, language: Language
) -> None:
    document = world.document(decisions=ALL, language=language)
    choices = world.consent.choices(document)
    request = CardRequest(
        origin="https://zaitaku.example",
        challenge="c",
        nonce="00" * 32,
        issued_at=0,
        expires_at=600,
        document=document.canonical(),
        choices=choices,
        language=language,
        return_path="/j/x/card/return",
    )
    assert request.check_document() == Shown(
        facility=document.facility_name,
        channel=document.channel.value,
        visit_date=document.visit_date,
        operator=document.operator.value,
        language=language.value,
    )
    assert [choice.granted for choice in choices] == [True, False, True, False, True]
    assert not any("{" in choice.wording for choice in choices)
    has_readings = language is Language.EASY_JAPANESE
    for choice in choices:
        assert bool(choice.marked) is has_readings
        assert plain(choice.marked or choice.wording) == choice.wording


def _without(item: ConsentItem) -> dict[ConsentItem, Decision]:
    return {other: decision for other, decision in ALL.items() if other is not item}


@pytest.mark.parametrize(
    "decisions",
    [
        {},
        _without(ConsentItem.CHECKUP),
        {**ALL, ConsentItem.MEDICATION: Decision.GRANT},
        {**_without(ConsentItem.CLINICAL), ConsentItem.MEDICATION: Decision.GRANT},
    ],
)
def test_decisions_answer_exactly_the_questions(
    world: World, decisions: dict[ConsentItem, Decision]
) -> None:
    with pytest.raises(MalformedDocument, match="decisions"):
        world.consent.state(
            journey=JourneyId("j"),
            context=world.context(Channel.HOME_VISIT),
            language=Language.JAPANESE,
            operator=Operator.SELF,
            visit_date=None,
            decisions=decisions,
        )


@pytest.mark.parametrize("channel", Channel)
def test_the_day_is_given_online_and_only_there(world: World, channel: Channel) -> None:
    with pytest.raises(MalformedDocument, match="visit_date"):
        world.consent.state(
            journey=JourneyId("j"),
            context=world.context(channel),
            language=Language.JAPANESE,
            operator=Operator.SELF,
            visit_date=None if channel is Channel.ONLINE else VISIT_DAY,
            decisions=ALL,
        )


def test_chart_sharing_changes_the_words_that_are_signed(world: World) -> None:
    world.change_settings(chart_sharing=True)
    wordings = {answer.item: answer.wording.id for answer in world.document().decisions}
    assert wordings[ConsentItem.SURGERY] == "surgery-with-chart"
    assert wordings[ConsentItem.CHECKUP] == "checkup"


def test_failures_have_public_codes() -> None:
    assert issubclass(MalformedDocument, ZaitakuError)
    assert (MalformedDocument("x").code, MalformedDocument("x").part) == ("malformed-document", "x")
