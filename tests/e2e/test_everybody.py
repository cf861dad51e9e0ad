"""Every page for everybody: each language, narrow screens, large text, no script, keyboard."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.chromium import axe_findings, phone_context, sideways_scroll
from tests.e2e.patient import Patient, lay_card
from tests.e2e.running import RunningDemo

LANGUAGES = ["ja", "ja-x-yasashii", "en"]
HELP_TOPICS = ["card", "pin", "card-without-pin", "phone", "reader"]


@pytest.fixture(autouse=True)
def _ordinary_card(demo: RunningDemo) -> None:
    lay_card(demo, "takahashi-kiyo")


class Inspector:
    """Looks at every page that it is shown."""

    def __init__(self) -> None:
        self.faults: list[str] = []
        self.titles: dict[str, str] = {}

    def look(self, page: Page) -> None:
        """Check a page with axe, and that it fits its window and says what it is."""
        page.wait_for_load_state("load")
        path = re.sub(r"/(j|r|reading)/[^/?]+", r"/\1/…", page.url)
        self._note(path, axe_findings(page))
        if (wider := sideways_scroll(page)) > 0:
            self._note(path, [f"{wider} px too wide"])
        if page.locator("h1").count() != 1:
            self._note(path, ["not one h1"])
        self.titles.setdefault(path.partition("?")[0], page.title())

    def _note(self, path: str, faults: list[str]) -> None:
        self.faults += [f"{path}: {fault}" for fault in faults]


def walk_everything(page: Page, demo: RunningDemo, look: Callable[[Page], object]) -> None:
    """Walk both channels to their ends, and look in at every help page."""
    patient = Patient(page, look)
    patient.begin(demo.patient_url("online"))
    journey = page.url.rpartition("/")[0]
    for topic in HELP_TOPICS:
        page.goto(f"{journey}/help/{topic}")
        look(page)
    page.goto(f"{journey}/operator")
    patient.choose("companion")
    patient.choose("walk-in")
    patient.go_on()
    patient.decide_each({"surgery": "refuse"})
    patient.confirm_and_ask_card()
    patient.type_pin()
    patient.reference()
    page.locator('main a[href$="/receipt"]').click()
    look(page)


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_page_has_a_barrier(demo: RunningDemo, browser: Browser, language: str) -> None:
    context = phone_context(browser, viewport={"width": 320, "height": 720})
    page = context.new_page()
    inspector = Inspector()
    page.goto(f"{demo.patient_url('online')}?lang={language}")
    assert page.locator("html").get_attribute("lang") == language
    walk_everything(page, demo, inspector.look)
    for path in ("/e", "/r/unknown", "/console/login", "/nowhere"):
        page.goto(demo.origin + path)
        inspector.look(page)
    context.close()
    assert inspector.faults == []
    assert len(set(inspector.titles.values())) == len(inspector.titles)


def test_large_text_and_dark_mode_lose_nothing(demo: RunningDemo, browser: Browser) -> None:
    context = phone_context(browser, color_scheme="dark")
    page = context.new_page()
    inspector = Inspector()
    page.goto(f"{demo.patient_url('online')}?size=largest")
    walk_everything(page, demo, inspector.look)
    context.close()
    assert inspector.faults == []


def test_without_javascript_up_to_the_reference_number(demo: RunningDemo, browser: Browser) -> None:
    context = phone_context(browser, java_script_enabled=False)
    Patient(context.new_page()).give_consent(demo.patient_url("home-visit"))
    context.close()


def test_the_language_can_change_in_the_middle(demo: RunningDemo, page: Page) -> None:
    patient = Patient(page)
    patient.reach_choices(demo.patient_url("home-visit"))
    patient.choose("each")
    patient.choose("refuse")
    here = page.url.partition("?")[0]
    page.get_by_role("link", name="English").click()
    expect(page.locator("html")).to_have_attribute("lang", "en")
    assert page.url.partition("?")[0] == here
    while "/items/" in page.url:
        patient.choose("grant")
    expect(page.locator("main")).to_contain_text("Surgery")
    patient.go_on()
    patient.go_on()
    expect(page.locator("html")).to_have_attribute("lang", "en")  # the bridge speaks it too
    patient.type_pin()
    patient.reference()


def test_two_tabs_of_one_journey_register_once(demo: RunningDemo, browser: Browser) -> None:
    context = phone_context(browser)
    first, second = Patient(context.new_page()), Patient(context.new_page())
    first.reach_choices(demo.patient_url("home-visit"))
    first.choose("all")
    second.page.goto(first.page.url)
    second.page.goto(first.page.url.replace("/check", "/items/surgery?change=1"))
    second.choose("refuse")
    first.go_on()
    expect(first.page.locator("main")).to_contain_text("前に確かめた内容から変わっています")
    first.confirm_and_ask_card()
    first.type_pin()
    reference = first.reference()
    second.page.reload()
    assert second.reference() == reference
    context.close()
