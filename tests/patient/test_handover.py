"""A phone hands the reading of the card over to a computer."""

from datetime import timedelta
from urllib.parse import urlsplit

import pytest

from tests.patient.conftest import Cards
from tests.patient.handing import ORIGIN, Pair, pair_of, press, shown_code
from tests.patient.site import Site
from zaitaku import wire
from zaitaku.blueprints.failures import explain
from zaitaku.core.errors import StoreUnavailable
from zaitaku.facilities.model import Channel
from zaitaku.identity.handover_model import Stage


@pytest.fixture
def pair(site: Site) -> Pair:
    """A phone that has answered everything, and a computer."""
    return pair_of(site)


@pytest.mark.parametrize("channel", list(Channel))
def test_from_the_phone_to_the_computer_and_back(
    site: Site, cards: Cards, channel: Channel
) -> None:
    pair = pair_of(site, channel)
    pair.show_code()
    assert pair.phone.heading == "パソコンで開いてください"
    before = pair.state_on_phone()
    pair.take()
    assert pair.state_on_phone() != before
    pair.agree()
    pair.computer.get(pair.address)
    assert pair.computer.heading == "マイナンバーカードを読み取ります"
    assert pair.read_card(cards.good) == 200
    assert pair.computer.heading == "カードの読み取りが終わりました"
    pair.phone.get(pair.page)
    assert pair.phone.location == f"{pair.journey}/done"
    receipt = site.services.consent.receipt_of(pair.journey_id)
    assert receipt
    assert receipt.reference in pair.phone.text


def test_both_screens_show_the_same_four_digits(pair: Pair) -> None:
    pair.show_code()
    pair.take()
    pair.phone.get(pair.page)
    code = shown_code(pair.phone)
    assert code == shown_code(pair.computer)
    assert len(code) == 4
    assert code.isdecimal()


def test_the_computer_learns_the_facility_and_never_the_receipt(pair: Pair, cards: Cards) -> None:
    pair.show_code()
    pair.computer.get(pair.address)
    assert "みどり坂クリニック" in pair.computer.text
    assert "訪問診療など" in pair.computer.text
    texts = [pair.computer.text]
    press(pair.computer, "claim")
    texts.append(pair.computer.text)
    pair.agree()
    texts.append(pair.computer.text)
    pair.read_card(cards.good)
    texts.append(pair.computer.text)
    standing = pair.site.services.consent.standing_of(pair.journey_id)
    assert standing
    private = [standing.receipt.reference, "同意する", *(line.label for line in standing.lines)]
    assert len(private) > 3
    for text in texts:
        assert not [word for word in private if word in text]
    for page in ("done", "receipt", "receipt/text", "hand-over"):
        assert pair.computer.get(f"{pair.journey}/{page}") == 404


def test_the_number_leads_to_the_same_page_as_the_code(pair: Pair) -> None:
    pair.show_code()
    number = pair.kept.number
    assert f"{number[:3]}-{number[3:6]}-{number[6:]}" in pair.phone.text
    pair.computer.get("/h")
    wide = number.translate(str.maketrans("0123456789", "０１２３４５６７８９"))
    pair.computer.send(number=f"{wide[:3]}ー{wide[3:6]} {wide[6:]}")
    assert pair.computer.location == pair.address
    assert pair.computer.heading == "このパソコンでカードを読み取りますか"


def test_a_wrong_number_opens_nothing(pair: Pair) -> None:
    pair.show_code()
    pair.computer.get("/h")
    for typed in ("", "123", "123456780", "12345678٢", "a" * 9, "9" * 41):
        assert pair.computer.send(number=typed) == 422
        assert pair.computer.heading == "受付を始めた画面の番号を入力してください"
    assert pair.stage is Stage.SHOWN


def test_the_card_is_asked_for_in_the_words_of_the_phone(site: Site) -> None:
    pair = pair_of(site, language="ja-x-yasashii")
    pair.phone.get(f"{pair.page}?size=largest")
    press(pair.phone, "begin")
    pair.computer.get(f"{pair.address}?lang=ja-x-yasashii")
    press(pair.computer, "claim")
    pair.agree()
    pair.computer.get(pair.address)
    asked = pair.ask()
    assert (asked.language, asked.text_size) == ("ja-x-yasashii", "largest")
    assert asked.return_path == f"{pair.address}/return"
    assert pair.journey_id in asked.document


@pytest.mark.parametrize("language", ["ja", "ja-x-yasashii", "en"])
def test_every_page_stands_in_every_language(site: Site, cards: Cards, language: str) -> None:
    pair = pair_of(site, language=language)
    pair.computer.get(f"/h?lang={language}")
    pair.computer.send(number="1")
    pair.show_code()
    pair.take()
    pair.phone.get(pair.page)
    press(pair.phone, "same")
    press(pair.computer, "different")
    pair.phone.get(pair.page)
    pair.walk_to_reading()
    pair.phone.get(pair.page)
    pair.read_card(cards.expired)
    pair.phone.get(pair.page)
    pair.walk_to_reading()
    pair.read_card(cards.good)
    titles = pair.phone.titles | pair.computer.titles
    assert all(pair.phone.page.attrib["lang"] == language for _ in titles)
    pair.phone.get(pair.page)
    assert pair.phone.location == f"{pair.journey}/done"


def test_an_easy_number_leads_to_easy_words(site: Site) -> None:
    pair = pair_of(site, language="ja-x-yasashii")
    pair.show_code()
    pair.computer.get("/h")
    pair.computer.send(number=pair.kept.number)
    assert pair.computer.page.attrib["lang"] == "ja-x-yasashii"


def test_reload_back_and_a_second_tab_change_nothing(pair: Pair, cards: Cards) -> None:
    pair.walk_to_reading()
    back = pair.signed(cards.good)
    for _ in range(2):
        assert pair.computer.get(back) == 200
        assert pair.computer.heading == "カードの読み取りが終わりました"
    receipt = pair.site.services.consent.receipt_of(pair.journey_id)
    for _ in range(2):
        pair.phone.get(pair.page)
        assert pair.phone.location == f"{pair.journey}/done"
    pair.phone.get(f"{pair.journey}/card")
    assert pair.phone.location == f"{pair.journey}/done"
    assert pair.site.services.consent.receipt_of(pair.journey_id) == receipt


def test_stopping_in_the_bridge_can_be_gone_back_on(pair: Pair, cards: Cards) -> None:
    pair.walk_to_reading()
    request = pair.ask()
    pair.computer.get(f"{request.return_path}?cancelled=1")
    assert "カードの読み取りを取りやめました" in pair.computer.text
    assert pair.stage is Stage.READING
    assert pair.ask() == request
    pair.computer.get(pair.computer.prove(request, cards.good))
    assert pair.is_registered()


def test_a_reading_whose_time_is_over_is_not_called_stopped(pair: Pair) -> None:
    pair.walk_to_reading()
    request = pair.ask()
    pair.site.clock.advance(timedelta(minutes=10, seconds=12))
    pair.computer.get(f"{request.return_path}?cancelled=1")
    assert pair.computer.heading == explain("handover-late").heading
    assert "取りやめました" not in pair.computer.text


@pytest.mark.parametrize(("side", "act"), [("phone", "different"), ("computer", "cancel")])
def test_either_side_ends_it_and_the_other_is_told(pair: Pair, side: str, act: str) -> None:
    pair.show_code()
    pair.take()
    pair.phone.get(pair.page)
    press(getattr(pair, side), act)
    pair.phone.get(pair.page)
    pair.computer.get(pair.address)
    words = explain("handover-cancelled").heading
    assert words in pair.phone.text
    assert pair.computer.heading == words
    assert "登録が終わりました" not in pair.phone.text
    press(pair.phone, "begin")
    assert pair.stage is Stage.SHOWN


def test_a_reading_that_is_cancelled_registers_nothing(pair: Pair, cards: Cards) -> None:
    pair.walk_to_reading()
    back = pair.signed(cards.good)
    pair.phone.get(pair.page)
    press(pair.phone, "cancel")
    pair.computer.get(back)
    assert pair.computer.heading == explain("handover-cancelled").heading
    assert not pair.is_registered()


def test_it_is_too_late_to_cancel_what_is_registered(pair: Pair, cards: Cards) -> None:
    pair.walk_to_reading()
    pair.phone.get(pair.page)
    pair.read_card(cards.good)
    press(pair.phone, "cancel")
    assert pair.phone.location == f"{pair.journey}/done"
    assert pair.is_registered()


@pytest.mark.parametrize(
    ("card", "code"),
    [
        ("expired", "certificate-expired"),
        ("revoked", "certificate-revoked"),
    ],
)
def test_both_sides_learn_why_a_card_was_refused(
    pair: Pair, cards: Cards, card: str, code: str
) -> None:
    pair.walk_to_reading()
    back = pair.signed(getattr(cards, card))
    for _ in range(2):
        pair.computer.get(back)
        assert pair.computer.heading == explain(code).heading
    assert pair.stage is Stage.REFUSED
    pair.phone.get(pair.page)
    assert explain(code).heading in pair.phone.text
    pair.walk_to_reading()
    pair.read_card(cards.good)
    assert pair.is_registered()


def test_a_certificate_that_expires_soon_is_said_on_the_phone(pair: Pair, cards: Cards) -> None:
    pair.walk_to_reading()
    pair.read_card(cards.expiring)
    assert "期限" not in pair.computer.text
    pair.phone.get(pair.page)
    assert "カードの電子証明書の期限が近づいています" in pair.phone.text


@pytest.mark.parametrize("side", ["phone", "computer"])
def test_a_store_that_was_away_while_registering_loses_nothing(
    pair: Pair, cards: Cards, monkeypatch: pytest.MonkeyPatch, side: str
) -> None:
    pair.walk_to_reading()
    back = pair.signed(cards.good)

    def away(*_: object) -> None:
        raise StoreUnavailable("away")

    with monkeypatch.context() as broken:
        broken.setattr(type(pair.site.services.consent), "register", away)
        assert pair.computer.get(back) == 503
        assert pair.computer.heading == explain("registration-unknown").heading
    pair.phone.get(pair.page)
    pair.computer.get(pair.address)
    assert pair.phone.heading == pair.computer.heading == "登録しています"
    press(pair.phone, "begin")
    assert pair.state_on_phone().startswith("finishing")
    press(getattr(pair, side), "finish")
    assert pair.is_registered()
    assert pair.state_on_phone().startswith("registered")
    pair.phone.get(pair.page)
    assert pair.phone.location == f"{pair.journey}/done"


def test_a_short_lived_store_that_fails_afterwards_loses_nothing(
    pair: Pair, cards: Cards, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair.walk_to_reading()
    back = pair.signed(cards.good)

    def away(*_: object) -> None:
        raise StoreUnavailable("away")

    with monkeypatch.context() as broken:
        broken.setattr(type(pair.site.services.hand_overs), "note_registered", away)
        assert pair.computer.get(back) == 200
    assert pair.is_registered()
    pair.phone.get(pair.page)
    assert pair.phone.location == f"{pair.journey}/done"
    press(pair.computer, "finish")
    assert pair.computer.heading == "カードの読み取りが終わりました"


def test_a_journey_that_was_registered_in_another_way_meanwhile(pair: Pair, cards: Cards) -> None:
    pair.walk_to_reading()
    back = pair.signed(cards.good)
    pair.phone.read_card(pair.journey, cards.other)
    receipt = pair.site.services.consent.receipt_of(pair.journey_id)
    assert receipt
    pair.computer.get(back)
    assert pair.computer.heading == explain("journey-registered").heading
    assert receipt.reference not in pair.computer.text
    pair.phone.get(pair.page)
    assert receipt.reference in pair.phone.text


def test_a_finished_journey_hands_nothing_over(pair: Pair, cards: Cards) -> None:
    pair.phone.get(pair.page)
    fields = pair.phone.hidden()
    pair.phone.read_card(pair.journey, cards.good)
    pair.phone.post(pair.page, fields | {"act": "begin"})
    assert pair.phone.location == f"{pair.journey}/done"
    assert pair.site.services.hand_overs.of_journey(pair.journey_id) is None


def test_nothing_is_handed_over_before_the_answers_are_checked(site: Site) -> None:
    phone = site.visitor()
    journey = phone.walk_to_check()
    phone.get(f"{journey}/hand-over")
    assert phone.location == f"{journey}/check"
    phone.post(f"{journey}/hand-over", phone.hidden() | {"act": "begin"})
    assert phone.location == f"{journey}/check"


def test_the_computer_may_ask_at_another_port(pair: Pair) -> None:
    pair.walk_to_reading()
    page = pair.computer.client.get(pair.address, base_url=ORIGIN)
    for port in wire.BRIDGE_PORTS:
        fields = pair.computer.hidden() | {"act": "read", "port": str(port)}
        answer = pair.computer.client.post(pair.address, data=fields, base_url=ORIGIN)
        assert urlsplit(answer.location).netloc == f"127.0.0.1:{port}"
        assert f"http://127.0.0.1:{port}" in page.headers["Content-Security-Policy"]


def test_five_minutes_and_it_is_over(pair: Pair) -> None:
    pair.show_code()
    pair.take()
    pair.site.clock.advance(timedelta(minutes=5))
    press(pair.computer, "same")
    assert pair.computer.heading == explain("handover-expired").heading
    pair.phone.get(pair.page)
    assert explain("handover-expired").heading in pair.phone.text
    press(pair.phone, "begin")
    assert pair.phone.heading == "パソコンで開いてください"


def test_the_reading_itself_may_take_as_long_as_any(pair: Pair, cards: Cards) -> None:
    pair.walk_to_reading()
    pair.site.clock.advance(timedelta(minutes=9))
    request = pair.ask()
    back = pair.computer.prove(request, cards.good)
    pair.site.clock.advance(timedelta(minutes=9))
    pair.computer.get(back)
    assert pair.computer.heading == "カードの読み取りが終わりました"
    pair.phone.get(pair.page)
    assert pair.phone.location == f"{pair.journey}/done"


def test_a_button_that_no_page_has(pair: Pair) -> None:
    pair.show_code()
    fields = pair.phone.hidden()
    for act in ("", "claim", "nonsense"):
        assert pair.phone.post(pair.page, fields | {"act": act}) == 400
