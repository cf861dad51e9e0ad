"""The provider's published keys: kept, followed when they change, and not asked for too often."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Event
from typing import Any

import pytest

from tests.identity.oidc.published import KEY, OTHER_KEY, Published, jwk
from zaitaku.identity.oidc.errors import AppAway, AppKeyUnknown
from zaitaku.identity.oidc.exchange import Reply
from zaitaku.identity.oidc.provider_keys import BURST, LONGEST, SHORTEST, ProviderKeys


class Seconds:
    """Time as a machine counts it, held by the test."""

    def __init__(self) -> None:
        self.passed = 0.0

    def __call__(self) -> float:
        return self.passed

    def advance(self, step: timedelta) -> None:
        self.passed += step.total_seconds()


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


def keys_of(published: Published, seconds: Seconds | None = None) -> ProviderKeys:
    return ProviderKeys("", exchange=published, elapsed=seconds or Seconds())


def new_and_old(published: Published) -> None:
    published.body = {"keys": [jwk(), jwk(OTHER_KEY, kid="next")]}


def test_they_are_asked_for_once(seconds: Seconds) -> None:
    published = Published(jwk())
    keys = keys_of(published, seconds)
    for _ in range(3):
        keys.find("now")
    assert published.asked == 1


def test_a_new_key_is_found_at_once() -> None:
    published = Published(jwk())
    keys = keys_of(published)
    keys.find("now")
    new_and_old(published)
    assert keys.find("next").thumbprint() == OTHER_KEY.thumbprint()


def test_names_that_nobody_knows_do_not_wear_the_provider_out(seconds: Seconds) -> None:
    published = Published(jwk())
    keys = keys_of(published, seconds)
    for _ in range(50):
        with pytest.raises(AppKeyUnknown):
            keys.find("nobody's")
    assert published.asked == BURST
    new_and_old(published)
    seconds.advance(SHORTEST)
    keys.find("next")
    seconds.advance(timedelta(days=1))
    for _ in range(50):
        with pytest.raises(AppKeyUnknown):
            keys.find("nobody's")
    assert published.asked == BURST + 1 + BURST


def test_a_provider_that_blinks_is_away_and_asked_again(seconds: Seconds) -> None:
    published = Published(jwk())
    published.status = 0
    keys = keys_of(published, seconds)
    with pytest.raises(AppAway):
        keys.find("now")
    published.status = 200
    keys.find("now")


def test_while_it_is_away_no_key_is_called_unknown(seconds: Seconds) -> None:
    published = Published(jwk())
    published.status = 503
    keys = keys_of(published, seconds)
    for _ in range(BURST + 5):
        with pytest.raises(AppAway):
            keys.find("now")
    assert published.asked == BURST


def test_a_withdrawn_key_ends_within_the_hour(seconds: Seconds) -> None:
    published = Published(jwk())
    keys = keys_of(published, seconds)
    keys.find("now")
    published.body = {"keys": [jwk(OTHER_KEY, kid="next")]}
    seconds.advance(LONGEST + timedelta(seconds=1))
    with pytest.raises(AppKeyUnknown):
        keys.find("now")


def test_when_nobody_answers_old_keys_are_not_trusted_for_ever(seconds: Seconds) -> None:
    published = Published(jwk())
    keys = keys_of(published, seconds)
    keys.find("now")
    published.status = 503
    seconds.advance(LONGEST)
    keys.find("now")
    seconds.advance(timedelta(seconds=1))
    with pytest.raises(AppAway):
        keys.find("now")


def test_without_a_name_only_one_key_will_do() -> None:
    assert keys_of(Published(jwk())).find(None).thumbprint() == KEY.thumbprint()
    with pytest.raises(AppKeyUnknown):
        keys_of(Published(jwk(), jwk(OTHER_KEY, kid="next"))).find(None)


def test_of_two_with_one_name_the_first_counts() -> None:
    found = keys_of(Published(jwk(), jwk(OTHER_KEY))).find("now")
    assert found.thumbprint() == KEY.thumbprint()


class Slow(Published):
    """Answers only when it is let."""

    def __init__(self, *keys: dict[str, Any]) -> None:
        super().__init__(*keys)
        self.reached, self.let = Event(), Event()
        self.let.set()

    def get(self, url: str) -> Reply:
        self.reached.set()
        assert self.let.wait(10)
        return super().get(url)


def test_who_knows_a_key_does_not_wait_for_who_asks() -> None:
    published = Slow(jwk())
    keys = keys_of(published)
    keys.find("now")
    published.reached.clear()
    published.let.clear()
    with ThreadPoolExecutor(3) as pool:
        asking = [pool.submit(keys.find, "next") for _ in range(3)]
        assert published.reached.wait(10)
        assert keys.find("now").thumbprint() == KEY.thumbprint()
        new_and_old(published)
        published.let.set()
        found = {future.result(10).thumbprint() for future in asking}
    assert found == {OTHER_KEY.thumbprint()}
    assert published.asked == 2


@pytest.mark.parametrize(
    "entry",
    [
        jwk(use="enc"),
        jwk(alg="RS512"),
        jwk(kty="EC"),
        jwk(n="!"),
        jwk(n=None),
        {"kty": "oct", "k": "c2VjcmV0", "kid": "now"},
        {"kid": "now"},
        "now",
        None,
        jwk(n=jwk()["n"][:170]),
    ],
)
def test_an_unfit_key_is_left_out(entry: Any) -> None:
    with pytest.raises(AppKeyUnknown):
        keys_of(Published(entry)).find("now")
