"""Back, the language switch and the keyboard do what people expect of them."""

import re
from datetime import datetime, timedelta

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.patient import PIN, Patient, lay_card
from tests.e2e.running import RunningDemo
from zaitaku.core.clock import JST

MOST_TABS = 60


@pytest.fixture(autouse=True)
def _ordinary_card(demo: RunningDemo) -> None:
    lay_card(demo, "suzuki-haruto")


def test_back_after_a_mistake_leads_to_the_question(demo: RunningDemo, page: Page) -> None:
    page.goto(demo.patient_url("home-visit"))
    patient = Patient(page)
    patient.go_on()
    question = page.url
    patient.go_on()
    expect(page.locator("[data-error-summary]")).to_be_focused()
    patient.choose("no")
    expect(page).to_have_url(re.compile("/help/"))
    page.go_back()
    expect(page).to_have_url(question)
    expect(page.locator("h1")).to_be_visible()


def test_what_is_chosen_but_not_sent_survives_a_change_of_language(
    demo: RunningDemo, page: Page
) -> None:
    patient = Patient(page)
    patient.begin(demo.patient_url("home-visit"))
    page.locator("input[value=companion]").check()
    page.get_by_role("link", name="English").click()
    expect(page.locator("html")).to_have_attribute("lang", "en")
    expect(page.locator("input[value=companion]")).to_be_checked()


def test_a_date_that_the_link_carries_is_never_asked(demo: RunningDemo, page: Page) -> None:
    day = (datetime.now(JST) + timedelta(days=3)).date()
    patient = Patient(page)
    patient.begin(f"{demo.patient_url('online')}?date={day.isoformat()}")
    patient.choose("legal-representative")
    expect(page).to_have_url(re.compile("/notice$"))
    patient.go_on()
    patient.choose("all")
    expect(page.locator("main")).to_contain_text(f"{day.month}月{day.day}日")
    patient.confirm_and_ask_card()
    expect(page.locator("main")).to_contain_text(f"{day.month}月{day.day}日")
    patient.type_pin()
    patient.reference()


def tab_to(page: Page, selector: str) -> None:
    """Press Tab until what ``selector`` names has the focus."""
    for _ in range(MOST_TABS):
        page.keyboard.press("Tab")
        if page.evaluate("s => document.activeElement.matches(s)", selector):
            return
    pytest.fail(f"the keyboard does not reach {selector} on {page.url}")


def enter(page: Page) -> None:
    """Press Enter and wait for the page that it leads to."""
    with page.expect_navigation():
        page.keyboard.press("Enter")


def test_the_keyboard_alone_reaches_the_reference_number(demo: RunningDemo, page: Page) -> None:
    page.goto(demo.patient_url("home-visit"))
    tab_to(page, "main form button")
    enter(page)
    for key in ("Space", "Space", "ArrowDown", "Space"):  # the second way: this computer's reader
        tab_to(page, "main input[type=radio]")
        page.keyboard.press(key)
        enter(page)
    tab_to(page, "main form button")  # the notice
    enter(page)
    tab_to(page, "main input[value=all]")
    page.keyboard.press("Space")
    enter(page)
    for path in ("/check", "/card"):
        expect(page).to_have_url(re.compile(path + "$"))
        tab_to(page, "main form button")
        enter(page)
    expect(page).to_have_url(re.compile("/reading/"))
    tab_to(page, "input[name=pin]")
    page.keyboard.type(PIN)
    enter(page)
    Patient(page).reference()
