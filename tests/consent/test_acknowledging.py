"""What a crash has made visible is told to nobody before the standbys have it as well."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from tests.consent.world import World
from zaitaku.consent.errors import JourneyRegistered
from zaitaku.consent.service import ConsentService
from zaitaku.core.database import Database
from zaitaku.core.errors import StoreUnavailable
from zaitaku.core.ids import ChallengeId, new_secret_name
from zaitaku.identity.model import VerifiedCard


@dataclass
class Standbys:
    """Takes the place of the wait for them."""

    are_there: bool = True
    asked: int = 0

    def confirm(self) -> None:
        """Count, and refuse while they are away."""
        self.asked += 1
        if not self.are_there:
            raise StoreUnavailable("no standby has it yet")


@pytest.fixture
def standbys(monkeypatch: pytest.MonkeyPatch) -> Standbys:
    made = Standbys()
    monkeypatch.setattr(Database, "confirm", made.confirm)
    return made


@pytest.fixture
def signed(world: World) -> VerifiedCard:
    """A proof whose record stands, without that anybody was told."""
    verified = world.sign(world.document())
    world.consent.register(verified)
    return verified


READERS: dict[str, Callable[[ConsentService, VerifiedCard], object]] = {
    "the same proof again": lambda consent, card: consent.register(card),
    "as if it were the first": lambda consent, card: consent.register(card, seems_new=True),
    "the receipt": lambda consent, card: consent.receipt_of(card.journey),
    "what stands": lambda consent, card: consent.standing_of(card.journey),
    "after another number": lambda consent, card: consent.receipt_of(card.journey, told="1-2-3"),
}


@pytest.mark.parametrize("reader", READERS)
def test_nobody_is_told_of_a_record_that_no_standby_has(
    world: World, standbys: Standbys, signed: VerifiedCard, reader: str
) -> None:
    standbys.are_there = False
    with pytest.raises(StoreUnavailable):
        READERS[reader](world.consent, signed)
    standbys.are_there = True
    assert READERS[reader](world.consent, signed) is not None


def test_another_proof_is_not_told_either(
    world: World, standbys: Standbys, signed: VerifiedCard
) -> None:
    other = replace(signed, challenge=ChallengeId(new_secret_name()))
    standbys.are_there = False
    with pytest.raises(StoreUnavailable):
        world.consent.register(other)
    standbys.are_there = True
    with pytest.raises(JourneyRegistered):
        world.consent.register(other)


def test_who_was_told_is_told_again_without_waiting(
    world: World, standbys: Standbys, signed: VerifiedCard
) -> None:
    receipt = world.consent.receipt_of(signed.journey)
    assert receipt is not None
    before = standbys.asked
    assert world.consent.standing_of(signed.journey, told=receipt.reference) is not None
    assert standbys.asked == before
    assert before == 1


def test_a_rival_that_registers_in_between_is_waited_for(world: World, standbys: Standbys) -> None:
    verified = world.sign(world.document())

    class Meanwhile:
        """Another process registers the same proof while this one asks who the patient is."""

        def find(self, subject_hashes: tuple[str, ...]) -> None:
            world.consent.register(verified)
            standbys.are_there = False

    slow = world.service(world.database, eligibility=Meanwhile())
    with pytest.raises(StoreUnavailable):
        slow.register(verified)
    standbys.are_there = True
    assert not world.consent.register(verified).is_new
