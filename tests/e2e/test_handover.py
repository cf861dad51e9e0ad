"""A phone and a computer side by side: the phone shows a code, the computer reads the card."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.e2e.chromium import Watched, axe_findings, phone_context, sideways_scroll
from tests.e2e.clinic import decode_image
from tests.e2e.patient import Patient, lay_card
from tests.e2e.running import RunningDemo

LANGUAGES = ["ja", "ja-x-yasashii", "en"]


@dataclass
class Desk:
    """A phone and a computer, each with a browser of its own."""

    demo: RunningDemo
    browser: Browser
    watched: Watched = field(default_factory=Watched)
    contexts: list[BrowserContext] = field(default_factory=list)

    def screen(self, query: str = "", **options: object) -> Page:
        """Open a browser of its own; ``query`` chooses its language and text size."""
        context = phone_context(self.browser, **options)
        self.contexts.append(context)
        page = context.new_page()
        self.watched.watch(page)
        page.goto(f"{self.demo.origin}/e{query}")
        return page

    def phone_with_code(self, query: str = "", **options: object) -> Page:
        """Answer everything on a phone and have it show the code."""
        phone = self.screen(query, **options)
        Patient(phone).reach_card(self.demo.patient_url("home-visit"))
        phone.goto(re.sub(r"/card.*", "/hand-over", phone.url))
        press(phone, "begin")
        expect(phone.locator(".qr svg")).to_be_visible()
        return phone

    def open_by_number(self, computer: Page, phone: Page) -> None:
        """Type on the computer what the phone shows."""
        computer.goto(phone.locator(".steps strong").first.inner_text())
        computer.locator("input[name=number]").fill(phone.locator(".spoken-number").inner_text())
        computer.locator("main form button").click()


@pytest.fixture
def desk(demo: RunningDemo, browser: Browser) -> Iterator[Desk]:
    """A desk whose browsers must neither complain nor ask strangers."""
    lay_card(demo, "yamada-hanako")
    desk = Desk(demo, browser)
    yield desk
    for context in desk.contexts:
        context.close()
    assert desk.watched.complaints == []
    assert desk.watched.foreign == []


def press(page: Page, act: str) -> None:
    """Press a button by what it does."""
    page.locator(f"main button[name=act][value={act}]").click()


def agree(phone: Page, computer: Page, look: Callable[[Page], object] = str) -> None:
    """Compare the four digits and say on both screens that they are the same."""
    code = computer.locator(".pairing strong")
    expect(phone.locator(".pairing strong")).to_have_text(code.inner_text())
    for page in (computer, phone):
        look(page)
        press(page, "same")
        look(page)


def test_the_code_on_the_phone_leads_a_computer_through_the_reading(desk: Desk) -> None:
    phone, computer = desk.phone_with_code(), desk.screen()
    computer.goto(decode_image(phone.locator(".qr").screenshot()))
    press(computer, "claim")
    agree(phone, computer)
    expect(phone.locator("h1")).to_have_text("パソコンでカードを読み取ってください")
    phone.context.set_offline(True)
    press(computer, "read")
    Patient(computer).type_pin()
    expect(computer.locator("h1")).to_have_text("カードの読み取りが終わりました")
    expect(phone.locator("[data-handover-refresh] a")).to_be_visible()
    expect(phone.locator("[data-handover-status]")).to_contain_text("つながりにくく")
    phone.context.set_offline(False)
    reference = Patient(phone).reference()
    assert reference not in computer.content()


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_page_of_a_hand_over_has_a_barrier(desk: Desk, language: str) -> None:
    faults: list[str] = []
    titles: dict[str, str] = {}

    def look(page: Page) -> None:
        page.wait_for_load_state("load")
        found = [*axe_findings(page), *["too wide" for _ in range(sideways_scroll(page) > 0)]]
        faults.extend(f"{page.url}: {fault}" for fault in found)
        titles[page.locator("h1").inner_text()] = page.title()
        assert page.locator("html").get_attribute("lang") == language

    narrow = {"viewport": {"width": 320, "height": 720}, "color_scheme": "dark"}
    query = f"?lang={language}&size=largest"
    phone, computer = desk.phone_with_code(query, **narrow), desk.screen(query, **narrow)
    look(phone)
    desk.open_by_number(computer, phone)
    look(computer)
    press(computer, "claim")
    agree(phone, computer, look)
    expect(computer.locator("main button[value=read]")).to_be_visible()
    look(computer)
    press(phone, "cancel")
    look(phone)
    expect(computer.locator("main form")).to_have_count(0)
    look(computer)
    assert faults == []
    assert len(set(titles.values())) == len(titles)
    assert len(titles) == 9


def test_without_javascript_each_screen_is_refreshed_by_hand(desk: Desk) -> None:
    phone = desk.phone_with_code(java_script_enabled=False)
    computer = desk.screen(java_script_enabled=False)
    assert phone.locator("head noscript meta[http-equiv=refresh]").count() == 1
    desk.open_by_number(computer, phone)
    press(computer, "claim")
    refresh(phone)
    agree(phone, computer)
    refresh(phone)
    refresh(computer)
    press(computer, "read")
    Patient(computer).type_pin()
    expect(computer.locator("h1")).to_have_text("カードの読み取りが終わりました")
    refresh(phone)
    Patient(phone).reference()


def refresh(page: Page) -> None:
    """Press the link that stands there for who has no script."""
    page.locator("[data-handover-refresh] a").click()


def test_who_sees_another_number_ends_it_for_both(desk: Desk) -> None:
    phone, computer, thief = desk.phone_with_code(), desk.screen(), desk.screen()
    address = decode_image(phone.locator(".qr").screenshot())
    thief.goto(address)
    press(thief, "claim")
    press(thief, "same")
    computer.goto(address)
    expect(computer.locator("h1")).to_have_text("別のパソコンが、先に開いています")
    expect(phone.locator(".pairing")).to_be_visible()
    press(phone, "different")
    expect(thief.locator("h1")).to_have_text("パソコンでの読み取りを取りやめました")
    expect(phone.locator("main button[value=begin]")).to_be_visible()


def test_back_from_the_bridge_and_again_reads_the_card_once(desk: Desk) -> None:
    phone, computer = desk.phone_with_code(), desk.screen()
    desk.open_by_number(computer, phone)
    press(computer, "claim")
    agree(phone, computer)
    press(computer, "read")
    expect(computer.locator("input[name=pin]")).to_be_visible()
    computer.go_back()
    press(computer, "read")
    Patient(computer).type_pin()
    expect(computer.locator("h1")).to_have_text("カードの読み取りが終わりました")
    reference = Patient(phone).reference()
    computer.go_back()
    phone.reload()
    assert Patient(phone).reference() == reference
