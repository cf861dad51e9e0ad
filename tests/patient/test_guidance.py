"""Whoever is stuck is told the next thing to do: the app to get, the other ways, the way on."""

from dataclasses import replace

import pytest

from tests.patient.conftest import Cards
from tests.patient.handing import pair_of, press
from tests.patient.lint import words
from tests.patient.site import Site, Visitor
from zaitaku.services import Services

DOWNLOAD = "https://a.example/app"
ASK = "手に入れ方は、医療機関や薬局に電話で"


@pytest.fixture(params=[DOWNLOAD, ""])
def download(request: pytest.FixtureRequest) -> str:
    """Where the reading app is to be had, or nowhere that anybody said."""
    return str(request.param)


@pytest.fixture
def services(services: Services, download: str) -> Services:
    return replace(services, settings=replace(services.settings, bridge_download=download))


def is_told(visitor: Visitor, download: str) -> bool:
    """Tell whether the page says where to get the app."""
    links = [entry for entry in visitor.page.iter("a") if entry.attrib["href"] == DOWNLOAD]
    return bool(links) if download else ASK in visitor.text and not links


def test_where_the_reading_app_is_to_be_had(visitor: Visitor, download: str) -> None:
    visitor.get(visitor.site.path())
    assert is_told(visitor, download) is bool(download)
    journey = visitor.walk_to_card()
    visitor.get(f"{journey}/help/reader")
    assert is_told(visitor, download)
    visitor.ask(journey)
    visitor.get(f"{journey}/card")
    assert "読み取りアプリが入っていないとき" in visitor.text
    assert is_told(visitor, download)
    visitor.get(f"{journey}/card/return?cancelled=1")  # also from a bridge that is too old
    assert is_told(visitor, download)


def test_the_hand_over_s_computer_is_told_too(site: Site, download: str) -> None:
    pair = pair_of(site)
    pair.walk_to_reading()
    assert is_told(pair.computer, download)


def test_whoever_stopped_sees_the_other_ways_and_what_to_do_about_the_pin(
    visitor: Visitor,
) -> None:
    journey = visitor.walk_to_card()
    visitor.ask(journey)
    visitor.get(f"{journey}/card/return?cancelled=1")
    pin = visitor.link("暗証番号を忘れたとき")
    visitor.get(visitor.link("近くにある別のパソコンで"))
    assert visitor.location == f"{journey}/card?way=nearby"
    visitor.get(pin)
    assert visitor.location == f"{journey}/help/pin"


@pytest.mark.parametrize("card", ["expired", "revoked"])
def test_a_card_past_use_is_no_dead_end(visitor: Visitor, cards: Cards, card: str) -> None:
    journey = visitor.walk_to_card()
    visitor.read_card(journey, getattr(cards, card))
    visitor.get(visitor.link("別のカードで読み取る"))
    assert visitor.location.startswith(f"{journey}/card")


@pytest.mark.parametrize(
    ("language", "shown"), [("", "10時05分"), ("ja-x-yasashii", "10時05分"), ("en", "10:05")]
)
def test_the_code_says_until_what_time_it_counts(site: Site, language: str, shown: str) -> None:
    pair = pair_of(site, language=language)
    pair.show_code()
    assert shown in pair.phone.text


def test_the_number_comes_before_the_code_to_scan(site: Site) -> None:
    pair = pair_of(site)
    pair.show_code()
    text = "".join(pair.phone.page.itertext())
    assert text.index("番号を入力するとき") < text.index("パソコンのカメラで読み取るとき")


@pytest.mark.parametrize("act", ["different", "cancel"])
def test_another_computer_is_named_and_the_other_ways_stay(site: Site, act: str) -> None:
    pair = pair_of(site)
    pair.show_code()
    pair.take()
    pair.phone.get(pair.page)
    press(pair.phone, act)
    assert ("別のパソコンにつながっていました" in pair.phone.text) is (act == "different")
    assert pair.phone.link("このパソコンのカードリーダーで").startswith(f"{pair.journey}/card")


def test_a_number_that_is_not_found_says_that_numbers_end(visitor: Visitor) -> None:
    visitor.get("/h")
    assert visitor.send(number="123-456-782") == 422
    [error] = [e for e in visitor.page.iter("p") if e.attrib.get("id") == "number-error"]
    assert "5分たつと使えなくなります" in words(error)
    assert "新しい番号を出してください" in words(error)
