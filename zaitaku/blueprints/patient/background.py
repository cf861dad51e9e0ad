"""What a journey keeps in mind of its facility, so that pages which decide nothing ask nobody.

It is what the pages of the questions, and of the card, show and ask, as it was when somebody last
looked: at the start, on the page of the choice, on the check page, when a card was asked for.
Whatever decides looks anew (ADR 60).
"""

import json
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Final, Self

from zaitaku.consent.model import ConsentItem, Question
from zaitaku.consent.questions import questions_for, wording_ids
from zaitaku.facilities.model import Channel
from zaitaku.reception.model import Handle, ReceptionContext

FIELD: Final = "background"
"""Where a journey's entry keeps it."""
_REMEMBERED: Final = 256
"""Texts that need not be read again; they hold nothing of a patient."""


@dataclass(frozen=True)
class Background:
    """Who asks, and what."""

    name: str
    """The facility's, as patients see it."""
    phone: str
    dial: str
    hours: str
    channel: Channel
    handle: Handle
    """Of the URL on which the journey began."""
    questions: tuple[Question, ...]

    @classmethod
    def of(cls, context: ReceptionContext) -> Self:
        """Return what is to be kept in mind of a facility that was just looked at."""
        facility = context.facility
        return cls(
            name=facility.name,
            phone=facility.phone,
            dial=facility.dial,
            hours=facility.hours,
            channel=context.channel,
            handle=context.version.handle,
            questions=questions_for(facility.settings),
        )

    @cached_property
    def asked(self) -> tuple[ConsentItem, ...]:
        """The items that are asked, in their order."""
        return tuple(question.item for question in self.questions)

    def text(self) -> str:
        """Return what ``read`` reads."""
        questions = [[question.item, question.wording_id] for question in self.questions]
        who = [self.name, self.phone, self.dial, self.hours]
        return json.dumps([*who, self.channel, self.handle, questions], ensure_ascii=False)


@lru_cache(_REMEMBERED)
def read(text: str) -> Background | None:
    """Return what ``Background.text`` wrote; ``None``: another release has written it its way."""
    try:
        name, phone, dial, hours, channel, handle, questions = json.loads(text)
        asked = tuple(_question(item, wording_id) for item, wording_id in questions)
        found = Background(name, phone, dial, hours, Channel(channel), Handle(handle), asked)
    except (ValueError, TypeError, RecursionError):
        return None
    are_texts = all(isinstance(each, str) for each in (name, phone, dial, hours, handle))
    return found if are_texts and asked else None


def _question(item: str, wording_id: str) -> Question:
    question = Question(ConsentItem(item), wording_id)
    if question.wording_id not in wording_ids(question.item):
        raise ValueError(wording_id)
    return question
