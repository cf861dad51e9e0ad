"""The waiting pages in a real Chromium: they go on by themselves, with and without scripts."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.console.test_browser import served
from tests.e2e.chromium import Watched, axe_findings, chromium, phone_context, sideways_scroll
from tests.overload.test_waiting import crowded, full, let_in, patience
from tests.patient.site import Site
from zaitaku.blueprints import overload as gate_of_the_site
from zaitaku.blueprints.overload import Overload
from zaitaku.core import line

pytestmark = pytest.mark.browser

__all__ = ["crowded", "patience"]

WAITS = "いま、混み合っています"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium for this file."""
    with chromium() as running:
        yield running


@pytest.fixture
def origin(site: Site, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The site, whose pages ask again every second."""
    for place, name in (
        (line, "UNKNOWN_PAUSE"),
        (line, "SHORTEST_PAUSE"),
        (gate_of_the_site, "BUSY_SECONDS"),
    ):
        monkeypatch.setattr(place, name, 1)
    with served(site) as address:  # type: ignore[arg-type]
        yield address


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A phone; its console may only tell of the pages that could not be served."""
    context = phone_context(browser)
    opened = context.new_page()
    watched = Watched()
    watched.watch(opened)
    yield opened
    context.close()
    assert [line for line in watched.complaints if "503" not in line] == []
    assert watched.foreign == []


def test_the_line_moves_and_the_first_page_opens(
    crowded: Overload, site: Site, origin: str, page: Page
) -> None:
    site.visitor().client.get(site.path())
    page.goto(origin + site.path())
    expect(page.locator("h1")).to_have_text(WAITS)
    expect(page.get_by_role("status")).to_contain_text("あなたの前に、1人が待っています。")
    assert axe_findings(page) == []
    assert sideways_scroll(page) <= 0
    crowded.permits._permits = 1.5
    expect(page.get_by_role("status")).to_contain_text("次が、あなたの順番です。")
    let_in(crowded)
    expect(page.get_by_role("button", name="受付を始める")).to_be_visible()


def test_without_scripts_it_opens_as_well(
    crowded: Overload, site: Site, origin: str, browser: Browser
) -> None:
    context = phone_context(browser, java_script_enabled=False)
    page = context.new_page()
    page.goto(origin + site.path())
    expect(page.locator("h1")).to_have_text(WAITS)
    let_in(crowded)
    expect(page.locator("h1")).not_to_have_text(WAITS)
    context.close()


def test_an_answer_that_could_not_be_taken_is_sent_again(
    overload: Overload, site: Site, origin: str, page: Page
) -> None:
    page.goto(origin + site.path())
    page.get_by_role("button", name="受付を始める").click()
    page.get_by_label("はい", exact=False).first.check()
    with full(overload):
        page.get_by_role("button", name="次へ進む").click()
        expect(page.locator("h1")).to_have_text(WAITS)
        assert axe_findings(page) == []
    page.wait_for_url("**/prepare/pin")
