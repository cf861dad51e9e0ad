"""The whole way on both channels, at the HTTP level, without JavaScript."""

import re
from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest

from tests.patient.conftest import TODAY, Cards
from tests.patient.site import Site, Visitor
from zaitaku.blueprints.edge import EXTENSION
from zaitaku.consent.model import ConsentItem, Decision, Operator, Receipt
from zaitaku.core.clock import JST
from zaitaku.core.ids import JourneyId
from zaitaku.core.languages import Language
from zaitaku.facilities.model import Channel
from zaitaku.facilities.practice import ENGLISH_MARK, MARK
from zaitaku.settings import Mode


def receipt_of(site: Site, journey: str) -> Receipt:
    """Return what stands in the records for a journey."""
    receipt = site.services.consent.receipt_of(JourneyId(journey.removeprefix("/j/")))
    assert receipt is not None
    return receipt


def test_home_visit_from_the_url_to_the_reference_number(visitor: Visitor, cards: Cards) -> None:
    journey = visitor.start()
    assert visitor.heading == "マイナンバーカードは手元にありますか"
    visitor.prepare()
    assert visitor.heading == "いま操作しているのは、どなたですか"
    visitor.send("self")
    assert visitor.heading == "健康保険の資格を、この施設が確認します"
    visitor.send()
    assert visitor.heading == "情報を見せてよいか、答え方を選んでください"
    visitor.send("each")
    for decision in ("grant", "refuse", "grant", "refuse", "grant"):
        visitor.send(decision)
    assert visitor.heading == "答えを確かめてください"
    visitor.send()
    assert visitor.heading == "マイナンバーカードを読み取ります"
    assert visitor.read_card(journey, cards.good) == 200
    assert visitor.heading == "登録が終わりました"
    receipt = receipt_of(visitor.site, journey)
    assert receipt.reference in visitor.text
    assert [line.decision for line in receipt.lines] == [
        Decision.GRANT,
        Decision.REFUSE,
        Decision.GRANT,
        Decision.REFUSE,
        Decision.GRANT,
    ]


@pytest.mark.parametrize(("mode", "decision"), [("all", Decision.GRANT), ("none", Decision.REFUSE)])
def test_online_today_with_a_shortcut(
    visitor: Visitor, cards: Cards, mode: str, decision: Decision
) -> None:
    journey = visitor.walk_to_card(Channel.ONLINE, mode)
    visitor.read_card(journey, cards.good)
    receipt = receipt_of(visitor.site, journey)
    assert {line.decision for line in receipt.lines} == {decision}
    assert receipt.visit_date == TODAY
    assert receipt.channel is Channel.ONLINE


def test_online_on_a_booked_day(visitor: Visitor, cards: Cards) -> None:
    journey = visitor.start(Channel.ONLINE)
    visitor.prepare()
    visitor.send("legal-representative")
    assert visitor.heading == "どちらの診療を受けますか"
    day = {"visit_date-year": "８", "visit_date-month": "１２", "visit_date-day": "０１"}
    visitor.send("online", **day)
    visitor.send()
    visitor.send("all")
    assert "2026年12月1日（火）" in visitor.text
    visitor.send()
    visitor.read_card(journey, cards.good)
    receipt = receipt_of(visitor.site, journey)
    assert receipt.visit_date == date(2026, 12, 1)
    assert receipt.operator is Operator.LEGAL_REPRESENTATIVE
    assert "お約束の日と場所で受診してください" in visitor.text


def test_who_comes_today_is_not_told_of_another_day(visitor: Visitor, cards: Cards) -> None:
    visitor.site.clock.moment = datetime(2026, 11, 20, 23, 40, tzinfo=JST)
    visitor.read_card(visitor.walk_to_card(Channel.ONLINE), cards.good)
    assert "今日受診してください" in visitor.text
    assert "お約束の日" not in visitor.text
    visitor.site.clock.advance(timedelta(hours=1))
    visitor.get(visitor.location)
    assert "今日受診してください" not in visitor.text
    assert "お約束の日" in visitor.text


def test_the_day_that_was_signed_counts_and_not_what_was_answered_since(
    visitor: Visitor, cards: Cards
) -> None:
    journey = visitor.start(Channel.ONLINE)
    visitor.prepare()
    visitor.send("self")
    day = {"visit_date-year": "8", "visit_date-month": "12", "visit_date-day": "1"}
    visitor.send("online", **day)
    for answer in ("", "all", ""):
        visitor.send(answer)
    back = visitor.prove(visitor.ask(journey), cards.good)
    visitor.get(f"{journey}/visit")
    visitor.send("walk-in")
    visitor.get(back)
    assert receipt_of(visitor.site, journey).visit_date == date(2026, 12, 1)
    assert "お約束の日" in visitor.text
    assert "今日受診してください" not in visitor.text


def test_a_link_with_the_day_does_not_ask_for_it(visitor: Visitor, cards: Cards) -> None:
    journey = visitor.start(Channel.ONLINE, "?date=2026-12-24")
    visitor.prepare()
    visitor.send("self")
    assert visitor.heading == "健康保険の資格を、この施設が確認します"
    visitor.send()
    visitor.send("all")
    assert "2026年12月24日（木）" in visitor.text
    assert "（受診日）" not in visitor.text
    visitor.send()
    visitor.read_card(journey, cards.good)
    assert receipt_of(visitor.site, journey).visit_date == date(2026, 12, 24)


@pytest.mark.parametrize("language", list(Language))
def test_the_language_of_the_check_page_is_the_document_s(
    visitor: Visitor, cards: Cards, language: Language
) -> None:
    visitor.get(f"/e?lang={language}")
    journey = visitor.walk_to_card(mode="none")
    assert visitor.page.attrib["lang"] == language
    visitor.read_card(journey, cards.good)
    assert receipt_of(visitor.site, journey).language is language
    assert visitor.get(f"{journey}/receipt") == 200


def test_the_bridge_is_told_what_the_patient_confirmed(visitor: Visitor) -> None:
    journey = visitor.walk_to_check()
    visitor.get(visitor.link("変更（手術の情報）"))
    visitor.send("refuse")
    assert visitor.heading == "答えを確かめてください"
    visitor.send()
    request = visitor.ask(journey)
    choices = {choice.item: choice.granted for choice in request.choices}
    assert choices[ConsentItem.SURGERY] is False
    assert all(granted for item, granted in choices.items() if item != ConsentItem.SURGERY)
    shown = request.check_document()
    assert (shown.facility, shown.channel) == ("みどり坂クリニック", "home-visit")
    assert request.return_path == f"{journey}/card/return"
    assert request.language == "ja"


def test_what_a_facility_asks_is_what_is_asked(site: Site, cards: Cards) -> None:
    site.change_settings(surgery=False, clinical=False, medication=True, specific_disease=False)
    visitor = site.visitor()
    journey = visitor.walk_to_card()
    visitor.read_card(journey, cards.good)
    items = [line.item for line in receipt_of(site, journey).lines]
    assert items == [ConsentItem.MEDICATION, ConsentItem.CHECKUP, ConsentItem.HIGH_COST_LIMIT]


def test_the_receipt_can_be_kept(visitor: Visitor, cards: Cards) -> None:
    journey = visitor.walk_to_card()
    visitor.read_card(journey, cards.good)
    reference = receipt_of(visitor.site, journey).reference
    visitor.get(f"{journey}/receipt")
    assert reference in visitor.text
    kept = visitor.client.get(f"{journey}/receipt/text", base_url="http://localhost:8000")
    assert kept.mimetype == "text/plain"
    assert kept.headers["Content-Disposition"].startswith("attachment")
    assert reference in kept.text
    assert "手術の情報：同意する" in kept.text
    assert "<" not in kept.text


def test_the_kept_receipt_of_a_sandbox_says_that_it_is_for_practice(
    visitor: Visitor, cards: Cards
) -> None:
    journey = visitor.walk_to_card()
    visitor.read_card(journey, cards.good)
    services = visitor.site.services
    kept = kept_receipt(visitor, journey)
    assert kept.startswith(f"\ufeff{MARK}　{ENGLISH_MARK}\n")
    assert "この控えは練習用です。" in kept
    real = replace(services.settings, mode=Mode.PRODUCTION, origin="https://zaitaku.example")
    visitor.site.app.extensions[EXTENSION] = replace(services, settings=real)
    kept = kept_receipt(visitor, journey)
    assert kept.startswith("\ufeff同意の受付の控え\n")
    assert "練習用" not in kept


def test_the_kept_receipt_gives_the_readings_of_easy_japanese(
    visitor: Visitor, cards: Cards
) -> None:
    journey = visitor.start(query="?lang=ja-x-yasashii")
    visitor.prepare()
    visitor.send("self")
    visitor.send()
    visitor.send("all")
    visitor.send()
    visitor.read_card(journey, cards.good)
    kept = kept_receipt(visitor, journey)
    assert (
        "この施設(しせつ)が、これまでの手術(しゅじゅつ)の情報(じょうほう)を見(み)てもいいですか？"
        in kept
    )
    assert "この記録(きろく)は練習(れんしゅう)です。" in kept
    without = re.sub(r"\([ぁ-ん]+\)", "", kept)
    for line in receipt_of(visitor.site, journey).lines:
        assert line.wording.text in without


def kept_receipt(visitor: Visitor, journey: str) -> str:
    """Return the file that a patient saves."""
    return visitor.client.get(f"{journey}/receipt/text", base_url="http://localhost:8000").text


def test_titles_differ_from_page_to_page(visitor: Visitor, cards: Cards) -> None:
    journey = visitor.start(Channel.ONLINE)
    visitor.prepare()
    visitor.send("self")
    visitor.send("walk-in")
    visitor.send()
    visitor.send("each")
    for _ in range(5):
        visitor.send("grant")
    visitor.send()
    visitor.read_card(journey, cards.good)
    visitor.get(f"{journey}/receipt")
    titles = {path.split("?")[0]: title for path, title in visitor.titles.items()}
    assert len(set(titles.values())) == len(titles) == 17
