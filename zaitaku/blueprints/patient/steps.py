"""The wizard's steps as data: what each needs, when it applies, when it is done.

Every page asks here whether it may be shown, so no order of requests gets past an open question.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final, Protocol

from zaitaku.blueprints.patient.journey import ChoiceMode, Journey, Preparation
from zaitaku.blueprints.patient.visit_dates import is_bookable
from zaitaku.consent.model import ConsentItem, Decision, Question, Wording
from zaitaku.consent.wording import NOTICE_ID
from zaitaku.core.languages import Language
from zaitaku.facilities.model import Channel
from zaitaku.reception.model import ReceptionContext

WordingOf = Callable[[str, Language], Wording]


class StepName(StrEnum):
    """The pages of the wizard; the value is the endpoint."""

    CARD_AT_HAND = "prepare"
    PIN = "prepare_pin"
    READER = "prepare_reader"
    OPERATOR = "operator"
    VISIT = "visit"
    NOTICE = "notice"
    CHOOSE = "choose"
    ITEMS = "items"
    CHECK = "check"
    CARD = "card"


class Answers(Protocol):
    """What tells the way from page to page."""

    @property
    def journey(self) -> Journey: ...

    @property
    def channel(self) -> Channel: ...

    @property
    def today(self) -> date: ...

    @property
    def asked(self) -> tuple[ConsentItem, ...]:
        """The items that are asked, in their order."""
        ...


@dataclass(frozen=True)
class Told:
    """What a journey tells by itself: enough to lead on, not to show or to register anything."""

    journey: Journey
    channel: Channel
    today: date

    @property
    def asked(self) -> tuple[ConsentItem, ...]:
        """The items that the patient was shown."""
        return self.journey.shown


@dataclass(frozen=True)
class Situation:
    """A journey together with what decides about its steps."""

    journey: Journey
    context: ReceptionContext
    questions: tuple[Question, ...]
    today: date
    wording_of: WordingOf

    def revision(self, language: Language) -> str:
        """Return a short digest of all answers and of the words that they were made on.

        The notice on 資格確認 is among the words: the document names it, so a notice that changes
        after the check page was confirmed brings the patient back to that page, which shows it.
        """
        visit = self.journey.visit
        parts = [
            str(self.journey.operator),
            f"{visit.kind} {visit.day}" if visit else "",
            self.journey.noticed,
            self.wording_of(NOTICE_ID, language).ref.sha256,
            *(self._line(question, language) for question in self.questions),
        ]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]

    def _line(self, question: Question, language: Language) -> str:
        wording = self.wording_of(question.wording_id, language)
        return f"{question.item} {wording.ref.sha256} {self.journey.decision_of(question.item)}"

    @property
    def decisions(self) -> dict[ConsentItem, Decision]:
        """The answers to what is asked."""
        asked = ((q.item, self.journey.decision_of(q.item)) for q in self.questions)
        return {item: decision for item, decision in asked if decision}

    @property
    def channel(self) -> Channel:
        """The channel on which the journey began."""
        return self.context.channel

    @property
    def asked(self) -> tuple[ConsentItem, ...]:
        """The items that the facility asks now."""
        return tuple(question.item for question in self.questions)


def undecided(answers: Answers) -> tuple[ConsentItem, ...]:
    """Return the items that are asked and have no answer yet."""
    return tuple(item for item in answers.asked if answers.journey.decision_of(item) is None)


def _always(_: Answers) -> bool:
    return True


def _has(part: Preparation) -> Callable[[Situation], bool]:
    return lambda situation: part in situation.journey.prepared


def _has_visit(answers: Answers) -> bool:
    visit = answers.journey.visit
    return visit is not None and is_bookable(visit.day, answers.today)


def _asks_visit(answers: Answers) -> bool:
    if answers.channel is not Channel.ONLINE:
        return False
    visit = answers.journey.visit
    return not (visit and visit.fixed and _has_visit(answers))


def _asks_each(answers: Answers) -> bool:
    return answers.journey.mode is ChoiceMode.EACH or bool(undecided(answers))


def _is_checked(situation: Situation) -> bool:
    journey = situation.journey
    return journey.checked == situation.revision(journey.checked_language)


@dataclass(frozen=True)
class Step:
    """One step; ``needs`` names the steps that must be done before its page is shown.

    A step that does not apply is closed, unless ``opens_off_the_way``: single answers may be
    changed after a shortcut too.
    """

    name: StepName
    needs: tuple[StepName, ...]
    is_done: Callable[[Situation], bool]
    applies: Callable[[Answers], bool] = _always
    opens_off_the_way: bool = False


STEPS: Final = (
    Step(StepName.CARD_AT_HAND, (), _has(Preparation.CARD)),
    Step(StepName.PIN, (StepName.CARD_AT_HAND,), _has(Preparation.PIN)),
    Step(StepName.READER, (StepName.PIN,), _has(Preparation.READER)),
    Step(StepName.OPERATOR, (StepName.READER,), lambda s: s.journey.operator is not None),
    Step(StepName.VISIT, (StepName.OPERATOR,), _has_visit, _asks_visit),
    Step(StepName.NOTICE, (StepName.OPERATOR, StepName.VISIT), lambda s: bool(s.journey.noticed)),
    Step(StepName.CHOOSE, (StepName.NOTICE,), lambda s: s.journey.mode is not None),
    Step(
        StepName.ITEMS,
        (StepName.CHOOSE,),
        lambda s: not undecided(s),
        _asks_each,
        opens_off_the_way=True,
    ),
    Step(StepName.CHECK, (StepName.CHOOSE, StepName.ITEMS), _is_checked),
    Step(StepName.CARD, (StepName.CHECK,), lambda s: bool(s.journey.registered)),
)
BY_NAME: Final[Mapping[StepName, Step]] = {step.name: step for step in STEPS}
_PLACES: Final = {step.name: place for place, step in enumerate(STEPS)}


def is_open(name: StepName, situation: Situation) -> bool:
    """Tell whether ``name`` is asked here, and all that it needs is done, all the way down."""
    step = BY_NAME[name]
    is_asked = step.opens_off_the_way or step.applies(situation)
    return is_asked and _is_reached(step, situation)


def first_open(situation: Situation) -> StepName:
    """Return the first step that waits for an answer."""
    for step in STEPS:
        if not _is_settled(step, situation):
            return step.name
    return StepName.CARD


def after(name: StepName, answers: Answers) -> StepName:
    """Return the step that follows ``name``, whether or not it was answered before."""
    later = STEPS[_PLACES[name] + 1 :]
    return next((step.name for step in later if step.applies(answers)), name)


def before(name: StepName, situation: Situation) -> StepName | None:
    """Return the step that goes before ``name``; ``None`` at the first."""
    earlier = reversed(STEPS[: _PLACES[name]])
    return next((step.name for step in earlier if step.applies(situation)), None)


def _is_reached(step: Step, situation: Situation) -> bool:
    needed = [BY_NAME[name] for name in step.needs]
    return all(_is_reached(one, situation) and _is_settled(one, situation) for one in needed)


def _is_settled(step: Step, situation: Situation) -> bool:
    return not step.applies(situation) or step.is_done(situation)
