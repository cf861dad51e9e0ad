"""Another program takes the card, through the same service: before, between, and in the middle."""

from collections.abc import Iterator
from typing import Final

import pytest

from tests.cardbridge.robust.grabber import DONE as TAKEN
from tests.cardbridge.robust.grabber import Grabber, grabber
from tests.cardbridge.robust.lanes import DONE, Lane, Log, kept_log, lanes
from tests.cardbridge.robust.tricky import SIGN, Answer, Step, undisturbed
from tests.pcscd import pcscd
from zaitaku.cardbridge.card.jpki import PIN_TRIES

pytestmark = [pytest.mark.pcscd, pytest.mark.enable_socket]

WAYS: Final = ("exclusive", "shared")
PAGE: Final = "card-busy"
"""As long as the other program holds the card; the bridge takes it alone or not at all."""
REFUSED: Final = "card-busy"
"""What the other program is told while the bridge holds it."""


@pytest.fixture(scope="module")
def log() -> Iterator[Log]:
    with kept_log() as kept:
        yield kept


@pytest.fixture(scope="module")
def lane(log: Log, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lane]:
    with pcscd(lanes=1), lanes(1, tmp_path_factory.mktemp("second")) as [opened]:
        yield opened


@pytest.fixture(scope="module")
def other(lane: Lane) -> Iterator[Grabber]:
    with grabber(lane.name) as running:
        yield running


@pytest.mark.parametrize("way", WAYS)
def test_it_holds_the_card_before_the_page_is_fetched(lane: Lane, other: Grabber, way: str) -> None:
    journey = lane.begin()
    assert other.told(way) == TAKEN
    assert journey.look() == PAGE
    assert other.told("release") == TAKEN
    assert journey.goes_on() == DONE
    assert (lane.card.tries, lane.card.pins) == (PIN_TRIES, 1)


@pytest.mark.parametrize("way", WAYS)
def test_it_takes_the_card_while_the_pin_is_typed(lane: Lane, other: Grabber, way: str) -> None:
    journey = lane.begin()
    assert journey.look() == "pin"
    assert other.told(way) == TAKEN
    assert journey.enter() == PAGE
    assert (lane.card.tries, lane.card.pins, lane.site.proofs) == (PIN_TRIES, 0, [])
    assert other.told("release") == TAKEN
    assert journey.goes_on() == DONE


@pytest.mark.parametrize("way", [*WAYS, "use"])
@pytest.mark.parametrize("step", [step for step in undisturbed() if step.session == SIGN], ids=str)
def test_it_is_kept_out_in_the_middle(lane: Lane, other: Grabber, step: Step, way: str) -> None:
    journey, told = lane.begin(), list[str]()
    assert journey.look() == "pin"

    def grab(answer: Answer) -> bytes:
        told.append(other.told(way))
        return answer()

    lane.card.arm(step.number, grab)
    assert journey.enter() == DONE
    assert told == [REFUSED]
    assert (lane.card.tries, lane.card.pins) == (PIN_TRIES, 1)


def test_it_used_the_card_while_the_pin_was_typed(lane: Lane, other: Grabber) -> None:
    journey = lane.begin()
    assert journey.look() == "pin"
    assert other.told("use") == TAKEN
    assert journey.enter() == DONE


@pytest.mark.parametrize("way", WAYS)
def test_it_dies_with_the_card_in_its_hands(lane: Lane, way: str) -> None:
    journey = lane.begin()
    with grabber(lane.name) as dying:
        assert dying.told(way) == TAKEN
        assert journey.look() == PAGE
        dying.kill()
    assert journey.goes_on() == DONE
    assert (lane.card.tries, lane.card.pins) == (PIN_TRIES, 1)


def test_nothing_unforeseen_was_logged(lane: Lane, log: Log) -> None:
    assert log.has("card trouble: card-busy")
    assert log.crashes() == []
