"""Deleting accounts, resetting passwords, the sheet with an account's settings (domain.md §5)."""

from datetime import timedelta
from io import BytesIO

import pypdfium2
import pytest

from tests.console.office import PASSWORD, USER_IDS, Browser, Office
from tests.console.test_accounts import LIST, account, page_of
from zaitaku.accounts.model import MAY_RESET_PASSWORD, Role
from zaitaku.accounts.telling import TellOnce
from zaitaku.core.errors import StoreUnavailable


def delete(browser: Browser, address: str) -> int:
    browser.get(f"{address}/deletion")
    browser.send(ticked="yes")
    assert browser.heading == "アカウントの削除：確認"
    return browser.send()


def test_deleting_asks_twice_and_the_id_stays_taken(office: Office) -> None:
    person, browser = office.logged_in(Role.GENERAL), office.logged_in()
    address = page_of(office, "ippan")
    browser.get(f"{address}/deletion")
    assert browser.send() == 422
    assert "チェックを入れてください" in browser.text
    assert delete(browser, address) == 200
    assert browser.heading == "アカウントを削除しました"
    assert "ippan" in browser.text
    person.get("/console/")
    assert person.heading == "ログイン"
    assert browser.get(address) == 404
    browser.get(f"{LIST}/new?role=general")
    again = {"user_id": "ippan", "user_name": "い", "user_kana": "イ"}
    assert browser.send(**again, starts_on="", ends_on="") == 422


def test_the_second_page_opens_only_after_the_first(office: Office) -> None:
    browser = office.logged_in()
    browser.get(page_of(office, "ippan", "/deletion/confirmation"))
    assert browser.heading == "アカウントを削除する：ippan"
    browser.send(ticked="yes")
    browser.get(page_of(office, "etsuran", "/deletion/confirmation"))
    assert browser.heading == "アカウントを削除する：etsuran"
    browser.get(f"{LIST}/deleted")
    assert browser.heading == "アカウント情報管理"


def test_the_last_button_twice_deletes_once(office: Office) -> None:
    office.app.config["WTF_CSRF_ENABLED"] = False
    browser, address = office.logged_in(), page_of(office, "ippan")
    assert delete(browser, address) == 200
    assert browser.post(f"{address}/deletion/confirmation", {"revision": "0"}) == 200
    assert browser.heading == "アカウントを削除しました"


def test_what_somebody_managed_meanwhile_is_not_deleted(office: Office) -> None:
    browser, other = office.logged_in(), office.logged_in()
    browser.get(page_of(office, "ippan", "/deletion"))
    browser.send(ticked="yes")
    other.get(page_of(office, "ippan", "/password-reset"))
    other.send()
    assert browser.send() == 409
    assert "ほかの方が先に変更しました" in browser.heading
    assert not account(office, "ippan").is_deleted


def test_the_last_administrator_is_not_deleted(office: Office) -> None:
    master = office.logged_in(Role.MASTER)
    assert delete(master, page_of(office, "kanri")) == 409
    assert "先に、別の管理アカウントを登録してください" in master.text
    office.register(Role.ADMIN, "kanri2", office.world.facility)
    assert delete(master, page_of(office, "kanri")) == 200


def test_passwords_are_reset_by_whom_the_table_names(office: Office) -> None:
    everybody = office.services.accounts.all_of(office.world.facility.id)
    for role, user_id in USER_IDS.items():
        reached = MAY_RESET_PASSWORD[role]
        if not reached:
            continue
        browser = office.browser()
        browser.log_in(user_id)
        browser.get("/console/password-resets")
        shown = {account(office, row[0]).role for row in browser.rows()}
        assert shown == reached & {each.role for each in everybody}
        for each in everybody:
            status = browser.get(f"{LIST}/{each.id}/password-reset")
            assert status == (200 if each.role in reached else 404)


def test_the_master_is_helped_by_the_reset_account(office: Office) -> None:
    for _ in range(5):
        office.browser().log_in("master", "wrong")
    browser = office.browser()
    browser.log_in("reset")
    assert [*browser.links()].count("アカウント一覧・登録・更新") == 0
    browser.follow("パスワード再発行")
    browser.follow("master")
    browser.send()
    assert browser.heading == "パスワードを再発行しました"
    first = office.browser()
    first.log_in("master", browser.hidden(browser.form())["initial_password"])
    assert first.heading == "はじめのパスワードを変更する"


def test_a_reset_ends_sessions_and_the_former_password(office: Office) -> None:
    person, browser = office.logged_in(Role.GENERAL), office.logged_in()
    office.clock.advance(timedelta(seconds=1))
    browser.get(page_of(office, "ippan", "/password-reset"))
    browser.send()
    person.get("/console/")
    assert person.heading == "ログイン"
    assert person.log_in("ippan", PASSWORD) == 422


def test_a_programs_new_password_has_no_end(office: Office) -> None:
    office.register(Role.WEB_API, "A0rece", office.world.facility)
    browser = office.logged_in()
    browser.get(page_of(office, "A0rece", "/password-reset"))
    browser.send()
    assert "有効期限はありません" in browser.text
    office.clock.advance(timedelta(days=400))
    assert not account(office, "A0rece").is_password_over(office.clock.now())


def told(office: Office) -> Browser:
    browser = office.logged_in()
    browser.get(page_of(office, "ippan", "/password-reset"))
    browser.send()
    return browser


def test_the_sheet_says_everything_and_is_tagged(office: Office) -> None:
    browser = told(office)
    password = browser.hidden(browser.form())["initial_password"]
    assert browser.send() == 200
    assert browser.answer.mimetype == "application/pdf"
    disposition = browser.answer.headers["Content-Disposition"]
    assert "attachment" in disposition
    assert "ippan_1310123456_" in disposition
    text = pypdfium2.PdfDocument(BytesIO(browser.answer.data))[0].get_textpage().get_text_range()
    expected = ("1310123456", "一般", "ippan", "ミドリ", password, "/console/login", "まで")
    assert [words for words in expected if words not in text] == []
    assert b"/MarkInfo" in browser.answer.data


def test_a_sheet_needs_the_accounts_own_initial_password(office: Office) -> None:
    browser = told(office)
    assert browser.send(initial_password="abcd-efgh-jkmn-pqrs") == 409
    browser = told(office)
    page, password = browser.form(), browser.hidden(browser.form())["initial_password"]
    person = office.browser()
    person.log_in("ippan", password)
    person.send(current=password, new_password="hitotsu-no-ie-3", again="hitotsu-no-ie-3")
    assert browser.post(page.attrib["action"], browser.hidden(page)) == 409
    own = browser.hidden(page) | {"initial_password": "hitotsu-no-ie-3"}
    assert browser.post(page.attrib["action"], own) == 409


def test_nobody_else_is_told_the_password(office: Office) -> None:
    office.register(Role.ADMIN, "kanri2", office.world.facility)
    browser = told(office)
    other = office.browser()
    other.log_in("kanri2")
    assert other.get(browser.path) == 410


def test_without_the_short_lived_store_it_is_told_at_once(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object, **__: object) -> str:
        raise StoreUnavailable("away")

    monkeypatch.setattr(TellOnce, "hold", away)
    browser = told(office)
    assert browser.heading == "パスワードを再発行しました"
    password = browser.hidden(browser.form())["initial_password"]
    assert office.browser().log_in("ippan", password) == 200


def test_two_tabs_delete_only_what_each_of_them_shows(office: Office) -> None:
    browser, addresses = (
        office.logged_in(),
        [page_of(office, name) for name in ("ippan", "etsuran")],
    )
    browser.get(f"{addresses[0]}/deletion")
    browser.send(ticked="yes")
    path, first = browser.path, browser.hidden(browser.form())
    browser.get(f"{addresses[1]}/deletion")
    browser.send(ticked="yes")
    browser.post(path, first)
    assert browser.heading == "アカウントを削除する：ippan"
    assert not any(account(office, name).is_deleted for name in ("ippan", "etsuran"))


def test_new_passwords_in_two_tabs_of_one_browser_are_both_told(office: Office) -> None:
    browser = office.logged_in()
    told = {}
    for user_id in ("ippan", "etsuran"):
        address = page_of(office, user_id)
        browser.get(f"{address}/password-reset")
        fields = browser.hidden(browser.form())
        answer = browser.client.post(
            f"{address}/password-reset", data=fields, base_url="http://localhost:8000"
        )
        told[user_id] = answer.location
    for user_id, location in told.items():
        assert browser.get(location) == 200
        assert user_id in browser.text
        assert browser.get(location) == 410
