"""A page in a real Chromium that hears of cards and readers that come and go."""

import time
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.cardbridge.server.stand import Stand

pytestmark = pytest.mark.browser

ASKED_TWICE_MS = 2_500
LEFT_SECONDS = 4


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


@pytest.mark.parametrize("place", ["", "diagnosis"])
def test_pages_without_a_reading_follow_the_card_too(stand: Stand, page: Page, place: str) -> None:
    page.goto(f"{stand.address}{place}?lang=en&size=large")
    stand.box.remove()
    expect(
        page.get_by_text("no card on the reader").or_(page.get_by_text("No card is on")).first
    ).to_be_visible()
    assert page.url == f"{stand.address}{place}?lang=en&size=large"


def test_a_choice_under_way_is_not_lost(stand: Stand, page: Page) -> None:
    page.goto(stand.address)
    page.get_by_label("リーダーに置くカード").select_option("c-locked")
    page.get_by_label("リーダーに置くカード").focus()
    stand.box.remove()
    expect(page.get_by_role("link", name="画面を新しくする")).to_be_visible()
    assert page.get_by_label("リーダーに置くカード").input_value() == "c-locked"
    page.get_by_role("button", name="このカードを置く").click()
    expect(page.get_by_text("いま置いてあります")).to_be_visible()


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
    page.route("**/changes?*", lambda route: route.fulfill(status=404, body=""))
    page.wait_for_timeout(ASKED_TWICE_MS)
    assert asked(page, lambda: None) == []


def nearly_over(stand: Stand) -> str:
    """Return the way to a reading that ends in a few seconds."""
    ends_at = int(time.time()) + LEFT_SECONDS
    return stand.link(iat=ends_at - 600, exp=ends_at)


def test_a_reading_that_runs_out_of_time_says_so_by_itself(stand: Stand, page: Page) -> None:
    page.goto(nearly_over(stand))
    assert name_of(page) == "pin"
    page.wait_for_selector('[data-page="expired"]')
    expect(page.get_by_role("link", name="もとの画面に戻る")).to_be_visible()


def test_digits_under_way_are_left_alone_when_the_time_runs_out(stand: Stand, page: Page) -> None:
    page.goto(nearly_over(stand))
    page.locator("#pin").fill("12")
    page.wait_for_timeout(LEFT_SECONDS * 1_000 + ASKED_TWICE_MS)
    assert name_of(page) == "pin"
    assert page.locator("#pin").input_value() == "12"
    page.locator("#pin").fill("1234")
    page.locator("[data-submit]").click()
    page.wait_for_selector('[data-page="expired"]')
    assert stand.site.proofs == []
