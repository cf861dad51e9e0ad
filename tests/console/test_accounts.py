"""The list of accounts, registering, changing, releasing (domain.md §5)."""

from datetime import date, timedelta
from urllib.parse import urlencode

import pytest
from sqlalchemy import select

from tests.console.office import PASSWORD, USER_IDS, Browser, Office
from zaitaku.accounts.model import MAY_MANAGE, Account, Role
from zaitaku.audit.store import audit_entry

LIST = "/console/accounts"


def account(office: Office, user_id: str) -> Account:
    found = office.services.accounts.all_of(office.world.facility.id)
    return next(each for each in found if each.user_id == user_id)


def page_of(office: Office, user_id: str, page: str = "") -> str:
    return f"{LIST}/{account(office, user_id).id}{page}"


def listed(browser: Browser, **query: str) -> list[str]:
    assert browser.get(f"{LIST}?{urlencode(query)}") == 200
    if not any(True for _ in browser.page.iter("tbody")):
        return []
    return [row[0] for row in browser.rows()]


@pytest.mark.parametrize("role", [Role.MASTER, Role.ADMIN])
def test_each_sees_the_accounts_that_they_manage_and_no_others(office: Office, role: Role) -> None:
    office.register(Role.WEB_API, "A0rece", office.world.facility)
    office.register(Role.GENERAL, "tonari", office.world.other)
    seen = listed(office.logged_in(role))
    wanted = {each for each, user_id in USER_IDS.items() if each in MAY_MANAGE[role]}
    assert {account(office, user_id).role for user_id in seen} >= wanted
    assert all(account(office, user_id).role in MAY_MANAGE[role] for user_id in seen)


def changed(**values: str) -> dict[str, str]:
    usual = {"user_name": "みどり", "user_kana": "ミドリ", "enabled": "yes"}
    return usual | {"starts_on": "", "ends_on": ""} | values


def test_a_search_that_cannot_be_read_says_all_that_is_wrong(office: Office) -> None:
    browser = office.logged_in()
    assert browser.get(f"{LIST}?starts_from=nanji&role=king&ends_to=1899-01-01&sort=x") == 422
    assert browser.title.startswith("エラー：")
    for words in ("利用開始年月日（から）は", "権限区分を一覧から", "2000年から", "表の見出し"):
        assert words in browser.text


def test_the_list_has_pages(office: Office) -> None:
    for number in range(50):
        office.register(Role.GENERAL, f"u{number:02}", office.world.facility)
    browser = office.logged_in()
    assert len(listed(browser)) == 50
    assert "全52件（1/2ページ）" in browser.text
    assert browser.follow("次へ") == 200
    assert [row[0] for row in browser.rows()] == ["u48", "u49"]


def test_choosing_the_type_fills_in_its_beginning(office: Office) -> None:
    browser = office.logged_in()
    prefixes = {Role.WEB_API: "A0", Role.LINKED_APP: "R0", Role.FACE_READER: "F0"}
    for role in MAY_MANAGE[Role.ADMIN]:
        assert browser.get(f"{LIST}/new?role={role}") == 200
        (user_id,) = [each for each in browser.page.iter("input") if each.get("id") == "user_id"]
        assert user_id.get("value", "") == prefixes.get(role, "")


def test_only_the_types_that_one_may_register_are_offered(office: Office) -> None:
    admin = office.logged_in()
    admin.get(f"{LIST}/new")
    radios = {each.attrib["value"] for each in admin.page.iter("input")}
    assert radios == {role.value for role in MAY_MANAGE[Role.ADMIN]}
    assert admin.get(f"{LIST}/new?role=admin") == 422
    master = office.logged_in(Role.MASTER)
    master.get(f"{LIST}/new")
    assert master.heading == "アカウントを登録する：管理"


def test_registering_tells_the_password_once(office: Office) -> None:
    browser = office.logged_in()
    browser.get(f"{LIST}/new?role=general")
    new = {"user_id": "ｓｈｉｎ１", "user_name": "ｼﾝ1", "user_kana": "しん１"}
    assert browser.send(**new, starts_on="", ends_on="2027-03-31") == 200
    assert browser.heading == "アカウントを登録しました"
    assert browser.answer.headers["Cache-Control"] == "no-store"
    password = browser.hidden(browser.form())["initial_password"]
    found = account(office, "shin1")
    assert (found.name, found.kana, found.ends_on) == ("シン１", "シン１", date(2027, 3, 31))
    assert browser.get(browser.path) == 410
    assert password not in browser.answer.text
    first = office.browser()
    first.log_in("shin1", password)
    assert first.heading == "はじめのパスワードを変更する"


def test_every_mistake_is_told_at_once_and_nothing_typed_is_lost(office: Office) -> None:
    browser = office.logged_in()
    browser.get(f"{LIST}/new?role=web-api")
    typed = {"user_id": "X1", "user_name": "山田", "user_kana": "", "starts_on": "2026-02-30"}
    assert browser.send(**typed, ends_on="") == 422
    for words in ("3文字以上8文字以内", "漢字、空白、記号", "カナ）を入力", "実際にある日付"):
        assert words in browser.text
    values = {each.get("id"): each.get("value") for each in browser.page.iter("input")}
    assert (values["user_id"], values["user_name"]) == ("X1", "山田")
    assert browser.send(**{**typed, "user_id": "X1abc"}, ends_on="") == 422
    assert "決まった2文字から" in browser.text


def test_a_user_id_is_free_only_once(office: Office) -> None:
    browser = office.logged_in()
    browser.get(f"{LIST}/new?role=general")
    typed = {"user_id": "IPPAN", "user_name": "い", "user_kana": "イ"}
    assert browser.send(**typed, starts_on="", ends_on="") == 422
    assert "前に使われていました" in browser.text


def test_changes_hold_and_are_recorded_without_the_password(office: Office) -> None:
    browser = office.logged_in()
    browser.get(page_of(office, "ippan", "/change"))
    assert browser.send(**changed(user_name="あたらしい", ends_on="2027-03-31")) == 200
    assert browser.heading == "アカウントを変更しました"
    with office.services.database.reading() as connection:
        last = connection.execute(
            select(audit_entry).where(audit_entry.c.act == "update_account")
        ).one()
    assert (last.actor, last.subject) == ("kanri みどり", "ippan")
    assert last.detail == {
        "ユーザ名": "みどり → あたらしい",
        "利用終了年月日": "なし → 2027-03-31",
    }


def test_user_id_and_type_never_change(office: Office) -> None:
    before, browser = account(office, "ippan"), office.logged_in()
    browser.get(page_of(office, "ippan", "/change"))
    assert not {"user_id", "role"} & {each.get("name") for each in browser.page.iter("input")}
    forged = changed(user_name="あたらしい", user_id="betsu", role="medical-view")
    assert browser.send(**forged) == 200
    after = account(office, "ippan")
    assert (after.id, after.role, after.name) == (before.id, before.role, "あたらしい")


def test_a_disabled_account_is_logged_out_at_once(office: Office) -> None:
    person, browser = office.logged_in(Role.GENERAL), office.logged_in()
    browser.get(page_of(office, "ippan", "/change"))
    browser.send(**changed(enabled="no"))
    person.get("/console/")
    assert person.heading == "ログイン"


def test_the_later_of_two_is_told_what_changed_and_keeps_the_typing(office: Office) -> None:
    one, two = office.logged_in(), office.logged_in()
    for browser in (one, two):
        browser.get(page_of(office, "ippan", "/change"))
    assert one.send(**changed(user_name="さきの")) == 200
    assert two.send(**changed(user_name="あとの")) == 409
    assert "いまの登録は「さきの」、入力した内容は「あとの」" in two.text
    assert "みどり → さきの" in two.text
    assert account(office, "ippan").name == "さきの"
    assert two.send(**changed(user_name="あとの")) == 200
    assert account(office, "ippan").name == "あとの"


def test_a_mistake_does_not_make_an_old_page_new(office: Office) -> None:
    one, two = office.logged_in(), office.logged_in()
    for browser in (one, two):
        browser.get(page_of(office, "ippan", "/change"))
    one.send(**changed(user_name="さきの"))
    assert two.send(**changed(user_name="")) == 422
    assert two.send(**changed(user_name="あとの")) == 409


def test_the_last_administrator_stays(office: Office) -> None:
    master = office.logged_in(Role.MASTER)
    yesterday = (office.clock.now() - timedelta(days=1)).date().isoformat()
    for values in (changed(enabled="no"), changed(ends_on=yesterday)):
        master.get(page_of(office, "kanri", "/change"))
        assert master.send(**values) == 409
        assert "先に、別の管理アカウントを登録してください" in master.text
    assert account(office, "kanri").is_enabled
    office.register(Role.ADMIN, "kanri2", office.world.facility)
    master.get(page_of(office, "kanri", "/change"))
    assert master.send(**changed(enabled="no")) == 200


def test_a_lock_is_released_by_who_manages_the_account(office: Office) -> None:
    for _ in range(5):
        office.browser().log_in("ippan", "wrong")
    browser = office.logged_in()
    browser.get(page_of(office, "ippan"))
    assert browser.follow("ロックを解除する") == 200
    assert browser.send() == 200
    assert not account(office, "ippan").is_locked
    assert office.browser().log_in("ippan", PASSWORD) == 200
    browser.get(page_of(office, "ippan", "/lock-release"))
    assert browser.heading == "アカウント：ippan"


def test_what_one_may_not_manage_is_not_there(office: Office) -> None:
    other = office.register(Role.GENERAL, "tonari", office.world.other)
    admin, master = office.logged_in(), office.logged_in(Role.MASTER)
    pages = ("", "/change", "/lock-release", "/deletion", "/password-reset", "/initial-password")
    for page in pages:
        assert admin.get(f"{LIST}/{other.id}{page}") == 404
        assert admin.get(page_of(office, "kanri", page)) == 404
        assert admin.get(page_of(office, "master", page)) == 404
        assert master.get(page_of(office, "ippan", page)) == 404


def test_a_forged_form_reaches_no_foreign_account(office: Office) -> None:
    office.app.config["WTF_CSRF_ENABLED"] = False
    other = office.register(Role.GENERAL, "tonari", office.world.other)
    values = changed(enabled="no", revision="0", ticked="yes")
    browser = office.logged_in()
    for page in ("change", "lock-release", "deletion", "password-reset", "settings-sheet"):
        for target in (other.id, account(office, "kanri").id):
            assert browser.post(f"{LIST}/{target}/{page}", values) == 404
    assert account(office, "kanri").is_enabled
