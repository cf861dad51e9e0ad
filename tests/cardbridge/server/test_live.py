"""A page in a real Chromium that hears of cards and readers that come and go."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.cardbridge.server.stand import Stand

pytestmark = pytest.mark.browser

ASKED_TWICE_MS = 2_500


def name_of(page: Page) -> str | None:
    return page.locator("main").get_attribute("data-page")


def test_a_card_that_is_laid_down_or_taken_away_turns_the_page(stand: Stand, page: Page) -> None:
    stand.box.remove()
    page.goto(stand.link())
    assert name_of(page) == "no-card"
    stand.box.insert("a-ordinary")
    page.wait_for_selector('[data-page="pin"]')
    stand.box.remove()
    page.wait_for_selector('[data-page="no-card"]')
    assert page.url.endswith(page.locator("[data-live]").get_attribute("data-next") or "?")


def test_nothing_is_loaded_anew_while_digits_are_typed(stand: Stand, page: Page) -> None:
    page.goto(stand.link())
    page.locator("#pin").fill("12")
    page.locator("h1").click()
    stand.box.remove()
    said = page.locator(".live [role=status]")
    expect(said).to_have_text("カードかカードリーダーのようすが変わりました。")
    page.wait_for_timeout(ASKED_TWICE_MS)
    assert name_of(page) == "pin"
    assert page.locator("#pin").input_value() == "12"
    page.get_by_role("link", name="画面を新しくする").click()
    assert name_of(page) == "no-card"


def test_nothing_is_loaded_anew_under_the_keyboard(stand: Stand, page: Page) -> None:
    page.goto(stand.link())
    page.locator("[data-submit]").focus()
    stand.box.remove()
    expect(page.get_by_role("link", name="画面を新しくする")).to_be_visible()
    assert name_of(page) == "pin"
    expect(page.locator("[data-submit]")).to_be_focused()


def asked(page: Page, act: Callable[[], object]) -> list[str]:
    """Return what the page asked while ``act`` was done and for two turns after it."""
    urls: list[str] = []
    page.on("request", lambda request: urls.append(request.url))
    act()
    page.wait_for_timeout(ASKED_TWICE_MS)
    return [url for url in urls if "/changes" in url]


def test_a_page_that_nobody_sees_does_not_ask(stand: Stand, page: Page) -> None:
    page.goto(stand.link())
    hidden = "Object.defineProperty(document, 'visibilityState', {value: 'hidden'})"
    assert len(asked(page, lambda: page.evaluate(hidden))) <= 1


def test_a_page_whose_reading_is_over_stops_asking(stand: Stand, page: Page) -> None:
    page.goto(stand.link())
    page.route("**/changes?*", lambda route: route.fulfill(status=410, body=""))
    page.wait_for_timeout(ASKED_TWICE_MS)
    assert asked(page, lambda: None) == []
