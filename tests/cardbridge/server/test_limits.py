"""Nobody makes the bridge hammer a site or a card."""

from http import HTTPStatus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cardbridge.cards import WRONG_PIN
from tests.cardbridge.server.rig import Rig, hidden_fields, page_name
from zaitaku import wire
from zaitaku.cardbridge.trust.failures import TooOften
from zaitaku.cardbridge.trust.limits import NO_LIMIT, SECOND, USUAL, Limiter, Pace
from zaitaku.cardbridge.virtual.card import VirtualCard


class Clock:
    """A clock that a test moves on, in seconds."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> int:
        return int(self.now * SECOND)


def taken(limiter: Limiter, name: str = "") -> bool:
    try:
        limiter.take(name)
    except TooOften:
        return False
    return True


@given(
    burst=st.integers(1, 20),
    seconds=st.floats(0.1, 60),
    waits=st.lists(st.floats(0, 30), max_size=100),
)
def test_never_more_than_the_pace_allows(burst: int, seconds: float, waits: list[float]) -> None:
    clock = Clock()
    limiter = Limiter(Pace(burst, seconds), clock)
    count = 0
    for wait in waits:
        clock.now += wait
        count += taken(limiter)
        assert count <= burst + clock.now / seconds + 1e-3


@given(burst=st.integers(1, 20), seconds=st.floats(0.1, 60))
def test_after_the_wait_that_it_names_there_is_one_more(burst: int, seconds: float) -> None:
    clock = Clock()
    limiter = Limiter(Pace(burst, seconds), clock)
    assert all(taken(limiter) for _ in range(burst))
    with pytest.raises(TooOften) as refused:
        limiter.take()
    clock.now += int(str(refused.value.facts["wait"]))
    assert taken(limiter)


def test_no_limit_is_none() -> None:
    limiter = Limiter(NO_LIMIT, Clock())
    assert all(taken(limiter) for _ in range(1000))


def test_one_name_does_not_use_up_another() -> None:
    limiter = Limiter(Pace(1, 60), Clock())
    assert [taken(limiter, name) for name in ("a", "b", "a")] == [True, True, False]


def test_a_page_that_opens_the_bridge_again_and_again_does_not_hammer_the_site(rig: Rig) -> None:
    token = rig.token()
    forged = f"{token[:-8]}AAAAAAAA"
    answers = [rig.read(forged) for _ in range(USUAL.keys_of_a_site.burst + 10)]
    assert len(rig.site.asked) <= USUAL.keys_of_a_site.burst + 2
    last = answers[-1]
    assert last.status_code == HTTPStatus.TOO_MANY_REQUESTS
    assert page_name(last) == "too-often"
    assert f"/read?request={forged}" in last.text


def test_a_request_of_a_stranger_fetches_nothing_and_counts_for_nobody(rig: Rig) -> None:
    foreign = rig.token(iss="https://evil.example")
    for _ in range(USUAL.keys_of_a_site.burst + 1):
        assert page_name(rig.read(foreign)) == "foreign-origin"
    assert rig.site.asked == []
    assert page_name(rig.opened().page()) == "pin"


def test_sending_again_and_again_does_not_hammer_a_site_in_trouble(rig: Rig) -> None:
    rig.site.proof_status = HTTPStatus.SERVICE_UNAVAILABLE
    opened = rig.opened()
    token = hidden_fields(opened.enter())["token"]
    for _ in range(USUAL.proofs.burst + 5):
        answer = rig.post(f"{opened.path}/send", token=token)
        assert page_name(answer) == "send-failed"
    assert rig.site.asked.count(wire.PROOF_PATH) <= USUAL.proofs.burst + 1


def test_forms_without_token_or_reading_do_not_use_up_the_patients_pins(rig: Rig) -> None:
    opened = rig.opened()
    for path in ("/reading/nothing", opened.path):
        for _ in range(USUAL.pins.burst + 1):
            rig.post(f"{path}/pin", pin=WRONG_PIN)
    assert opened.enter().location.startswith(rig.site.origin)


def test_pins_are_not_tried_in_a_row(rig: Rig, card: VirtualCard) -> None:
    opened = rig.opened()
    token = opened.fields()["token"]
    answers = [
        rig.post(f"{opened.path}/pin", token=token, turn="x", pin=WRONG_PIN)
        for _ in range(USUAL.pins.burst + 2)
    ]
    last = answers[-1]
    assert (last.status_code, page_name(last)) == (HTTPStatus.TOO_MANY_REQUESTS, "too-often")
    assert f'href="{opened.path}"' in last.text
    assert card.tries == 3
