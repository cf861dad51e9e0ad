"""Handing over: one computer, both agreements, one ending, whatever the order of events."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Barrier

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from stdnum import luhn

from tests.conftest import NOW
from tests.servers import redis_server
from zaitaku.core.clock import FixedClock
from zaitaku.core.ephemeral import EphemeralStore
from zaitaku.core.ephemeral_open import open_ephemeral
from zaitaku.core.errors import StoreUnavailable, ZaitakuError
from zaitaku.core.ids import ChallengeId, JourneyId, UrlVersionId, new_secret_name, new_uuid
from zaitaku.identity.challenges import Challenges
from zaitaku.identity.errors import ChallengeUnknown
from zaitaku.identity.handover import LIFETIME, Beginning, HandOvers
from zaitaku.identity.handover_model import (
    Ending,
    HandOver,
    HandOverCancelled,
    HandOverClaimed,
    HandOverGone,
    HandOverNotReady,
    HandOverSameBrowser,
    Side,
    Stage,
)
from zaitaku.identity.model import Challenge, SignedRequest

PHONE, COMPUTER, OTHER = "the-phone", "the-computer", "another-computer"
CROWD = 16


def opened(store: EphemeralStore, clock: FixedClock) -> HandOvers:
    """Return the use cases on ``store``."""
    challenges = Challenges(store, clock, timedelta(minutes=10))
    return HandOvers(ephemeral=store, clock=clock, challenges=challenges)


@pytest.fixture
def hand_overs(ephemeral: EphemeralStore, clock: FixedClock) -> HandOvers:
    """The use cases on a fresh store."""
    return opened(ephemeral, clock)


@pytest.fixture(params=["sql", "redis"])
def any_hand_overs(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[HandOvers]:
    """The use cases on either kind of store."""
    clock = FixedClock(NOW)
    if request.param == "sql":
        store = open_ephemeral(f"sqlite:///{tmp_path / 'crowd.db'}", clock)
        yield opened(store, clock)
        store.close()
        return
    with redis_server() as server:
        store = open_ephemeral(server.url, clock)
        yield opened(store, clock)
        store.close()


def beginning(journey: str = "the-journey") -> Beginning:
    return Beginning(JourneyId(journey), UrlVersionId(new_uuid()), "ja", PHONE)


def request_until(minutes: int) -> SignedRequest:
    expires = NOW + timedelta(minutes=minutes)
    return SignedRequest(ChallengeId(new_secret_name()), "header.claims.signature", expires)


def agreed(hand_overs: HandOvers, journey: str = "the-journey") -> HandOver:
    """Return a hand-over for which the card may be read."""
    claimed = hand_overs.claim(hand_overs.begin(beginning(journey)), COMPUTER)
    hand_overs.agree_at_computer(claimed)
    return hand_overs.agree_on_phone(claimed, request_until(10))


def test_one_that_a_clock_far_ahead_began_is_over(hand_overs: HandOvers, clock: FixedClock) -> None:
    begun = hand_overs.begin(beginning())
    clock.advance(timedelta(minutes=-20))
    assert hand_overs.stage(begun) is Stage.SHOWN
    clock.advance(timedelta(minutes=-20))
    assert hand_overs.stage(begun) is Stage.EXPIRED
    with pytest.raises(HandOverGone):
        hand_overs.claim(begun, COMPUTER)


def test_of_many_computers_exactly_one_takes_it(any_hand_overs: HandOvers) -> None:
    begun = any_hand_overs.begin(beginning())
    start = Barrier(CROWD)

    def claim(number: int) -> HandOver | None:
        start.wait()
        try:
            return any_hand_overs.claim(begun, f"computer {number}")
        except HandOverClaimed:
            return None

    with ThreadPoolExecutor(CROWD) as crowd:
        won = [taken for taken in crowd.map(claim, range(CROWD)) if taken]
    assert len(won) == 1
    assert any_hand_overs.find(begun.id) == won[0]


def test_of_cancelling_and_answering_at_once_exactly_one_happens(
    any_hand_overs: HandOvers,
) -> None:
    for journey in range(5):
        ready = agreed(any_hand_overs, f"journey {journey}")
        start = Barrier(CROWD)

        def end(number: int, ready: HandOver = ready, start: Barrier = start) -> Ending | None:
            start.wait()
            try:
                ended = (
                    any_hand_overs.answer(ready, "a code")
                    if number % 2
                    else any_hand_overs.cancel(ready)
                )
            except HandOverCancelled:
                return Ending.CANCELLED
            return ended.ending

        with ThreadPoolExecutor(CROWD) as crowd:
            assert len(set(crowd.map(end, range(CROWD)))) == 1


def test_the_number_has_a_check_digit_and_leads_here(hand_overs: HandOvers) -> None:
    begun = hand_overs.begin(beginning())
    assert len(begun.number) == 9
    assert luhn.is_valid(begun.number)
    assert hand_overs.find_number(begun.number) == begun
    slipped = str((int(begun.number[0]) + 1) % 10) + begun.number[1:]
    with pytest.raises(HandOverGone, match="check digit"):
        hand_overs.find_number(slipped)


def test_a_number_that_lives_already_is_not_drawn_again(
    hand_overs: HandOvers, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = iter(["12345678", "12345678", "87654321", *["12345678"] * 5])
    monkeypatch.setattr("zaitaku.identity.handover.random_digits", lambda _: next(drawn))
    first = hand_overs.begin(beginning("first"))
    second = hand_overs.begin(beginning("second"))
    assert hand_overs.find_number(first.number) == first
    assert hand_overs.find_number(second.number) == second
    with pytest.raises(StoreUnavailable):
        hand_overs.begin(beginning("third"))


def test_beginning_again_cancels_what_was_under_way(hand_overs: HandOvers) -> None:
    first = hand_overs.begin(beginning())
    claimed = hand_overs.claim(first, COMPUTER)
    second = hand_overs.begin(beginning())
    assert hand_overs.of_journey(first.journey) == second
    assert hand_overs.stage(hand_overs.find(first.id)) is Stage.CANCELLED
    with pytest.raises(HandOverCancelled):
        hand_overs.agree_at_computer(hand_overs.find(claimed.id))


@pytest.mark.parametrize("is_registered", [False, True])
def test_it_is_too_late_to_begin_anew_when_the_card_has_answered(
    hand_overs: HandOvers, *, is_registered: bool
) -> None:
    answered = hand_overs.answer(agreed(hand_overs), "a code")
    if is_registered:
        hand_overs.note_registered(answered, None)
    assert hand_overs.begin(beginning()).id == answered.id


def test_a_refusal_is_final_and_another_can_be_begun(hand_overs: HandOvers) -> None:
    refused = hand_overs.answer(agreed(hand_overs), "a code", failure="certificate-expired")
    assert hand_overs.stage(refused) is Stage.REFUSED
    assert hand_overs.answer(refused, "a code").failure == "certificate-expired"
    again = hand_overs.begin(beginning())
    assert hand_overs.stage(again) is Stage.SHOWN


@pytest.fixture
def challenge(ephemeral: EphemeralStore, clock: FixedClock) -> Challenge:
    """What a card is asked to sign at this moment."""
    expires = NOW + timedelta(minutes=10)
    made = Challenge(ChallengeId("one"), JourneyId("j"), "{}", "o", bytes(32), expires, "name")
    Challenges(ephemeral, clock, timedelta(minutes=10)).keep(made)
    return made


@pytest.mark.parametrize("is_cancelled_before", [False, True])
def test_cancelling_withdraws_the_card_request(
    hand_overs: HandOvers,
    challenge: Challenge,
    ephemeral: EphemeralStore,
    clock: FixedClock,
    *,
    is_cancelled_before: bool,
) -> None:
    """Also when the phone agrees with what it saw a moment ago."""
    challenges = Challenges(ephemeral, clock, timedelta(minutes=10))
    claimed = hand_overs.claim(hand_overs.begin(beginning()), COMPUTER)
    request = SignedRequest(challenge.id, "a.b.c", challenge.expires_at)
    if is_cancelled_before:
        hand_overs.cancel(claimed)
    kept = hand_overs.agree_on_phone(claimed, request)
    if not is_cancelled_before:
        assert challenges.living("one") == challenge
        kept = hand_overs.cancel(kept)
    assert hand_overs.stage(kept) is Stage.CANCELLED
    with pytest.raises(ChallengeUnknown):
        challenges.living("one")


def test_a_late_one_may_still_be_answered_and_no_card_is_asked(
    hand_overs: HandOvers, clock: FixedClock
) -> None:
    ready = agreed(hand_overs)
    clock.advance(timedelta(minutes=10))
    assert hand_overs.stage(ready) is Stage.LATE
    with pytest.raises(HandOverGone):
        hand_overs.card_request(ready)
    assert hand_overs.stage(hand_overs.answer(ready, "a code")) is Stage.FINISHING


def test_claiming_twice_gives_the_same_code(hand_overs: HandOvers) -> None:
    begun = hand_overs.begin(beginning())
    assert hand_overs.claim(begun, COMPUTER) == hand_overs.claim(begun, COMPUTER)


def test_a_claim_whose_second_half_was_lost_can_be_finished(
    hand_overs: HandOvers, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = hand_overs.begin(beginning())

    def away(*_: object) -> None:
        raise StoreUnavailable("away")

    with monkeypatch.context() as broken:
        broken.setattr(type(hand_overs._ephemeral), "merge", away)
        with pytest.raises(StoreUnavailable):
            hand_overs.claim(begun, COMPUTER)
    with pytest.raises(HandOverClaimed):
        hand_overs.claim(hand_overs.find(begun.id), OTHER)
    claimed = hand_overs.claim(hand_overs.find(begun.id), COMPUTER)
    assert hand_overs.stage(claimed) is Stage.PAIRING


def test_no_secret_name_of_a_browser_is_kept(hand_overs: HandOvers) -> None:
    kept = repr(agreed(hand_overs))
    assert PHONE not in kept
    assert COMPUTER not in kept


@pytest.mark.parametrize("name", ["", "\ud800", "a" * 10_000])
def test_a_name_that_nobody_made(hand_overs: HandOvers, name: str) -> None:
    with pytest.raises(HandOverGone):
        hand_overs.find(name)


class Story(RuleBasedStateMachine):
    """Everybody presses anything in any order; what must never happen is checked after each."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        self.clock = FixedClock(NOW)
        self.store = open_ephemeral(f"sqlite:///{self.folder.name}/story.db", self.clock)
        self.hand_overs = opened(self.store, self.clock)
        self.begun = self.hand_overs.begin(beginning())
        self.said: set[Side] = set()
        self.taken_by = ""
        self.ending: Ending | None = None

    @property
    def kept(self) -> HandOver:
        return self.hand_overs.find(self.begun.id)

    @property
    def is_over(self) -> bool:
        return self.ending is not None or self.clock.now() >= self.kept.deadline

    @rule(browser=st.sampled_from([PHONE, COMPUTER, OTHER]))
    def claim(self, browser: str) -> None:
        try:
            self.hand_overs.claim(self.kept, browser)
        except HandOverSameBrowser:
            assert browser == PHONE
        except HandOverClaimed:
            assert self.taken_by not in {"", browser}
        except (HandOverGone, HandOverCancelled):
            assert self.is_over
        else:
            assert not self.is_over
            assert self.taken_by in {"", browser}
            self.taken_by = browser

    @precondition(lambda self: self.taken_by)
    @rule()
    def agree_at_computer(self) -> None:
        try:
            self.hand_overs.agree_at_computer(self.kept)
        except (HandOverGone, HandOverCancelled):
            assert self.is_over
        else:
            self.said.add(Side.COMPUTER)

    @rule()
    def agree_on_phone(self) -> None:
        try:
            request = SignedRequest(
                ChallengeId("one"), "a.b.c", self.clock.now() + timedelta(minutes=10)
            )
            self.hand_overs.agree_on_phone(self.kept, request)
        except HandOverNotReady:
            assert not self.taken_by
        except (HandOverGone, HandOverCancelled):
            assert self.is_over
        else:
            self.said.add(Side.PHONE)

    @rule()
    def ask(self) -> None:
        try:
            token = self.hand_overs.card_request(self.kept)
        except ZaitakuError:
            assert self.is_over or self.said != set(Side)
        else:
            assert token
            assert self.said == set(Side)
            assert not self.is_over

    @rule()
    def answer(self) -> None:
        try:
            self.hand_overs.answer(self.kept, "a code")
        except HandOverNotReady:
            assert self.said != set(Side)
        except HandOverCancelled:
            assert self.ending is Ending.CANCELLED
        else:
            assert self.said == set(Side)
            assert self.ending is not Ending.CANCELLED
            self.ending = Ending.ANSWERED

    @rule()
    def cancel(self) -> None:
        ended = self.hand_overs.cancel(self.kept)
        self.ending = self.ending or Ending.CANCELLED
        assert ended.ending is self.ending

    @rule(minutes=st.integers(1, 6))
    def wait(self, minutes: int) -> None:
        if self.clock.now() + timedelta(minutes=minutes) < NOW + timedelta(minutes=29):
            self.clock.advance(timedelta(minutes=minutes))

    @invariant()
    def the_number_leads_nowhere_once_taken_or_over(self) -> None:
        try:
            self.hand_overs.find_number(self.begun.number)
        except HandOverGone:
            assert self.taken_by or self.is_over
        else:
            assert not self.taken_by
            assert self.ending is None
            assert self.clock.now() < NOW + LIFETIME

    @invariant()
    def it_stands_as_it_was_left(self) -> None:
        kept = self.kept
        assert set(kept.agreed) == self.said
        assert kept.ending is self.ending
        assert bool(kept.computer) is bool(self.taken_by)

    def teardown(self) -> None:
        self.store.close()
        self.folder.cleanup()


Story.TestCase.settings = settings(max_examples=60, stateful_step_count=20, deadline=None)
test_any_order_of_events = Story.TestCase
