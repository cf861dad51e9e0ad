"""The card answers late: below what a page waits, and above it."""

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import pytest

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
from zaitaku.cardbridge.card.sessions import Sessions

pytestmark = [pytest.mark.pcscd, pytest.mark.enable_socket]

PATIENCE: Final = 1.0
"""What a page waits for its session, in seconds."""
A_LITTLE: Final = 0.02
"""By so much each answer of a slow card is late: together far below it."""
PAGE: Final = "card-unresponsive"
"""While one answer is awaited for longer, and at every further look until it is here."""


@dataclass(frozen=True)
class Late:
    """One answer comes after its page has given up."""

    step: Step
    moment: Moment
    """Before or after the card has carried the command out."""

    def __str__(self) -> str:
        return f"{self.moment.value}-{self.step}"


@dataclass(frozen=True)
class Outcome:
    """What the patient saw, and what it cost."""

    page: str
    next_page: str
    tries: int
    pins: int
    late_pins: int
    """PINs that came to the card when nobody waited for them any more."""
    proofs: int
    then: str


def cases() -> list[Late]:
    """Return every answer, and the PIN that the card compares late."""
    verify = next(step for step in undisturbed() if step.kind == "verify")
    return [*(Late(step, Moment.AFTER) for step in undisturbed()), Late(verify, Moment.BEFORE)]


def holding(free: threading.Event, moment: Moment) -> Trick:
    """Return a card that answers when it is let go."""

    def hold(answer: Answer) -> bytes:
        if moment is Moment.BEFORE:
            free.wait(30)
            return answer()
        said = answer()
        free.wait(30)
        return said

    return hold


def run(lane: Lane, case: Late) -> Outcome:
    """Let it happen, let the card go, and go on."""
    journey, free = lane.begin(), threading.Event()
    looks = case.step.session == LOOK
    assert looks or journey.look() == "pin"
    lane.card.arm(case.step.number, holding(free, case.moment))
    try:
        page = journey.look() if looks else journey.enter()
        pins = lane.card.pins
        next_page = journey.look()
        lane.card.disarm()
    finally:
        free.set()
    then = journey.goes_on()
    late = lane.card.pins - pins - 1
    return Outcome(page, next_page, lane.card.tries, pins, late, len(lane.site.proofs), then)


@pytest.fixture(scope="module")
def log() -> Iterator[Log]:
    with kept_log() as kept:
        yield kept


@pytest.fixture(scope="module")
def opened(log: Log, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Lane]]:
    folder = tmp_path_factory.mktemp("late")

    def sessions() -> Sessions:
        return Sessions(turn=0.2, longest=PATIENCE)

    with pcscd(lanes=MOST_LANES), lanes(MOST_LANES, folder, sessions=sessions) as lane_list:
        yield lane_list


@pytest.fixture(scope="module")
def results(opened: list[Lane]) -> Results[Late, Outcome]:
    return run_all(cases(), opened, run)


@pytest.mark.parametrize("late", cases(), ids=str)
def test_the_card_is_called_silent_and_no_pin_follows(
    results: Results[Late, Outcome], late: Late
) -> None:
    verify = next(step.number for step in undisturbed() if step.kind == "verify")
    shown = late.step.session != LOOK and late.step.number >= verify
    assert results.of(late) == Outcome(
        PAGE, PAGE, PIN_TRIES, pins=int(shown), late_pins=0, proofs=1, then=DONE
    )


def test_a_slow_card_is_waited_for(opened: list[Lane]) -> None:
    lane = opened[0]
    journey = lane.begin()

    def slowly(answer: Answer) -> bytes:
        time.sleep(A_LITTLE)
        return answer()

    lane.card.arm(1, slowly, lasts=True)
    assert journey.look() == "pin"
    assert journey.enter() == DONE
    assert (lane.card.tries, lane.card.pins) == (PIN_TRIES, 1)


def test_nothing_unforeseen_was_logged(results: Results[Late, Outcome], log: Log) -> None:
    assert log.has(f"card trouble: {PAGE}")
    assert log.crashes() == []
