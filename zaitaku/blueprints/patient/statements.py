"""From the answers to what the card signs, and to the words that the bridge shows for it."""

from datetime import datetime

from zaitaku import wire
from zaitaku.blueprints.patient.steps import Situation
from zaitaku.consent.document import ConsentDocument, whole_second
from zaitaku.consent.model import Answer, Decision, Question, Wording
from zaitaku.consent.wording import NOTICE_ID
from zaitaku.core.errors import Conflict
from zaitaku.core.ruby import plain


def document_of(situation: Situation, stated_at: datetime) -> ConsentDocument:
    """Return the statement that the confirmed answers make.

    Raises:
        Conflict: an answer is missing (the steps' prerequisites do not let it come to this).
    """
    journey, facility = situation.journey, situation.context.facility
    if journey.operator is None:
        raise Conflict("no operator")
    return ConsentDocument(
        journey=journey.id,
        facility_code=facility.code,
        facility_name=facility.name,
        channel=situation.context.channel,
        url_version=journey.version,
        visit_date=journey.visit.day if journey.visit else None,
        language=journey.checked_language,
        operator=journey.operator,
        stated_at=whole_second(stated_at),
        notice=situation.wording_of(NOTICE_ID, journey.checked_language).ref,
        decisions=tuple(_answer(situation, question) for question in situation.questions),
    )


def choices_of(situation: Situation) -> tuple[wire.Choice, ...]:
    """Return what the bridge shows: the same texts and answers as the document names."""
    return tuple(_choice(situation, question) for question in situation.questions)


def _answer(situation: Situation, question: Question) -> Answer:
    return Answer(
        question.item, _wording(situation, question).ref, _decision(situation, question)
    )


def _choice(situation: Situation, question: Question) -> wire.Choice:
    wording = _wording(situation, question)
    return wire.Choice(
        item=question.item.value,
        label=plain(wording.label),
        wording=wording.text,
        granted=_decision(situation, question) is Decision.GRANT,
    )


def _wording(situation: Situation, question: Question) -> Wording:
    return situation.wording_of(question.wording_id, situation.journey.checked_language)


def _decision(situation: Situation, question: Question) -> Decision:
    decision = situation.journey.decision_of(question.item)
    if decision is None:
        raise Conflict("an item is undecided")
    return decision
