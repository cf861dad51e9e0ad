"""The wizard's steps as data: what each needs, when it applies, when it is done.

Every page asks here whether it may be shown, so no order of requests gets past an open question.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final

from zaitaku.blueprints.patient.background import Background
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


@dataclass(frozen=True)
class Situation:
    """A journey together with what decides about its steps."""

    journey: Journey
    background: Background
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
            self.background.name,
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
    def questions(self) -> tuple[Question, ...]:
        """What is asked, in its order."""
        return self.background.questions

    @property
    def channel(self) -> Channel:
        """The channel on which the journey began."""
        return self.background.channel

    @property
    def asked(self) -> tuple[ConsentItem, ...]:
        """The items that are asked, in their order."""
        return self.background.asked


@dataclass(frozen=True)
class PresentSituation(Situation):
    """A situation of which the facility and its URL were asked just now: it may decide."""

    context: ReceptionContext


def undecided(situation: Situation) -> tuple[ConsentItem, ...]:
    """Return the items that are asked and have no answer yet."""
    return tuple(item for item in situation.asked if situation.journey.decision_of(item) is None)


def _always(_: Situation) -> bool:
    return True


def _has(part: Preparation) -> Callable[[Situation], bool]:
    return lambda situation: part in situation.journey.prepared


def _has_visit(situation: Situation) -> bool:
    visit = situation.journey.visit
    return visit is not None and is_bookable(visit.day, situation.today)


def _asks_visit(situation: Situation) -> bool:
    if situation.channel is not Channel.ONLINE:
        return False
    visit = situation.journey.visit
    return not (visit and visit.fixed and _has_visit(situation))


def _asks_each(situation: Situation) -> bool:
    return situation.journey.mode is ChoiceMode.EACH or bool(undecided(situation))


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
    applies: Callable[[Situation], bool] = _always
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


def _way_to(name: StepName) -> Iterator[Step]:
    for needed in BY_NAME[name].needs:
        yield from _way_to(needed)
        yield BY_NAME[needed]


_BEFORE: Final = {name: tuple(dict.fromkeys(_way_to(name))) for name in StepName}
"""The steps that must be settled before a page is shown, all the way down."""


def is_open(name: StepName, situation: Situation) -> bool:
    """Tell whether ``name`` is asked here, and all that it needs is done, all the way down."""
    step = BY_NAME[name]
    if not (step.opens_off_the_way or step.applies(situation)):
        return False
    return _unsettled(_BEFORE[name], situation) is None


def first_open(situation: Situation) -> StepName:
    """Return the first step that waits for an answer."""
    return _unsettled(STEPS, situation) or StepName.CARD


def _unsettled(steps: Iterable[Step], situation: Situation) -> StepName | None:
    for step in steps:
        if not step.is_done(situation) and step.applies(situation):
            return step.name
    return None


def after(name: StepName, situation: Situation) -> StepName:
    """Return the step that follows ``name``, whether or not it was answered before."""
    later = STEPS[_PLACES[name] + 1 :]
    return next((step.name for step in later if step.applies(situation)), name)


def before(name: StepName, situation: Situation) -> StepName | None:
    """Return the step that goes before ``name``; ``None`` at the first."""
    earlier = reversed(STEPS[: _PLACES[name]])
    return next((step.name for step in earlier if step.applies(situation)), None)
