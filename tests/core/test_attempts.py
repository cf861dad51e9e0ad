"""The limit on failed attempts."""

from datetime import timedelta

import pytest

from zaitaku.core.attempts import FailureLimit
from zaitaku.core.clock import FixedClock
from zaitaku.core.ephemeral import EphemeralStore
from zaitaku.core.errors import TooManyAttempts

WINDOW = timedelta(minutes=10)


@pytest.fixture
def limit(ephemeral: EphemeralStore, clock: FixedClock) -> FailureLimit:
    return FailureLimit("test", most=3, window=WINDOW, ephemeral=ephemeral, clock=clock)


def test_failures_are_limited_for_each_subject(limit: FailureLimit, clock: FixedClock) -> None:
    clock.advance(timedelta(minutes=4))
    for _ in range(3):
        limit.begin("a")
    with pytest.raises(TooManyAttempts) as caught:
        limit.begin("a")
    assert caught.value.retry_after == 6 * 60
    limit.begin("b")
    clock.advance(timedelta(minutes=6))
    limit.begin("a")


def test_what_succeeds_is_given_back(limit: FailureLimit) -> None:
    for _ in range(20):
        limit.give_back(limit.begin("a"))
    for _ in range(3):
        limit.begin("a")
    with pytest.raises(TooManyAttempts):
        limit.begin("a")


def test_a_success_of_the_last_window_gives_nothing_to_this_one(
    limit: FailureLimit, clock: FixedClock
) -> None:
    late = [limit.begin("a") for _ in range(3)]
    clock.advance(WINDOW)
    for attempt in late:
        limit.give_back(attempt)
    for _ in range(3):
        limit.begin("a")
    with pytest.raises(TooManyAttempts):
        limit.begin("a")


def test_attempts_under_way_count(limit: FailureLimit) -> None:
    under_way = [limit.begin("a") for _ in range(3)]
    with pytest.raises(TooManyAttempts):
        limit.begin("a")
    limit.give_back(under_way[0])
    limit.give_back(under_way[1])
    limit.begin("a")
