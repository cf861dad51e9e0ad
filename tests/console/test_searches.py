"""Whom somebody looked for stands in no address, and the address is good all the same."""

import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.consent.world import HANAKOS_CARD, TARO
from tests.console.office import PASSWORD, Browser, Office
from zaitaku.accounts.model import Role
from zaitaku.app import build_app
from zaitaku.blueprints.console.searches import MOST_CHARACTERS, PRIVATE, SEALED
from zaitaku.core.signing import Keyring

LIST = "/console/consented-patients"
SEARCHES = {
    LIST: {"q": "ざいたく"},
    "/console/view-history": {"who": "ざいたく", "kind": "checkup"},
    "/console/audit-trail": {"q": "ざいたく", "act": "login"},
    "/console/activation-codes": {"q": "ざいたく", "state": "registered"},
    "/console/accounts": {"name": "ざいたく", "kana": "ザイタク", "user_id": "zaitaku1"},
    "/console/password-resets": {"name": "ざいたく", "kana": "ザイタク", "user_id": "zaitaku1"},
    "/console/reception-urls/home-visit/history": {"q": "ざいたく"},
}
NEW_KEY = "fedcba98765432100123456789abcdef-0a1b2c3d4e5f"
TEMPLATES = Path(__file__).parents[2] / "templates"


def staff(office: Office, path: str) -> Browser:
    return office.logged_in(Role.MASTER_RESET if "password" in path else Role.ADMIN)


def names_in(address: str, words: dict[str, str]) -> list[str]:
    private = [word for field, word in words.items() if field in PRIVATE]
    return [word for word in private if word in address or quote(word) in address]


@pytest.mark.parametrize("path", SEARCHES)
def test_names_stand_in_no_address_of_a_search(office: Office, path: str) -> None:
    words = SEARCHES[path]
    browser = staff(office, path)
    assert browser.get(path) == 200
    assert browser.search(**words) == 200
    assert urlsplit(browser.path).path == path
    addresses = [browser.path, *browser.links().values()]
    assert SEALED in parse_qs(urlsplit(browser.path).query)
    assert [each for each in addresses if names_in(each, words)] == []
    for word in words.values():
        assert f'value="{word}"' in browser.answer.text  # what was typed is there to be mended
    first = browser.path
    assert browser.get(first) == 200  # it can be reloaded and kept
    for word in words.values():
        assert f'value="{word}"' in browser.answer.text


def test_what_names_nobody_stands_there_as_it_is(office: Office) -> None:
    browser = office.logged_in()
    browser.get(LIST)
    browser.search(q="ざいたく", channel="online", state="")
    asked = parse_qs(urlsplit(browser.path).query)
    assert asked.keys() == {SEALED, "channel"}
    browser.get(LIST)
    browser.search(channel="online")
    assert browser.path == f"{LIST}?channel=online"
    browser.search(channel="")
    assert browser.path == LIST


def test_orders_pages_and_the_file_belong_to_the_same_search(office: Office) -> None:
    office.world.register()
    office.world.register(card=HANAKOS_CARD)
    browser = office.logged_in()
    browser.get(LIST)
    browser.search(q="ざいたく")
    assert [row[4] for row in browser.rows()] == ["在宅 太郎ザイタク タロウ"]
    found, export = browser.path, browser.links()["CSV形式でダウンロード（1件）"]
    browser.follow("最新の状態にする")
    assert browser.path == found
    browser.follow("生年月日")
    assert [row[4] for row in browser.rows()] == ["在宅 太郎ザイタク タロウ"]
    assert "birth" in browser.path
    assert browser.get(export) == 200
    assert TARO.kana in browser.answer.get_data().decode("utf-8-sig")
    assert "花子" not in browser.answer.get_data().decode("utf-8-sig")


def test_a_search_of_another_facility_does_not_open(office: Office) -> None:
    office.employ(office.world.other)
    ours = office.logged_in()
    ours.get(LIST)
    ours.search(q="ざいたく")
    theirs = office.logged_in(facility=office.world.other)
    assert theirs.get(ours.path) == 422
    assert theirs.heading == "検索の条件を読めません"
    assert "ざいたく" not in theirs.answer.text


@pytest.fixture
def reader(office: Office) -> Browser:
    """Somebody who looks at the list."""
    return office.logged_in()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(prefix=st.sampled_from(["", "zs1."]), rest=st.text(min_size=1, max_size=80))
def test_what_is_no_seal_is_told_calmly(reader: Browser, prefix: str, rest: str) -> None:
    status = reader.get(f"{LIST}?{SEALED}={quote(prefix + rest)}")
    assert status in {400, 422}
    assert reader.heading


@given(place=st.integers(0, 200), other=st.sampled_from("Aa0-"))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_a_seal_that_was_changed_does_not_open(reader: Browser, place: int, other: str) -> None:
    reader.get(LIST)
    reader.search(q="ざいたく")
    [sealed] = parse_qs(urlsplit(reader.path).query)[SEALED]
    at = place % (len(sealed.rstrip("=")) - 1)
    changed = sealed[:at] + other + sealed[at + 1 :]
    assert (reader.get(f"{LIST}?{SEALED}={quote(changed)}") == 200) is (changed == sealed)


def test_an_older_key_still_opens_and_a_forgotten_one_does_not(office: Office) -> None:
    browser = office.logged_in()
    browser.get(LIST)
    browser.search(q="ざいたく")
    found, old = browser.path, office.services.settings.session_keys.keys
    for keys, status in (((NEW_KEY, *old), 200), ((NEW_KEY,), 422)):
        ring = replace(office.services.settings, session_keys=Keyring(keys))
        services = replace(office.services, settings=ring)
        later = replace(office, services=services, app=build_app(services)).logged_in()
        assert later.get(found) == status
        later.get(LIST)
        later.search(q="ざいたく")
        assert later.get(found) == status


def test_the_same_words_never_look_the_same(office: Office) -> None:
    paths = set()
    for _ in range(3):
        browser = office.logged_in()
        browser.get(LIST)
        browser.search(q="ざいたく")
        paths.add(browser.path)
    assert len(paths) == 3


@pytest.mark.parametrize("length", [101, MOST_CHARACTERS, 3_000])
def test_too_many_letters_are_told_by_the_list(reader: Browser, length: int) -> None:
    reader.get(LIST)
    assert reader.search(q="在" * length) == 422
    assert "100文字以内で" in reader.text


def test_a_search_whose_session_had_ended_is_given_back(office: Office) -> None:
    browser = office.logged_in()
    browser.get(LIST)
    form = next(each for each in browser.page.iter("form") if each.get("role") == "search")
    office.clock.advance(timedelta(hours=2))
    browser.post(LIST, Browser.hidden(form) | {"q": "ざいたく"})
    assert browser.heading == "ログイン"
    assert "ざいたく" not in browser.path
    browser.send(institution_code="1310123456", user_id="kanri", password=PASSWORD)
    assert browser.path == LIST
    assert 'value="ざいたく"' in browser.answer.text
    # It changes nothing: it may be sent from there as often as one likes.
    page = browser.page
    for word in ("ざいたく", "たろう"):
        browser.page = page
        assert browser.search(q=word) == 200
        assert f'value="{word}"' in browser.answer.text


@pytest.mark.parametrize("path", SEARCHES)
def test_a_search_needs_what_its_list_needs_and_its_form(office: Office, path: str) -> None:
    stranger = office.browser()
    stranger.post(path, {"q": "ざいたく"})
    assert stranger.status == 400  # nobody's form
    viewer = office.logged_in(Role.MEDICAL_VIEW)
    viewer.get("/console/logout")
    token = Browser.hidden(viewer.form())
    if viewer.get(path) == 403:
        assert viewer.post(path, token | {"q": "ざいたく"}) == 403


def test_no_form_of_the_console_puts_a_name_into_an_address() -> None:
    """A form that is sent by GET writes all its fields there."""
    asked = set()
    for template in sorted((TEMPLATES / "console").glob("*.html")):
        for form in re.findall(r"<form\b.*?</form>", template.read_text("utf-8"), re.DOTALL):
            if 'method="get"' in form:
                fields = re.findall(r'(?:text_input|select)\("([^"]+)"', form)
                asked |= {(template.name, field) for field in fields}
    # The name that a poster was given, which is printed on it and names nobody.
    assert {each for each in asked if each[1] in PRIVATE} == {("posters.html", "q")}
