"""Answers: nothing preselected, kind errors, Back, changes, two tabs, languages."""

from collections.abc import Callable
from datetime import timedelta
from random import Random
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.patient.lint import words
from tests.patient.site import Site, Visitor
from zaitaku.blueprints.failures import explain
from zaitaku.blueprints.patient.background import FIELD
from zaitaku.core.database import Database
from zaitaku.core.errors import EphemeralStoreUnavailable, StoreUnavailable
from zaitaku.facilities.model import Channel
from zaitaku.facilities.offers import Offer

ORIGIN = "http://localhost:8000"


def checked(visitor: Visitor) -> list[str]:
    """Return the values of the radio buttons that are checked."""
    return [
        entry.attrib["value"] for entry in visitor.page.iter("input") if "checked" in entry.attrib
    ]


def path_of(visitor: Visitor) -> str:
    """Return the last part of where the visitor is."""
    return urlsplit(visitor.location).path.partition("/j/")[2].partition("/")[2]


def test_no_page_preselects_an_answer(visitor: Visitor) -> None:
    visitor.start(Channel.ONLINE)
    for answer in ("yes", "yes", "yes", "self", "walk-in", "", "each", *["grant"] * 5):
        assert checked(visitor) == []
        visitor.send(answer)
    assert visitor.heading == "答えを確かめてください"


def test_every_question_without_an_answer_says_so(visitor: Visitor) -> None:
    visitor.start(Channel.ONLINE)
    for answer in ("yes", "yes", "yes", "self", "walk-in", "", "each", *["refuse"] * 5):
        if answer:
            assert visitor.send() == 422
            assert visitor.title.startswith("エラー：")
            assert_summary_leads_to_the_field(visitor, "answer")
        visitor.send(answer)
    assert visitor.status == 200


def assert_summary_leads_to_the_field(visitor: Visitor, field: str) -> None:
    """Compare the summary with the field: same words, and a link to it."""
    summary = next(e for e in visitor.page.iter("div") if "data-error-summary" in e.attrib)
    link = next(summary.iter("a"))
    assert link.attrib["href"] == f"#{field}"
    name = field.removesuffix("-year")
    error = next(e for e in visitor.page.iter("p") if e.attrib.get("id") == f"{name}-error")
    assert words(error) == "エラー：" + words(link)
    order = list(visitor.page.iter())
    assert order.index(summary) < order.index(next(visitor.page.iter("h1")))


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        (("", "", ""), "年・月・日の欄に入力してください"),
        (("2026", "13", "1"), "もう一度お確かめください"),
        (("2026", "11", "19"), "受診日が過ぎています"),
        (("2027", "12", "1"), "1年より先"),
        (("２０２６" * 20, "1", "1"), "もう一度お確かめください"),
    ],
)
def test_a_day_that_cannot_be_is_refused_kindly(
    visitor: Visitor, typed: tuple[str, str, str], told: str
) -> None:
    visitor.start(Channel.ONLINE)
    visitor.prepare()
    visitor.send("self")
    parts = dict(zip(("visit_date-year", "visit_date-month", "visit_date-day"), typed, strict=True))
    assert visitor.send("online", **parts) == 422
    assert told in visitor.text
    assert_summary_leads_to_the_field(visitor, "visit_date-year")
    kept = {e.attrib["name"]: e.attrib["value"] for e in visitor.page.iter("input")}
    assert {name: kept[name] for name in parts} == parts
    assert checked(visitor) == ["online"]


@pytest.mark.parametrize(
    ("answers", "heading"),
    [
        (["no"], "マイナンバーカードがないとき"),
        (["yes", "forgotten"], "暗証番号を忘れたとき、ロックされたとき"),
        (["yes", "none"], "暗証番号のないカードをお持ちのとき"),
        (["yes", "yes", "phone"], "スマートフォンしかないとき"),
        (["yes", "yes", "no"], "カードリーダーや読み取りアプリがないとき"),
    ],
)
def test_each_no_leads_to_help_and_back(visitor: Visitor, answers: list[str], heading: str) -> None:
    visitor.start()
    *ready, last = answers
    for answer in ready:
        visitor.send(answer)
    asked = visitor.location
    visitor.send(last)
    assert visitor.heading == heading
    assert "03-0000-1234" in visitor.text
    visitor.get(visitor.link("前の質問に戻る"))
    assert visitor.location == asked


def test_back_links_lead_the_whole_way_back_and_keep_the_answers(visitor: Visitor) -> None:
    visitor.start(Channel.ONLINE)
    for answer in ("yes", "yes", "yes", "companion", "walk-in", "", "each", *["refuse"] * 5):
        visitor.send(answer)
    seen = []
    while visitor.link("戻る") != visitor.site.path(Channel.ONLINE):
        visitor.get(visitor.link("戻る"))
        seen.append((path_of(visitor), checked(visitor)))
    assert seen == [
        ("items/high-cost-limit", ["refuse"]),
        ("items/specific-disease", ["refuse"]),
        ("items/checkup", ["refuse"]),
        ("items/clinical", ["refuse"]),
        ("items/surgery", ["refuse"]),
        ("choose", ["each"]),
        ("notice", []),
        ("visit", ["walk-in"]),
        ("operator", ["companion"]),
        ("prepare/reader", ["yes"]),
        ("prepare/pin", ["yes"]),
        ("prepare", ["yes"]),
    ]


def test_a_change_returns_to_the_check_page(visitor: Visitor) -> None:
    visitor.walk_to_check(Channel.ONLINE)
    for words_, answer, told in (
        ("変更（操作している人）", "companion", "付き添いの人"),
        ("変更（受診日）", "walk-in", "2026年11月20日（金）"),
        ("変更（診療・お薬の情報）", "refuse", "同意しない"),
    ):
        visitor.get(visitor.link(words_))
        assert urlsplit(visitor.link("戻る")).path.endswith("/check")
        visitor.send(answer)
        assert visitor.heading == "答えを確かめてください"
        assert told in visitor.text


def test_the_check_page_says_that_nothing_was_sent(visitor: Visitor) -> None:
    visitor.walk_to_check()
    assert "まだ何も送っていません" in visitor.text


def test_the_mode_page_has_every_wording(visitor: Visitor) -> None:
    visitor.start()
    visitor.prepare()
    visitor.send("self")
    visitor.send()
    assert visitor.heading == "情報を見せてよいか、答え方を選んでください"
    for item in ("surgery", "clinical", "checkup", "specific-disease", "high-cost-limit"):
        text = visitor.site.services.wordings.current(item, "ja").text  # type: ignore[arg-type]
        for line in text.splitlines():
            assert line in visitor.text


def test_a_check_page_of_another_moment_is_shown_again(visitor: Visitor) -> None:
    journey = visitor.walk_to_check()
    stale, fields = visitor.location, visitor.hidden()
    visitor.get(f"{journey}/items/surgery?change=yes")
    visitor.send("refuse")
    assert visitor.post(stale, fields) == 409
    assert visitor.heading == "答えを確かめてください"
    assert "別の画面で" in visitor.text
    visitor.send()
    assert visitor.heading == "マイナンバーカードを読み取ります"


def test_a_change_in_another_tab_closes_the_card_page(visitor: Visitor) -> None:
    journey = visitor.walk_to_card()
    fields = visitor.hidden()
    visitor.get(f"{journey}/items/surgery?change=yes")
    visitor.send("refuse")
    visitor.post(f"{journey}/card", fields)
    assert visitor.heading == "答えを確かめてください"


def test_switching_the_language_keeps_step_and_answers(visitor: Visitor) -> None:
    journey = visitor.walk_to_card()
    for language, heading in (
        ("en", "Read your My Number Card"),
        ("ja-x-yasashii", "マイナンバーカードを読みます"),
        ("ja", "マイナンバーカードを読み取ります"),
    ):
        visitor.get(f"{journey}/card?lang={language}")
        assert visitor.heading == heading
        assert visitor.page.attrib["lang"] == language
    assert visitor.get(f"{journey}/card") == 200
    assert visitor.page.attrib["lang"] == "ja"


def test_a_check_page_in_another_language_is_shown_again(visitor: Visitor) -> None:
    journey = visitor.walk_to_check()
    fields = visitor.hidden()
    visitor.get("/e?lang=en")
    assert visitor.post(f"{journey}/check", fields) == 409
    assert visitor.heading == "Check your answers"


def test_every_page_offers_languages_and_text_sizes(visitor: Visitor) -> None:
    visitor.start()
    visitor.get(visitor.link("特大"))
    assert visitor.page.attrib["class"] == "size-largest"
    assert urlsplit(visitor.location).path.endswith("/prepare")
    visitor.get(visitor.link("English"))
    assert visitor.heading == "Do you have your My Number Card with you?"
    assert visitor.page.attrib["class"] == "size-largest"
    visitor.get(visitor.link("やさしい日本語"))
    assert visitor.page.attrib["lang"] == "ja-x-yasashii"


def test_the_switches_cannot_be_made_to_lead_elsewhere(visitor: Visitor) -> None:
    visitor.get("/e?_external=1&_scheme=javascript&_anchor=x&next=//evil.example")
    assert urlsplit(visitor.link("English")).netloc == ""
    assert visitor.link("English").startswith("/e?")


def test_an_unknown_language_or_size_is_ignored(visitor: Visitor) -> None:
    assert visitor.get("/e?lang=xx&size=huge") == 200
    assert visitor.page.attrib["lang"] == "ja"


def test_midnight_asks_for_the_day_again(visitor: Visitor) -> None:
    journey = visitor.walk_to_card(Channel.ONLINE)
    visitor.site.clock.advance(timedelta(hours=11))
    visitor.get(f"{journey}/card")
    assert visitor.heading == "マイナンバーカードを読み取ります"
    visitor.client.post(f"{journey}/card", data=visitor.hidden(), base_url=ORIGIN)
    visitor.site.clock.advance(timedelta(hours=4))
    visitor.get(f"{journey}/card")
    assert visitor.heading == "どちらの診療を受けますか"


PAGES = (
    "prepare/pin",
    "prepare/reader",
    "operator",
    "notice",
    "choose",
    "items/surgery",
    "check",
    "card",
)


@pytest.mark.parametrize("page", PAGES)
def test_no_page_is_shown_before_its_time(visitor: Visitor, page: str) -> None:
    journey = visitor.start()
    visitor.get(f"{journey}/{page}")
    assert visitor.location == f"{journey}/prepare"


ANSWERS = {
    "prepare": "yes",
    "prepare/pin": "yes",
    "prepare/reader": "yes",
    "operator": "self",
    "visit": "walk-in",
    "notice": "",
    "choose": "each",
    "items/surgery": "grant",
    "items/clinical": "refuse",
    "items/checkup": "grant",
    "items/specific-disease": "grant",
    "items/high-cost-limit": "refuse",
}


@pytest.mark.parametrize("seed", range(8))
def test_no_order_of_requests_gets_past_an_open_question(site: Site, seed: int) -> None:
    visitor = site.visitor()
    journey = visitor.start(Channel.ONLINE)
    token = visitor.hidden()["csrf_token"]
    order = list(ANSWERS)
    Random(seed).shuffle(order)
    for place, page in enumerate(order):
        visitor.post(f"{journey}/{page}", {"csrf_token": token, "answer": ANSWERS[page]})
        asked = visitor.client.post(f"{journey}/card", data={"csrf_token": token}, base_url=ORIGIN)
        assert asked.location.startswith("/j/")
        visitor.post(f"{journey}/check", {"csrf_token": token, "revision": "guessed"})
        assert (visitor.heading == "答えを確かめてください") == (place == len(order) - 1)
    visitor.send()
    assert visitor.heading == "マイナンバーカードを読み取ります"


@pytest.mark.parametrize("ceased", [{"specific_disease": False}, {"checkup": False}])
def test_an_item_that_is_asked_no_more_is_not_on_the_check_page(
    visitor: Visitor, ceased: dict[str, bool]
) -> None:
    journey = visitor.walk_to_check(mode="each")
    visitor.send("grant")
    visitor.site.change_settings(**ceased)
    for _ in range(4):
        visitor.send("grant")
    assert visitor.heading == "答えを確かめてください"
    changed = [link.attrib["href"].partition("?")[0] for link in visitor.page.iter("a")]
    (gone,) = ceased
    assert f"{journey}/items/{gone.replace('_', '-')}" not in changed
    assert f"{journey}/items/high-cost-limit" in changed


def test_an_item_that_is_asked_meanwhile_is_asked_before_the_check_page(visitor: Visitor) -> None:
    visitor.site.change_settings(checkup=False)
    journey = visitor.walk_to_check(mode="each")
    visitor.send("grant")
    visitor.site.change_settings(checkup=True)
    for _ in range(3):
        visitor.send("grant")
    assert visitor.location == f"{journey}/items/checkup?change=yes"
    assert "この施設の質問が変わりました" in visitor.text
    assert visitor.link("戻る").endswith("/items/clinical")
    visitor.send("refuse")
    assert visitor.heading == "答えを確かめてください"
    visitor.get(f"{journey}/items/checkup?change=yes")
    assert "この施設の質問が変わりました" not in visitor.text


@pytest.mark.parametrize("mode", ["all", "each"])
def test_what_is_asked_in_wider_words_is_asked_anew(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    monkeypatch.setattr(Offer, "check", lambda *_: None)  # the clinic has not applied for it
    journey = visitor.walk_to_check(mode=mode)
    while "/items/" in visitor.location:
        visitor.send("grant")
    visitor.site.change_settings(chart_sharing=True)
    visitor.get(f"{journey}/check")
    for item, wider in (("surgery", "感染症"), ("clinical", "アレルギー")):
        assert visitor.location == f"{journey}/items/{item}?change=yes"
        assert "この施設の質問が変わりました" in visitor.text
        assert wider in visitor.text
        visitor.send("refuse")
    assert visitor.heading == "答えを確かめてください"


@pytest.mark.parametrize("change", ["", "?change=yes"])
def test_an_answer_from_a_page_of_before_to_what_has_ceased_leads_on(
    visitor: Visitor, change: str
) -> None:
    journey = visitor.walk_to_check(mode="each")
    while "/items/" in visitor.location:
        visitor.send("grant")
    visitor.get(f"{journey}/items/checkup{change}")
    answer = {**visitor.hidden(), "answer": "refuse"}
    visitor.site.change_settings(checkup=False)
    visitor.get(f"{journey}/check")
    assert visitor.post(f"{journey}/items/checkup{change}", answer) == 200
    assert visitor.heading == "答えを確かめてください"


def test_what_has_changed_breaks_no_page_while_nothing_can_be_kept_in_mind(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    journey = visitor.walk_to_check()
    visitor.site.change_settings(checkup=False)
    monkeypatch.setattr(type(visitor.site.services.ephemeral), "merge", _full)
    assert visitor.get(f"{journey}/check") == 200
    assert visitor.get(f"{journey}/help/pin") == 200


def _full(*_: object, **__: object) -> None:
    raise EphemeralStoreUnavailable("OutOfMemoryError")


@pytest.mark.parametrize("page", ["prepare", "operator", "items/surgery"])
def test_pages_that_decide_nothing_stay_when_a_url_is_retired(visitor: Visitor, page: str) -> None:
    journey = visitor.walk_to_check()
    visitor.site.rotate()
    assert visitor.get(f"{journey}/{page}") == 200
    assert visitor.get(f"{journey}/choose") == 410


@pytest.mark.parametrize("page", ["operator", "items/surgery"])
def test_a_journey_on_a_retired_url_ends_where_it_is_looked_at_anew(
    visitor: Visitor, page: str
) -> None:
    journey = visitor.walk_to_check()
    answer = {**visitor.hidden(), "answer": "self" if page == "operator" else "refuse"}
    visitor.site.rotate()
    assert visitor.post(f"{journey}/{page}?change=yes", answer) == 410
    assert visitor.heading == explain("url-retired").heading


def test_answers_go_on_while_the_database_is_away(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    journey = visitor.walk_to_check(mode="each")
    with monkeypatch.context() as patched:
        patched.setattr(Database, "ask", _away)
        for item in ("clinical", "checkup", "specific-disease", "high-cost-limit"):
            visitor.send("grant")
            assert visitor.location == f"{journey}/items/{item}"
        answer = {**visitor.hidden(), "answer": "refuse"}
        assert visitor.post(f"{journey}/items/high-cost-limit", answer) == 503
    assert visitor.get(f"{journey}/check") == 200
    assert visitor.heading == "答えを確かめてください"


def _away(*_: object, **__: object) -> None:
    raise StoreUnavailable("OperationalError")


def test_a_journey_that_another_release_began_goes_on(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = type(visitor.site.services.ephemeral)
    for name in ("create", "merge"):
        monkeypatch.setattr(store, name, _forgetting(getattr(store, name)))
    journey = visitor.walk_to_check(Channel.ONLINE, mode="each")
    for _ in range(4):
        visitor.send("grant")
    assert visitor.location == f"{journey}/items/high-cost-limit"
    visitor.send("grant")
    assert visitor.heading == "答えを確かめてください"


def _forgetting(write: Callable[..., Any]) -> Callable[..., Any]:
    def written(store: object, key: str, fields: dict[str, str], ttl: timedelta) -> Any:
        kept = {name: value for name, value in fields.items() if name not in {FIELD, "shown"}}
        return write(store, key, kept, ttl)

    return written


def test_an_item_that_is_not_asked_has_no_page(visitor: Visitor) -> None:
    journey = visitor.walk_to_check()
    assert visitor.get(f"{journey}/items/medication") == 404
    assert visitor.get(f"{journey}/items/nonsense") == 404
    assert visitor.get(f"{journey}/help/nonsense") == 404
