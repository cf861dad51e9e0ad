"""A source over a network: asked once at a time, remembered within bounds, left alone when away."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from threading import Barrier, Event

import pytest
from cryptography import x509

from tests.conftest import NOW
from zaitaku.identity.connection import SourceAway
from zaitaku.identity.revocation import RevocationStatus
from zaitaku.identity.revocation.answer import AnswerRefused, VerifiedAnswer
from zaitaku.identity.revocation.memory import AnswerMemory
from zaitaku.identity.revocation.online import (
    FAILURES_IN_A_ROW,
    REST,
    Breaker,
    Online,
    SingleFlight,
)
from zaitaku.sandbox.authority import Generation, TestAuthority
from zaitaku.sandbox.profile import Signer

GOOD, REVOKED, UNKNOWN = (
    RevocationStatus.GOOD,
    RevocationStatus.REVOKED,
    RevocationStatus.UNKNOWN,
)
HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)


class Source:
    """A way to ask that counts its questions; ``trouble`` is raised instead of an answer."""

    def __init__(
        self, status: RevocationStatus = GOOD, until: datetime | None = NOW + HOUR
    ) -> None:
        self.answer = VerifiedAnswer(status, until)
        self.trouble: Exception | None = None
        self.asked = 0
        self.on_asked: Callable[[], object] = lambda: None

    def __call__(
        self, certificate: x509.Certificate, issuer: x509.Certificate, now: datetime
    ) -> VerifiedAnswer:
        self.asked += 1
        self.on_asked()
        if self.trouble is not None:
            raise self.trouble
        return self.answer


@pytest.fixture
def root(authority: TestAuthority) -> x509.Certificate:
    return authority.roots[Generation.SECOND].certificate


@pytest.mark.parametrize("status", [GOOD, REVOKED])
def test_a_decision_is_remembered_whichever_it_is(
    card: Signer, root: x509.Certificate, status: RevocationStatus
) -> None:
    source = Source(status)
    online = Online("source", source)
    for moment in (NOW, NOW + HOUR - SECOND):
        assert online.status(card.certificate, root, moment) is status
    assert source.asked == 1
    online.status(card.certificate, root, NOW + HOUR)
    assert source.asked == 2


def test_not_knowing_is_never_remembered(card: Signer, root: x509.Certificate) -> None:
    source = Source(UNKNOWN)
    online = Online("source", source)
    assert [online.status(card.certificate, root, NOW) for _ in range(2)] == [UNKNOWN] * 2
    assert source.asked == 2


@pytest.mark.parametrize(
    "trouble",
    [SourceAway("gone"), AnswerRefused("nonce"), OverflowError(), RuntimeError("private")],
)
def test_trouble_is_not_knowing_and_is_not_remembered(
    card: Signer, root: x509.Certificate, trouble: Exception
) -> None:
    source = Source()
    source.trouble = trouble
    online = Online("source", source)
    assert online.status(card.certificate, root, NOW) is UNKNOWN
    source.trouble = None
    assert online.status(card.certificate, root, NOW) is GOOD


def test_a_revocation_pushed_out_of_the_memory_is_asked_for_again(
    card: Signer, other_card: Signer, root: x509.Certificate
) -> None:
    source = Source(REVOKED)
    online = Online("source", source, memory=AnswerMemory(size=1))
    for one in (card, other_card, card):
        assert online.status(one.certificate, root, NOW) is REVOKED
    assert source.asked == 3


def test_a_dead_source_is_left_alone_for_a_while(card: Signer, root: x509.Certificate) -> None:
    source = Source()
    source.trouble = SourceAway("gone")
    online = Online("source", source)
    for _ in range(FAILURES_IN_A_ROW + 3):
        assert online.status(card.certificate, root, NOW) is UNKNOWN
    assert source.asked == FAILURES_IN_A_ROW
    assert online.status(card.certificate, root, NOW + REST - SECOND) is UNKNOWN
    assert source.asked == FAILURES_IN_A_ROW


def test_after_the_rest_one_question_goes_first(card: Signer, root: x509.Certificate) -> None:
    source = Source()
    source.trouble = SourceAway("gone")
    online = Online("source", source)
    for _ in range(FAILURES_IN_A_ROW):
        online.status(card.certificate, root, NOW)
    later = NOW + REST
    for _ in range(3):
        assert online.status(card.certificate, root, later) is UNKNOWN
    assert source.asked == FAILURES_IN_A_ROW + 1
    source.trouble = None
    assert online.status(card.certificate, root, later + REST) is GOOD
    source.trouble = SourceAway("gone again")
    assert online.status(card.certificate, root, later + REST + HOUR) is UNKNOWN
    assert source.asked == FAILURES_IN_A_ROW + 3


def test_answers_in_between_keep_it_open(card: Signer, root: x509.Certificate) -> None:
    source = Source(UNKNOWN)
    online = Online("source", source)
    for number in range(4 * FAILURES_IN_A_ROW):
        refused = number % FAILURES_IN_A_ROW == 0
        source.trouble = AnswerRefused("late") if refused else SourceAway("gone")
        online.status(card.certificate, root, NOW)
    assert source.asked == 4 * FAILURES_IN_A_ROW


def test_a_clock_that_was_set_back_does_not_prolong_the_rest() -> None:
    breaker = Breaker(failures=1)
    breaker.failed(NOW + 24 * HOUR)
    breaker.enter(NOW)
    breaker.failed(NOW)
    with pytest.raises(SourceAway):
        breaker.enter(NOW)


def test_a_resting_source_is_logged_without_the_serial_number(
    card: Signer, root: x509.Certificate, caplog: pytest.LogCaptureFixture
) -> None:
    source = Source()
    source.trouble = SourceAway("gone")
    online = Online("source", source, breaker=Breaker(failures=1))
    for _ in range(2):
        online.status(card.certificate, root, NOW)
    assert "left alone" in caplog.text
    assert str(card.certificate.serial_number) not in caplog.text


class Arrivals(AnswerMemory):
    """A memory that remembers nothing and tells when everybody has looked into it."""

    def __init__(self, expected: int) -> None:
        super().__init__(size=0)
        self._barrier = Barrier(expected)

    def recall(
        self, certificate: x509.Certificate, issuer: x509.Certificate, now: datetime
    ) -> RevocationStatus | None:
        self._barrier.wait(10)
        return None


@pytest.mark.parametrize("trouble", [None, SourceAway("gone"), AnswerRefused("nonce")])
def test_of_many_at_once_one_asks_and_all_are_told(
    card: Signer, root: x509.Certificate, trouble: Exception | None
) -> None:
    source = Source(REVOKED)
    source.trouble = trouble
    source.on_asked = lambda: time.sleep(0.3)  # all have come by then, and none is told before
    online = Online("source", source, memory=Arrivals(8))
    with ThreadPoolExecutor(8) as pool:
        told = set(pool.map(lambda _: online.status(card.certificate, root, NOW), range(8)))
    assert told == {UNKNOWN if trouble else REVOKED}
    assert source.asked == 1


def test_whatever_goes_wrong_is_logged_without_its_text(
    card: Signer, root: x509.Certificate, caplog: pytest.LogCaptureFixture
) -> None:
    source = Source()
    source.trouble = RuntimeError("a-very-private-value")
    Online("source", source).status(card.certificate, root, NOW)
    assert "source: RuntimeError" in caplog.text
    assert "a-very-private-value" not in caplog.text


def test_nobody_waits_for_another_without_end() -> None:
    flight = SingleFlight(longest=timedelta(milliseconds=50))
    begun, ended = Event(), Event()

    def work() -> VerifiedAnswer:
        begun.set()
        assert ended.wait(10)
        return VerifiedAnswer(GOOD, None)

    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(flight.run, b"name", work)
        assert begun.wait(10)
        with pytest.raises(TimeoutError):
            flight.run(b"name", work)
        ended.set()
        assert first.result(10).status is GOOD


def test_two_cards_at_once_are_two_questions(
    card: Signer, other_card: Signer, root: x509.Certificate
) -> None:
    both = Barrier(2)
    source = Source()
    source.on_asked = lambda: both.wait(10)
    online = Online("source", source)
    with ThreadPoolExecutor(2) as pool:
        told = pool.map(lambda one: online.status(one.certificate, root, NOW), (card, other_card))
    assert list(told) == [GOOD, GOOD]
    assert source.asked == 2
