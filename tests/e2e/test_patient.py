"""A patient gives consent, and what happens when things go otherwise."""

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.chromium import phone_context
from tests.e2e.patient import Patient, lay_card, take_card_away
from tests.e2e.running import RunningDemo


def give_up(page: Page) -> None:
    """Leave the bridge by its way back to the site."""
    page.locator("a[href*='cancelled=1'], form[action*=cancel] button").first.click()
    expect(page).to_have_url(re.compile("/card/return"))


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
    patient.ask_card(demo.patient_url("home-visit"))
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
    patient.ask_card(demo.patient_url("home-visit"))
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
    patient.ask_card(demo.patient_url("home-visit"))
    expect(page.locator("main")).to_contain_text(words)
    expect(page.locator("input[name=pin]")).to_have_count(0)
    give_up(page)


def test_no_card_in_the_reader_then_it_is_laid_there(demo: RunningDemo, page: Page) -> None:
    take_card_away(demo)
    patient = Patient(page)
    patient.ask_card(demo.patient_url("home-visit"))
    expect(page.locator("input[name=pin]")).to_have_count(0)
    lay_card(demo, "yamada-hanako")
    page.reload()
    patient.type_pin()
    patient.reference()


def test_giving_up_at_the_bridge_leads_back(demo: RunningDemo, page: Page) -> None:
    patient = Patient(page)
    patient.ask_card(demo.patient_url("home-visit"))
    give_up(page)
    expect(page.locator("h1")).to_be_visible()


def test_asking_again_after_going_back_is_not_busy(demo: RunningDemo, page: Page) -> None:
    patient = Patient(page)
    patient.ask_card(demo.patient_url("home-visit"))
    expect(page.locator("input[name=pin]")).to_be_visible()
    page.go_back()
    page.get_by_role("button", name="カードの読み取りを始める").click()
    patient.type_pin()
    patient.reference()


def test_another_journey_waits_while_a_reading_is_under_way(
    demo: RunningDemo, browser: Browser
) -> None:
    context = phone_context(browser)
    first, second = Patient(context.new_page()), Patient(context.new_page())
    for patient in (first, second):
        patient.ask_card(demo.patient_url("home-visit"))
    expect(second.page.locator("main")).to_have_attribute("data-page", re.compile("busy"))
    first.type_pin()
    first.reference()
    second.page.get_by_role("link", name="もう一度").click()
    second.type_pin()
    second.reference()
    context.close()
