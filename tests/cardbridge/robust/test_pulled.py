"""The card is pulled before and after each command of a look and of a signature."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import pytest

from tests.cardbridge.cards import PIN, WRONG_PIN
from tests.cardbridge.hooks import Moment
from tests.cardbridge.robust.lanes import (
    DONE,
    MOST_LANES,
    Lane,
    Log,
    Results,
    kept_log,
    lanes,
    run_all,
)
from tests.cardbridge.robust.tricky import LOOK, Answer, Step, Trick, undisturbed
from tests.pcscd import pcscd
from zaitaku.cardbridge.card.jpki import PIN_TRIES
from zaitaku.cardbridge.card.transport import CardRemoved
from zaitaku.cardbridge.virtual.reader import VirtualReader

pytestmark = [pytest.mark.pcscd, pytest.mark.enable_socket]

PAGE: Final = "card-removed"
"""At every moment; and the next attempt brings the code."""


@dataclass(frozen=True)
class Pull:
    """The card is pulled at one moment, while this PIN is in the form."""

    step: Step
    moment: Moment
    pin: str

    def __str__(self) -> str:
        return f"{self.moment.value}-{self.step}-{'right' if self.pin == PIN else 'wrong'}-pin"

    @property
    def has_reached_the_card(self) -> bool:
        """Whether the PIN was compared before the card was pulled."""
        verify = next(step for step in undisturbed() if step.kind == "verify")
        at, last = (self.step.number, verify.number)
        is_later = at > last or (at == last and self.moment is Moment.AFTER)
        return self.step.session == verify.session and is_later


@dataclass(frozen=True)
class Outcome:
    """What the patient saw, and what it cost."""

    page: str
    tries: int
    pins: int
    proofs: int
    then: str


def pulls() -> list[Pull]:
    """Return every moment; with a wrong PIN a session ends at the command that shows it."""
    steps = undisturbed()
    verify = next(step for step in steps if step.kind == "verify")
    wrong = [step for step in steps if step.session == "sign" and step.number <= verify.number]
    told = [(step, PIN) for step in steps] + [(step, WRONG_PIN) for step in wrong]
    return [Pull(step, moment, pin) for step, pin in told for moment in Moment]


def pulling(reader: VirtualReader, moment: Moment) -> Trick:
    """Return what a hand does."""

    def pull(answer: Answer) -> bytes:
        if moment is Moment.BEFORE:
            reader.remove()
            raise CardRemoved(reader.name)
        said = answer()
        reader.remove()
        return said

    return pull


def run(lane: Lane, pull: Pull) -> Outcome:
    """Let it happen, then lay the card there again and go on."""
    journey = lane.begin()
    trick = pulling(lane.reader, pull.moment)
    if pull.step.session == LOOK:
        lane.card.arm(pull.step.number, trick)
        page = journey.look()
    else:
        assert journey.look() == "pin"
        lane.card.arm(pull.step.number, trick)
        page = journey.enter(pull.pin)
    seen = (page, lane.card.tries, lane.card.pins, len(lane.site.proofs))
    lane.put_back()
    return Outcome(*seen, then=journey.goes_on())


@pytest.fixture(scope="module")
def log() -> Iterator[Log]:
    with kept_log() as kept:
        yield kept


@pytest.fixture(scope="module")
def results(log: Log, tmp_path_factory: pytest.TempPathFactory) -> Results[Pull, Outcome]:
    folder = tmp_path_factory.mktemp("pulled")
    with pcscd(lanes=MOST_LANES), lanes(MOST_LANES, folder) as opened:
        return run_all(pulls(), opened, run)


@pytest.mark.parametrize("pull", pulls(), ids=str)
def test_the_page_says_so_and_no_try_is_lost(results: Results[Pull, Outcome], pull: Pull) -> None:
    reached = pull.has_reached_the_card
    left = PIN_TRIES - (reached and pull.pin == WRONG_PIN)
    outcome = results.of(pull)
    assert outcome == Outcome(PAGE, left, pins=outcome.pins, proofs=0, then=DONE)
    assert outcome.pins == reached or (pull.step.kind == "verify" and outcome.pins == 1)


def test_nothing_unforeseen_was_logged(results: Results[Pull, Outcome], log: Log) -> None:
    assert log.has("card trouble: card-removed")
    assert log.crashes() == []
