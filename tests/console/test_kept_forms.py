"""A form whose session ended comes back after the login, to the same account only."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from tests.console.office import PASSWORD, Browser, Office
from zaitaku.accounts.model import Role
from zaitaku.blueprints.kept_forms import MOST_BYTES

ORIGIN = "http://localhost:8000"
FORM = "/console/reception-urls/online/rotate"
BACK = "入力の続き"
MENU = "メニュー"


def by_time(office: Office, _browser: Browser) -> None:
    office.clock.advance(timedelta(minutes=31))


def by_settings_of_another(office: Office, _browser: Browser) -> None:
    office.world.change_settings(checkup=False)


def by_logout_from_afar(office: Office, _browser: Browser) -> None:
    other = office.logged_in()
    other.get("/console/own-sign-in/sessions/others/end")
    other.send()


ENDINGS: list[Callable[[Office, Browser], None]] = [
    by_time,
    by_settings_of_another,
    by_logout_from_afar,
]


def in_the_middle(office: Office) -> Browser:
    browser = office.logged_in()
    browser.get(FORM)
    return browser


def log_in_again(browser: Browser, user_id: str = "kanri") -> None:
    assert browser.heading == "ログイン"
    browser.send(institution_code="1310123456", user_id=user_id, password=PASSWORD)


@pytest.mark.parametrize("end", ENDINGS)
def test_what_was_typed_comes_back_and_is_sent_by_one_button(
    office: Office, end: Callable[[Office, Browser], None]
) -> None:
    browser = in_the_middle(office)
    end(office, browser)
    browser.send(ticked="yes", note="ポスターの<貼り替え>")
    log_in_again(browser)
    assert browser.heading == BACK
    assert "ポスターの<貼り替え>" in browser.text
    assert "まだ送っていません" in browser.text
    assert browser.send() == 200
    assert browser.path == f"{FORM}/warning"


def test_settings_that_another_has_saved_are_not_overwritten(office: Office) -> None:
    browser = office.logged_in()
    browser.get("/console/environment-settings")
    chosen = {
        each.attrib["name"]: each.attrib["value"]
        for each in browser.form().iter("input")
        if each.attrib["type"] == "radio" and "checked" in each.attrib
    }
    by_settings_of_another(office, browser)
    browser.send(**chosen, display_name="みどり坂")
    log_in_again(browser)
    assert browser.heading == BACK
    assert "みどり坂" in browser.text
    assert browser.send() == 409


def test_another_account_gets_nothing_and_ends_it(office: Office) -> None:
    browser = in_the_middle(office)
    by_time(office, browser)
    browser.send(ticked="yes", note="秘密")
    log_in_again(browser, "ippan")
    assert browser.heading == MENU
    browser.get("/console/continue")
    assert "残っている入力はありません" in browser.text
    browser.log_in("kanri")
    assert browser.heading == MENU


def test_another_browser_gets_nothing(office: Office) -> None:
    browser = in_the_middle(office)
    by_time(office, browser)
    browser.send(ticked="yes")
    other = office.logged_in()
    other.get("/console/continue")
    assert "残っている入力はありません" in other.text


def test_it_is_gone_after_half_an_hour(office: Office) -> None:
    browser = in_the_middle(office)
    by_time(office, browser)
    browser.send(ticked="yes")
    office.clock.advance(timedelta(minutes=30))
    log_in_again(browser)
    assert browser.heading == MENU


def test_passwords_are_never_kept(office: Office) -> None:
    browser = office.logged_in()
    browser.get("/console/password")
    by_time(office, browser)
    browser.send(current=PASSWORD, new_password="atarashii-pass-1", again="atarashii-pass-1")
    log_in_again(browser)
    assert browser.heading == MENU


def test_secrets_of_other_forms_are_left_out(office: Office) -> None:
    browser = in_the_middle(office)
    by_time(office, browser)
    browser.send(ticked="yes", some_password="hush", card_serial="12345")
    log_in_again(browser)
    assert browser.heading == BACK
    assert set(Browser.hidden(browser.form())) == {"csrf_token", "expected", "ticked"}


def test_a_form_that_is_too_large_is_not_kept(office: Office) -> None:
    browser = in_the_middle(office)
    by_time(office, browser)
    browser.send(ticked="yes", note="x" * MOST_BYTES)
    log_in_again(browser)
    assert browser.heading == MENU


def test_it_can_be_thrown_away(office: Office) -> None:
    browser = in_the_middle(office)
    by_time(office, browser)
    browser.send(ticked="yes")
    log_in_again(browser)
    browser.follow("送らずに捨てる")
    browser.send()
    assert browser.heading == MENU
    browser.get("/console/continue")
    assert "残っている入力はありません" in browser.text


def test_the_cookie_says_neither_who_nor_what(office: Office) -> None:
    browser = in_the_middle(office)
    by_time(office, browser)
    browser.send(ticked="yes", note="himitsu")
    with browser.client.session_transaction(base_url=ORIGIN) as session:
        carried = str(dict(session))
    accounts = office.services.accounts.all_of(office.world.facility.id)
    for word in ("himitsu", "kanri", *(str(account.id) for account in accounts)):
        assert word not in carried


def test_a_page_that_leaves_by_itself_keeps_what_it_holds(office: Office) -> None:
    browser = in_the_middle(office)
    fields = Browser.hidden(browser.form()) | {"ticked": "yes", "kept_address": FORM}
    by_time(office, browser)
    assert browser.post("/console/keep-form", fields) == 204
    browser.get("/console/login?ended=idle")
    log_in_again(browser)
    assert browser.heading == BACK
    assert browser.form().attrib["action"] == FORM
    assert browser.send() == 200


STRANGE_ADDRESSES = (
    "https://evil.example/console/reception-urls/online/rotate",
    "//evil.example/console/reception-urls/online/rotate",
    "/console/own-sign-in/recovery-codes",
    "/console/nowhere",
    "/r/abc",
    "",
)


def test_nothing_is_kept_for_an_address_that_takes_no_such_form(office: Office) -> None:
    browser = in_the_middle(office)
    fields = Browser.hidden(browser.form()) | {"ticked": "yes"}
    for address in STRANGE_ADDRESSES:
        browser.post("/console/keep-form", fields | {"kept_address": address})
        browser.get("/console/continue")
        assert "残っている入力はありません" in browser.text, address


def test_nothing_is_kept_for_who_was_never_logged_in(office: Office) -> None:
    browser = office.browser()
    browser.get("/console/login")
    fields = Browser.hidden(browser.form()) | {"ticked": "yes", "kept_address": FORM}
    assert browser.post("/console/keep-form", fields) == 204
    log_in_again_from_login(browser)
    assert browser.heading == MENU


def log_in_again_from_login(browser: Browser) -> None:
    browser.get("/console/login")
    log_in_again(browser)


def test_what_is_kept_is_only_sent_by_the_person_and_once_more_checked(office: Office) -> None:
    browser = in_the_middle(office)
    by_time(office, browser)
    browser.send(ticked="")
    log_in_again(browser, "kanri")
    assert browser.heading == BACK
    assert browser.send() == 422
    assert browser.title.startswith("エラー：")


def test_a_role_that_may_not_open_the_page_is_refused_when_it_sends(office: Office) -> None:
    browser = office.logged_in(Role.GENERAL)
    browser.get("/console/own-sign-in")
    browser.get("/console/logout")
    token = Browser.hidden(browser.form())["csrf_token"]
    by_time(office, browser)
    browser.post(FORM, {"csrf_token": token, "ticked": "yes"})
    log_in_again(browser, "ippan")
    assert browser.heading == BACK
    assert browser.send() == 403
