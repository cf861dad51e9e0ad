"""A patient gives consent, and what happens when things go otherwise."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.patient import Patient, lay_card, take_card_away
from tests.e2e.running import RunningDemo


@pytest.fixture(autouse=True)
def _ordinary_card(demo: RunningDemo) -> None:
    lay_card(demo, "yamada-hanako")


def test_from_the_url_to_the_reference_number(demo: RunningDemo, page: Page) -> None:
    patient = Patient(page)
    reference = patient.give_consent(demo.patient_url("home-visit"), {"surgery": "refuse"})
    expect(page.locator("main")).to_contain_text(reference)
    page.reload()
    assert patient.reference() == reference


def test_back_and_reload_after_the_end_register_nothing_again(
    demo: RunningDemo, page: Page
) -> None:
    patient = Patient(page)
    reference = patient.give_consent(demo.patient_url("home-visit"))
    journey = page.url.removesuffix("/done")
    for step in ("/check", "/card", "/items/surgery", "/card/return?code=again"):
        page.goto(journey + step)
        assert patient.reference() == reference


def test_online_with_a_date_that_the_link_carries(demo: RunningDemo, page: Page) -> None:
    patient = Patient(page)
    url = demo.patient_url("online")
    patient.begin(f"{url}?date=2099-01-01")
    patient.choose("companion")
    expect(page).to_have_url(re.compile("/visit$"))  # no day within a year: it is asked
    patient.choose("walk-in")
    patient.go_on()
    patient.choose("none")
    patient.confirm_and_ask_card()
    patient.type_pin()
    patient.reference()


def test_a_wrong_pin_tells_the_tries_that_are_left(demo: RunningDemo, page: Page) -> None:
    patient = Patient(page)
    patient.reach_choices(demo.patient_url("home-visit"))
    patient.choose("all")
    patient.confirm_and_ask_card()
    patient.type_pin("9999")
    expect(page.locator("main")).to_contain_text("あと2回")
    assert "9999" not in page.content()
    patient.type_pin()
    patient.reference()


@pytest.mark.parametrize(
    ("card", "words"),
    [
        ("expired", "期限"),
        ("revoked", "使えな"),
        ("unknown-authority", "カード"),
    ],
)
def test_a_card_that_the_site_refuses(demo: RunningDemo, page: Page, card: str, words: str) -> None:
    lay_card(demo, card)
    patient = Patient(page)
    patient.reach_choices(demo.patient_url("home-visit"))
    patient.choose("all")
    patient.confirm_and_ask_card()
    patient.type_pin()
    expect(page).to_have_url(re.compile("/card/return"))
    expect(page.locator("main")).to_contain_text(words)
    expect(page.locator("main, .help, footer").first).to_be_visible()


@pytest.mark.parametrize(
    ("card", "words"),
    [
        ("locked", "ロック"),
        ("last-try", "あと1回"),
        ("not-my-number-card", "マイナンバーカードではない"),
    ],
)
def test_a_card_at_which_the_bridge_stops(
    demo: RunningDemo, page: Page, card: str, words: str
) -> None:
    lay_card(demo, card)
    patient = Patient(page)
    patient.reach_choices(demo.patient_url("home-visit"))
    patient.choose("all")
    patient.confirm_and_ask_card()
    expect(page.locator("main")).to_contain_text(words)
    expect(page.locator("input[name=pin]")).to_have_count(0)


def test_no_card_in_the_reader_then_it_is_laid_there(demo: RunningDemo, page: Page) -> None:
    take_card_away(demo)
    patient = Patient(page)
    patient.reach_choices(demo.patient_url("home-visit"))
    patient.choose("all")
    patient.confirm_and_ask_card()
    expect(page.locator("input[name=pin]")).to_have_count(0)
    lay_card(demo, "yamada-hanako")
    page.reload()
    patient.type_pin()
    patient.reference()


def test_giving_up_at_the_bridge_leads_back(demo: RunningDemo, page: Page) -> None:
    patient = Patient(page)
    patient.reach_choices(demo.patient_url("home-visit"))
    patient.choose("all")
    patient.confirm_and_ask_card()
    page.get_by_text("やめて戻る").first.click()
    expect(page).to_have_url(re.compile("/card/return"))
    expect(page.locator("h1")).to_be_visible()
