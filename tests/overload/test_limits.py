"""Limits on how often patients, programs and devices may do something."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.patient.conftest import Cards
from tests.patient.site import Site, Visitor
from zaitaku import wire
from zaitaku.accounts.service import LoginAttempt
from zaitaku.blueprints.edge import EXTENSION
from zaitaku.blueprints.limits import activating
from zaitaku.core import limits
from zaitaku.core.attempts import count_against
from zaitaku.core.clock import FixedClock
from zaitaku.core.ephemeral import EphemeralStore
from zaitaku.core.errors import (
    StoreUnavailable,
    TooManyAttempts,
    TooManyBeginnings,
    ZaitakuError,
)
from zaitaku.core.limits import Counted, Limit
from zaitaku.devices.errors import CodeTooYoung, CodeUnknown
from zaitaku.devices.service import DeviceRequest

DOCUMENT = Path(__file__).parents[2] / "docs" / "overload.md"
FEW = Limit("few", "x", 2, timedelta(minutes=10), Counted.ALL, "x")
MORE = Limit("more", "x", 3, timedelta(minutes=20), Counted.ALL, "x")


def fewer(monkeypatch: pytest.MonkeyPatch, name: str, most: int = 1) -> None:
    """Lower a limit of the table."""
    monkeypatch.setattr(limits, name, replace(getattr(limits, name), most=most))


def minutes(limit: Limit) -> str:
    return f"{limit.window // timedelta(minutes=1)}分"


def test_no_two_limits_are_counted_together() -> None:
    kinds = [limit.kind for limit in limits.LIMITS]
    assert len(set(kinds)) == len(kinds)


def test_every_limit_stands_in_the_document() -> None:
    rows = [
        f"| {limit.subject} | `{limit.kind}` | {limit.most}／{minutes(limit)}（{limit.counted}） |"
        f" {limit.reason} |"
        for limit in limits.LIMITS
    ]
    text = DOCUMENT.read_text("utf-8")
    assert [row for row in rows if row not in text] == []


def test_whoever_reaches_one_limit_is_told_when_the_longest_ends(
    ephemeral: EphemeralStore, clock: FixedClock
) -> None:
    def count() -> None:
        count_against(
            {FEW: "a", MORE: "b"}, ephemeral=ephemeral, clock=clock, refusal=TooManyBeginnings
        )

    clock.advance(timedelta(minutes=4))
    count()
    count()
    with pytest.raises(TooManyBeginnings) as caught:
        count()
    assert caught.value.retry_after == 6 * 60
    with pytest.raises(TooManyBeginnings) as caught:
        count()
    assert caught.value.retry_after == 16 * 60
    clock.advance(timedelta(minutes=6))
    count_against({FEW: "a"}, ephemeral=ephemeral, clock=clock)


def test_a_factor_raises_a_limit(ephemeral: EphemeralStore, clock: FixedClock) -> None:
    for _ in range(20):
        count_against({FEW: "a"}, ephemeral=ephemeral, clock=clock, factor=10)
    with pytest.raises(TooManyAttempts):
        count_against({FEW: "a"}, ephemeral=ephemeral, clock=clock, factor=10)


@pytest.mark.parametrize("name", ["BEGIN_BY_ADDRESS", "BEGIN_BY_URL_AND_ADDRESS", "BEGIN_BY_URL"])
def test_too_many_beginnings(
    site: Site, visitor: Visitor, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    fewer(monkeypatch, name)
    visitor.start()
    visitor.get(site.path())
    site.clock.advance(timedelta(minutes=3))
    answer = visitor.client.post(visitor.location, data=visitor.hidden())
    assert answer.status_code == 429
    assert answer.headers["Retry-After"] == "420"
    assert "約7分たつと、もう一度できます。" in answer.text
    site.clock.advance(timedelta(minutes=7))
    assert visitor.send() == 200


def test_a_crowd_that_is_expected_may_begin(
    site: Site, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    fewer(monkeypatch, "BEGIN_BY_ADDRESS")
    many = replace(site.services.settings, crowd_factor=3)
    site.app.extensions[EXTENSION] = replace(site.services, settings=many)
    for _ in range(3):
        visitor.start()
        assert visitor.status == 200
    visitor.get(site.path())
    assert visitor.send() == 429


def test_one_card_registers_so_often_and_no_more(
    site: Site, cards: Cards, monkeypatch: pytest.MonkeyPatch
) -> None:
    fewer(monkeypatch, "REGISTER_BY_CARD")
    for status, card in ((200, cards.good), (429, cards.good), (200, cards.other)):
        visitor = site.visitor()
        assert visitor.read_card(visitor.walk_to_card(), card) == status


def test_one_journey_asks_for_a_card_so_often_and_no_more(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    fewer(monkeypatch, "CARD_ASK_BY_JOURNEY")
    journey = visitor.walk_to_card()
    visitor.ask(journey)
    visitor.get(f"{journey}/card")
    assert visitor.send() == 429
    assert visitor.heading == "カードの読み取りが、短い時間に何度もありました"


def test_one_address_sends_so_many_proofs_and_no_more(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    fewer(monkeypatch, "PROOF_BY_ADDRESS")
    assert visitor.client.post(wire.PROOF_PATH, json={}).status_code == 400
    answer = visitor.client.post(wire.PROOF_PATH, json={})
    assert answer.status_code == 429
    assert answer.json == {
        "error": "too-many-attempts",
        "retry_after": int(answer.headers["Retry-After"]),
    }


def test_activations_that_fail_are_limited_by_code_and_by_account(site: Site) -> None:
    def failing(failure: ZaitakuError, code: str, account: str) -> None:
        login = LoginAttempt("1312345670", account, "x", "192.0.2.1")
        with activating(DeviceRequest(login, code, "key", "")):
            raise failure

    with site.app.test_request_context():
        for number in range(limits.ACTIVATE_BY_CODE.most):
            with pytest.raises(CodeTooYoung):
                failing(CodeTooYoung(retry_after=1), "111111111111", f"a{number}")
        for number in range(limits.ACTIVATE_BY_CODE.most):
            with pytest.raises(CodeUnknown):
                failing(CodeUnknown(), "１１１１-1111-1111", f"b{number}")
        with pytest.raises(TooManyAttempts):
            failing(CodeUnknown(), "111111111111", "c")
        for number in range(limits.ACTIVATE_BY_ACCOUNT.most):
            with pytest.raises(CodeUnknown):
                failing(CodeUnknown(), f"2222222222{number:02}", "d")
        with pytest.raises(TooManyAttempts):
            failing(CodeUnknown(), "333333333333", "d")


def test_nobody_begins_uncounted_and_a_signed_card_is_registered_all_the_same(
    site: Site, visitor: Visitor, monkeypatch: pytest.MonkeyPatch, cards: Cards
) -> None:
    journey = visitor.walk_to_card()
    way_back = visitor.prove(visitor.ask(journey), cards.good)
    visitor.get(site.path())

    def away(*_: object) -> list[int]:
        raise StoreUnavailable("test")

    monkeypatch.setattr(type(site.services.ephemeral), "count_all", away)
    answer = visitor.client.post(visitor.location, data=visitor.hidden())
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "60")
    assert visitor.get(way_back) == 200
    assert visitor.location == f"{journey}/done"


def test_one_address_hands_over_so_often_and_no_more(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    fewer(monkeypatch, "HAND_OVER_BY_ADDRESS")
    journey = visitor.walk_to_card()
    for status in (200, 429):
        visitor.get(f"{journey}/hand-over")
        fields = visitor.hidden() | {"act": "begin"}
        assert visitor.post(f"{journey}/hand-over", fields) == status
