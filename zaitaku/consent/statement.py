"""From a patient's answers to the document that the card signs, and to the words around it."""

from collections.abc import Mapping
from datetime import date, datetime

from zaitaku.consent.document import ConsentDocument, whole_second
from zaitaku.consent.errors import MalformedDocument
from zaitaku.consent.model import Answer, ConsentItem, Decision, Operator, Question
from zaitaku.consent.questions import questions_for
from zaitaku.consent.wording import Wordings
from zaitaku.core.ids import JourneyId
from zaitaku.core.languages import Language
from zaitaku.reception.model import ReceptionContext
from zaitaku.wire import Choice


def compose_document(
    *,
    journey: JourneyId,
    context: ReceptionContext,
    language: Language,
    operator: Operator,
    visit_date: date | None,
    decisions: Mapping[ConsentItem, Decision],
    wordings: Wordings,
    stated_at: datetime,
) -> ConsentDocument:
    """Return the consent document of these answers, under the wordings that are shown now.

    Raises:
        MalformedDocument: the decisions do not answer exactly what the facility asks, or the
            channel and the 受診日 do not fit.
    """
    questions = questions_for(context.facility.settings)
    if {question.item for question in questions} != decisions.keys():
        raise MalformedDocument("decisions")
    return ConsentDocument(
        journey=journey,
        facility_code=context.facility.code,
        facility_name=context.facility.name,
        channel=context.channel,
        url_version=context.version.id,
        visit_date=visit_date,
        language=language,
        operator=operator,
        stated_at=whole_second(stated_at),
        notice=wordings.notice(language).ref,
        decisions=tuple(
            _answer(question, decisions[question.item], language, wordings)
            for question in questions
        ),
    )


def choices_of(document: ConsentDocument, wordings: Wordings) -> tuple[Choice, ...]:
    """Return what the bridge shows of a document: exactly what its digests stand for."""
    return tuple(_choice(answer, wordings) for answer in document.decisions)


def check_wordings(document: ConsentDocument, wordings: Wordings) -> None:
    """Compare every wording that a document names with what was published.

    Raises:
        UnknownWording: a text was never published, or has another digest.
    """
    for ref in (document.notice, *(answer.wording for answer in document.decisions)):
        wordings.published(ref)


def _answer(
    question: Question, decision: Decision, language: Language, wordings: Wordings
) -> Answer:
    return Answer(question.item, wordings.current(question.wording_id, language).ref, decision)


def _choice(answer: Answer, wordings: Wordings) -> Choice:
    wording = wordings.published(answer.wording)
    marked = "\n".join((wording.question, *wording.explanation))
    return Choice(
        item=answer.item.value,
        wording=wording.text,
        granted=answer.decision is Decision.GRANT,
        marked="" if marked == wording.text else marked,
    )
