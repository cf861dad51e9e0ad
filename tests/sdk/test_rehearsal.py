"""Everything that docs/rehearse.md promises, with the programs that it names."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.e2e.chromium import Watched, chromium, phone_context
from tests.sdk.rehearsing import HOUSE, Stand, stand
from zaitaku.sandbox.people import PIN

TABLE = re.compile(
    r"^\| `([a-z-]+)`[^|]* \| ([^|]+) \| `([a-z-]+)` \| `([a-z-]+)` \|$", re.MULTILINE
)
ROWS = TABLE.findall((HOUSE / "docs" / "rehearse.md").read_text("utf-8"))
A_BRIDGE_TAKES = 8
"""PINs in a row; more would run into its pace."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Cards and keys outlive the programs."""
    return tmp_path_factory.mktemp("rehearsal")


@pytest.fixture(scope="module")
def here(folder: Path) -> Iterator[Stand]:
    with stand(folder) as running:
        yield running


@pytest.fixture(scope="module")
def later(folder: Path, here: Stand) -> Iterator[Stand]:
    """The same again: what was kept is found again."""
    with stand(folder) as running:
        yield running


def test_the_table_has_every_card(here: Stand) -> None:
    assert [row[0] for row in ROWS] == [card["id"].partition("-")[2] for card in here.cards]
    assert {card["pin"] for card in here.cards} == {PIN}


@pytest.mark.parametrize(("case", "act", "page", "site"), ROWS, ids=[row[0] for row in ROWS])
def test_each_card_does_what_the_table_says(
    request: pytest.FixtureRequest, case: str, act: str, page: str, site: str
) -> None:
    typing = [row[0] for row in ROWS if "`1234`" in row[1]]
    is_late = case in typing[A_BRIDGE_TAKES:]
    running: Stand = request.getfixturevalue("later" if is_late else "here")
    running.lay(case)
    assert running.ask() == page
    if case in typing:
        running.visitor.submit("/pin", pin=PIN)
    else:
        running.visitor.submit("/cancel")
    assert running.outcome() == site
    assert ("やめて" in act) is (site == "cancelled")


def test_a_wrong_pin_twice_stops_and_nothing_is_registered(here: Stand) -> None:
    here.lay("takahashi-kiyo")
    here.ask()
    here.visitor.submit("/pin", pin="9999")
    assert here.visitor.page == "pin"
    here.visitor.submit("/pin", pin="9999")
    assert here.visitor.page == "last-try"
    here.visitor.submit("/cancel")
    assert here.outcome() == "cancelled"


def test_a_refusal_is_signed_like_a_consent(later: Stand) -> None:
    later.lay("yamada-hanako")
    assert later.ask("no") == "pin"
    later.visitor.submit("/pin", pin=PIN)
    assert later.outcome() == "verified"
    assert "refuse" in later.visitor.text


def test_the_code_loaded_again_shows_what_is_registered(later: Stand) -> None:
    later.lay("sato-taro")
    later.ask()
    later.visitor.submit("/pin", pin=PIN)
    with_code = next(url for url in reversed(later.visitor.trail) if "?code=" in url)
    later.visitor.get(later.visitor.url)
    assert later.outcome() == "verified"
    later.visitor.get(with_code)
    assert later.outcome() == "verified"
    later.visitor.cookies.clear()
    later.visitor.get(with_code)
    assert later.outcome() == "outcome-unknown"


def test_no_card_and_then_one(later: Stand) -> None:
    later.remove()
    assert later.ask() == "no-card"
    later.lay("suzuki-haruto")
    later.visitor.get(later.visitor.url)
    assert later.visitor.page == "pin"
    later.visitor.submit("/cancel")
    assert later.outcome() == "cancelled"


def test_locked_by_oneself_and_unlocked_at_the_counter(later: Stand) -> None:
    case = "tanaka-ichiro"
    later.lay(case)
    later.ask()
    for page in ("pin", "last-try"):
        later.visitor.submit("/pin", pin="0000")
        assert later.visitor.page == page
    later.visitor.get(f"{later.visitor.url.partition('?')[0]}?insist=1")
    later.visitor.submit("/pin", pin="0000")
    assert later.visitor.page == "pin-locked"
    later.give_tries_back(case)
    later.visitor.get(later.visitor.url.partition("?")[0])
    later.visitor.submit("/pin", pin=PIN)
    assert later.outcome() == "verified"


@pytest.mark.browser
def test_the_example_site_in_a_real_browser(later: Stand) -> None:
    later.lay("yamada-hanako")
    with chromium() as browser:
        page = phone_context(browser).new_page()
        watched = Watched()
        watched.watch(page)
        page.goto(later.site)
        page.get_by_role("button", name="はい").click()
        page.locator("input[name=pin]").fill(PIN)
        page.locator("form:has(input[name=pin]) button[data-submit]").click()
        expect(page.locator("h1")).to_have_text("受け付けました")
        expect(page).to_have_url(re.compile(r"/registered$"))
    assert (watched.complaints, watched.foreign) == ([], [])
