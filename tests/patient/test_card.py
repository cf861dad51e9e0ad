"""The card: every outcome has its own page, and a consent is registered at most once."""

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.patient.conftest import Cards
from tests.patient.site import Site, Visitor
from tests.patient.test_walk import receipt_of
from zaitaku import wire
from zaitaku.blueprints.failures import explain
from zaitaku.core.errors import StoreUnavailable
from zaitaku.core.ids import JourneyId
from zaitaku.facilities.model import Channel

ORIGIN = "http://localhost:8000"
PHONE = "03-0000-1234"


def is_registered(visitor: Visitor, journey: str) -> bool:
    """Tell whether the journey stands in the records."""
    found = visitor.site.services.consent.receipt_of(JourneyId(journey.removeprefix("/j/")))
    return found is not None


def assert_calm(visitor: Visitor, journey: str, code: str) -> None:
    """The page of ``code``, with the facility's phone, and nothing registered."""
    assert visitor.heading == explain(code).heading
    assert PHONE in visitor.text
    assert not is_registered(visitor, journey)


@pytest.mark.parametrize(
    ("card", "code", "status"),
    [
        ("expired", "certificate-expired", 403),
        ("early", "certificate-not-yet-valid", 403),
        ("revoked", "certificate-revoked", 403),
        ("foreign", "unknown-authority", 403),
    ],
)
def test_a_card_that_is_refused(
    visitor: Visitor, cards: Cards, card: str, code: str, status: int
) -> None:
    journey = visitor.walk_to_card()
    assert visitor.read_card(journey, getattr(cards, card)) == status
    assert_calm(visitor, journey, code)
    visitor.read_card(journey, cards.good)
    assert is_registered(visitor, journey)


def test_a_signature_of_another_card(visitor: Visitor, cards: Cards) -> None:
    journey = visitor.walk_to_card()
    request = visitor.ask(journey)
    mixed = type(cards.good)(cards.good.certificate, cards.other.key)
    assert visitor.get(visitor.prove(request, mixed)) == 403
    assert_calm(visitor, journey, "signature-mismatch")


def test_a_revocation_list_that_is_too_old(visitor: Visitor, cards: Cards) -> None:
    visitor.site.clock.advance(timedelta(days=400))
    journey = visitor.walk_to_card()
    assert visitor.read_card(journey, cards.good) == 503
    assert_calm(visitor, journey, "revocation-unknown")


def test_stopping_in_the_bridge(visitor: Visitor, cards: Cards) -> None:
    journey = visitor.walk_to_card()
    visitor.ask(journey)
    assert visitor.get(f"{journey}/card/return?cancelled=1") == 200
    assert_calm(visitor, journey, "card-cancelled")
    visitor.get(visitor.link("もう一度カードを読み取る"))
    assert "読み取りアプリが開きませんでしたか？" not in visitor.text
    visitor.read_card(journey, cards.good)
    assert is_registered(visitor, journey)


def test_a_bridge_that_comes_back_with_nothing_too_late_blames_nobody(
    visitor: Visitor, cards: Cards
) -> None:
    journey = visitor.walk_to_card()
    visitor.ask(journey)
    visitor.site.clock.advance(timedelta(minutes=10, seconds=12))
    assert visitor.get(f"{journey}/card/return?cancelled=1") == 410
    assert_calm(visitor, journey, "challenge-unknown")
    assert "取りやめました" not in visitor.text
    visitor.get(visitor.link("もう一度カードを読み取る"))
    visitor.ask(journey)
    visitor.get(f"{journey}/card/return?cancelled=1")
    assert_calm(visitor, journey, "card-cancelled")
    visitor.read_card(journey, cards.good)
    assert is_registered(visitor, journey)


@pytest.mark.parametrize("query", ["", "?code=", "?code=never-made", "?code=%F0%9F%98%80"])
def test_a_code_that_nobody_gave(visitor: Visitor, query: str) -> None:
    journey = visitor.walk_to_card()
    assert visitor.get(f"{journey}/card/return{query}") == 410
    assert_calm(visitor, journey, "outcome-unknown")


def test_a_code_that_has_expired(visitor: Visitor, cards: Cards) -> None:
    journey = visitor.walk_to_card()
    back = visitor.prove(visitor.ask(journey), cards.good)
    visitor.site.clock.advance(timedelta(minutes=11))
    assert visitor.get(back) == 410
    assert_calm(visitor, journey, "outcome-unknown")


def test_a_code_of_another_journey(site: Site, cards: Cards) -> None:
    first, second = site.visitor(), site.visitor()
    journey = first.walk_to_card()
    other = second.walk_to_card()
    code = parse_qs(urlsplit(first.prove(first.ask(journey), cards.good)).query)["code"][0]
    assert second.get(f"{other}/card/return?code={code}") == 403
    assert_calm(second, other, "outcome-foreign")


def test_a_code_in_another_browser(site: Site, cards: Cards) -> None:
    first, second = site.visitor(), site.visitor()
    journey = first.walk_to_card()
    back = first.prove(first.ask(journey), cards.good)
    assert second.get(back) == 404
    assert second.heading == explain("journey-gone").heading
    assert not is_registered(first, journey)


def test_reload_back_and_a_second_tab_give_the_same_receipt(visitor: Visitor, cards: Cards) -> None:
    journey = visitor.walk_to_card()
    back = visitor.prove(visitor.ask(journey), cards.good)
    visitor.get(back)
    reference = receipt_of(visitor.site, journey).reference
    for path in (back, f"{journey}/card", f"{journey}/check", f"{journey}/done", back):
        assert visitor.get(path) == 200
        assert visitor.location == f"{journey}/done"
        assert reference in visitor.text


def test_a_registration_whose_answer_was_lost_is_found(visitor: Visitor, cards: Cards) -> None:
    journey = visitor.walk_to_card()
    back = visitor.prove(visitor.ask(journey), cards.good)
    services = visitor.site.services
    code = parse_qs(urlsplit(back).query)["code"][0]
    verified = services.identity.outcome(code, JourneyId(journey.removeprefix("/j/")))
    services.consent.register(verified)
    visitor.get(back)
    assert visitor.location == f"{journey}/done"
    services.identity.forget(code)
    visitor.get(back)
    assert visitor.location == f"{journey}/done"


def test_two_tabs_that_read_the_card_register_once(visitor: Visitor, cards: Cards) -> None:
    journey = visitor.walk_to_card()
    first = visitor.prove(visitor.ask(journey), cards.good)
    second = visitor.prove(visitor.ask(journey), cards.good)
    visitor.get(first)
    reference = receipt_of(visitor.site, journey).reference
    assert visitor.get(second) == 409
    assert visitor.heading == explain("journey-registered").heading
    assert reference in visitor.text
    assert receipt_of(visitor.site, journey).reference == reference


def test_a_finished_journey_takes_no_answers(visitor: Visitor, cards: Cards) -> None:
    journey = visitor.walk_to_check()
    token = visitor.hidden()["csrf_token"]
    visitor.send()
    visitor.read_card(journey, cards.good)
    before = receipt_of(visitor.site, journey)
    for page, answer in (("operator", "companion"), ("items/surgery", "refuse"), ("card", "")):
        assert visitor.post(f"{journey}/{page}", {"csrf_token": token, "answer": answer}) == 409
        assert visitor.heading == explain("journey-finished").heading
    visitor.get(visitor.link("登録した内容を見る"))
    assert visitor.heading == "登録が終わりました"
    assert receipt_of(visitor.site, journey) == before


def test_help_is_there_after_the_registration_whatever_has_changed(
    visitor: Visitor, cards: Cards
) -> None:
    journey = visitor.walk_to_card()
    visitor.read_card(journey, cards.good)
    visitor.site.change_settings(checkup=False)
    assert visitor.get(f"{journey}/help/pin") == 200


def test_a_url_that_is_retired_during_the_reading(visitor: Visitor, cards: Cards) -> None:
    journey = visitor.walk_to_card()
    back = visitor.prove(visitor.ask(journey), cards.good)
    visitor.site.rotate()
    assert visitor.get(back) == 410
    assert_calm(visitor, journey, "url-retired")
    assert "みどり坂クリニック" in visitor.text


@pytest.mark.parametrize("page", ["choose", "check"])
def test_a_url_that_is_retired_before(visitor: Visitor, page: str) -> None:
    journey = visitor.walk_to_card()
    visitor.site.rotate()
    assert visitor.get(f"{journey}/{page}") == 410
    assert_calm(visitor, journey, "url-retired")


def test_a_url_that_is_retired_is_told_before_a_card_is_asked_for(visitor: Visitor) -> None:
    journey = visitor.walk_to_card()
    visitor.site.rotate()
    assert visitor.get(f"{journey}/card") == 200
    assert visitor.send() == 410
    assert_calm(visitor, journey, "url-retired")


def test_the_receipt_outlives_the_url(visitor: Visitor, cards: Cards) -> None:
    journey = visitor.walk_to_card()
    visitor.read_card(journey, cards.good)
    visitor.site.rotate()
    assert visitor.get(f"{journey}/done") == 200
    assert visitor.get(f"{journey}/receipt") == 200
    assert PHONE in visitor.text


@pytest.mark.parametrize(("mode", "term"), [("all", True), ("none", False)])
def test_the_receipt_tells_of_a_term_only_where_something_was_agreed(
    visitor: Visitor, cards: Cards, mode: str, *, term: bool
) -> None:
    journey = visitor.walk_to_card(mode=mode)
    visitor.read_card(journey, cards.good)
    for page in ("receipt", "receipt/text"):
        assert visitor.get(f"{journey}/{page}") == 200
        assert ("同意の期限" in visitor.text) is term
        assert ("同意した情報はありません" in visitor.text) is not term
    assert "内容の確認のための値：" in visitor.text


def test_a_channel_that_is_switched_off_on_the_way(visitor: Visitor, cards: Cards) -> None:
    journey = visitor.walk_to_card(Channel.ONLINE)
    back = visitor.prove(visitor.ask(journey), cards.good)
    visitor.site.change_settings(online=False)
    assert visitor.get(back) == 404
    assert_calm(visitor, journey, "channel-off")


def test_settings_that_ask_for_more_lead_back_to_the_new_question(visitor: Visitor) -> None:
    visitor.site.change_settings(surgery=False)
    journey = visitor.walk_to_check(mode="each")
    for _ in range(4):
        visitor.send("grant")
    visitor.send()
    assert visitor.heading == "マイナンバーカードを読み取ります"
    visitor.site.change_settings(surgery=True)
    visitor.get(f"{journey}/card")
    visitor.send()
    assert visitor.location == f"{journey}/items/surgery?change=yes"


def test_a_database_that_is_away_while_registering(
    visitor: Visitor, cards: Cards, monkeypatch: pytest.MonkeyPatch
) -> None:
    journey = visitor.walk_to_card()
    back = visitor.prove(visitor.ask(journey), cards.good)

    def away(_: object) -> None:
        raise StoreUnavailable("away")

    with monkeypatch.context() as broken:
        broken.setattr(
            type(visitor.site.services.consent), "register", lambda _, card, **__: away(card)
        )
        assert visitor.get(back) == 503
    assert_calm(visitor, journey, "registration-unknown")
    assert "登録されていません" not in visitor.text
    assert visitor.link("この画面を開き直す") == back
    visitor.get(visitor.link("この画面を開き直す"))
    assert visitor.heading == "登録が終わりました"


def test_an_unanswered_ask_offers_other_ports(visitor: Visitor) -> None:
    journey = visitor.walk_to_card()
    assert "読み取りアプリが開きませんでしたか？" not in visitor.text
    visitor.ask(journey)
    visitor.get(f"{journey}/card")
    assert "読み取りアプリが開きませんでしたか？" in visitor.text
    ports = [e.attrib["value"] for e in visitor.page.iter("button") if "value" in e.attrib]
    assert ports == [str(port) for port in wire.BRIDGE_PORTS[1:]]


@pytest.mark.parametrize(
    ("asked", "port"),
    [("", 18231), ("18232", 18232), ("18233", 18233), ("22", 18231), ("1@evil.example", 18231)],
)
def test_only_ports_of_the_bridge_are_gone_to(visitor: Visitor, asked: str, port: int) -> None:
    journey = visitor.walk_to_card()
    fields = visitor.hidden() | ({"port": asked} if asked else {})
    answer = visitor.client.post(f"{journey}/card", data=fields, base_url=ORIGIN)
    assert answer.location.startswith(f"http://127.0.0.1:{port}/read?request=")


def test_only_the_card_page_lets_forms_end_at_the_bridge(visitor: Visitor) -> None:
    journey = visitor.walk_to_card()
    policies = [
        visitor.client.get(f"{journey}/{page}", base_url=ORIGIN).headers["Content-Security-Policy"]
        for page in ("card", "operator")
    ]
    assert [f"http://127.0.0.1:{wire.BRIDGE_PORTS[0]}" in policy for policy in policies] == [
        True,
        False,
    ]


def test_a_certificate_that_expires_soon_is_said_on_the_last_page(
    visitor: Visitor, cards: Cards
) -> None:
    journey = visitor.walk_to_card()
    visitor.read_card(journey, cards.expiring)
    assert "カードの電子証明書の期限が近づいています" in visitor.text
    assert "2026年12月20日（日）" in visitor.text


def test_a_certificate_with_time_left_is_not_mentioned(visitor: Visitor, cards: Cards) -> None:
    journey = visitor.walk_to_card()
    visitor.read_card(journey, cards.good)
    assert "カードの電子証明書の期限" not in visitor.text


@pytest.mark.parametrize("page", ["done", "receipt", "receipt/text"])
def test_nothing_is_shown_as_done_before_it_is(visitor: Visitor, page: str) -> None:
    journey = visitor.walk_to_check()
    visitor.get(f"{journey}/{page}")
    assert visitor.location == f"{journey}/check"
