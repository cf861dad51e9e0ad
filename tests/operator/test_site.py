"""What the operator does on the pages of ``zaitaku operate`` (domain.md §2, §5)."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from werkzeug.test import TestResponse

from tests.console.office import PASSWORD as OFFICE_PASSWORD
from tests.console.office import Browser, Office
from tests.operator.conftest import KEY
from zaitaku.accounts.model import Role
from zaitaku.accounts.service import LoginAttempt
from zaitaku.audit.store import AuditTrail
from zaitaku.blueprints.operator.room import Entrance
from zaitaku.devices.service import DeviceRequest
from zaitaku.facilities.model import InstitutionCode

NEW = {
    "institution_code": "1310999998",
    "registered_name": "ひなた薬局",
    "phone": "03-0000-5678",
    "hours": "",
    "starts_on": "",
    "chart_sharing_from": "",
    "master_id": "master",
    "master_reset_id": "mreset",
}
PASSWORD = re.compile(r"[2-9a-z]{4}(?:-[2-9a-z]{4}){3}")


def add(browser: Browser, **values: str) -> int:
    browser.get("/operator/facilities/new")
    return browser.send(**{**NEW, "institution_code": "1340999998", **values})


def of_first(desk: Office, page: str = "") -> str:
    return f"/operator/facilities/{desk.world.facility.id}{page}"


def code_change(desk: Office, code: str = "1310777777", **values: str) -> dict[str, str]:
    facility = desk.services.facilities.get(desk.world.facility.id)
    return {
        "kind": "succession",
        "institution_code": code,
        "effective_on": "2026-11-20",
        "reason": "院長の交代",
        "registered_name": "新みどり坂クリニック",
        "phone": facility.phone,
        "hours": "",
        "starts_on": "",
        "chart_sharing_from": "",
        **values,
    }


def test_every_page_but_the_entrance_asks_for_the_key(desk: Office) -> None:
    client, walked = desk.app.test_client(), 0
    for rule in desk.app.url_map.iter_rules():
        if not rule.endpoint.startswith("operator.") or rule.endpoint.endswith(("enter", "key")):
            continue
        names = dict.fromkeys(rule.arguments, desk.world.facility.id) | {"code": "1310123456"}
        values = {name: names[name] for name in rule.arguments}
        path = desk.app.url_map.bind("localhost").build(rule.endpoint, values)
        for method in (rule.methods or set()) & {"GET", "POST"}:
            desk.app.config["WTF_CSRF_ENABLED"] = False
            answer: TestResponse = client.open(path, method=method, base_url="http://localhost")
            assert (answer.status_code, answer.location) == (303, "/operator/enter"), path
            walked += 1
    assert walked > 12


def test_the_key_lets_one_browser_in(desk: Office, browser: Browser) -> None:
    assert browser.heading == "医療機関等の一覧"
    second = desk.browser()
    second.get("/operator/enter")
    assert second.send(key=KEY) == 422
    second.get("/operator/")
    assert second.heading == "運用者画面に入る"


def test_of_many_with_the_key_one_gets_in() -> None:
    entrance = Entrance(KEY)
    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(lambda _: entrance.take(KEY), range(32))) == 1


@pytest.mark.parametrize("key", ["", "x", "\ud800", "鍵"])
def test_a_wrong_key_opens_nothing_and_takes_nothing(key: str) -> None:
    entrance = Entrance(KEY)
    assert not entrance.take(key)
    assert entrance.take(KEY)


def test_another_host_name_is_refused(desk: Office) -> None:
    answer = desk.app.test_client().get("/operator/enter", base_url="http://evil.example")
    assert answer.status_code == 400


def test_a_facility_comes_into_being_whole(desk: Office, browser: Browser) -> None:
    assert add(browser, starts_on="2026-12-01") == 200
    assert browser.heading == "医療機関等を登録しました"
    passwords = list(dict.fromkeys(PASSWORD.findall(browser.text)))  # on screen, and for print
    assert len(passwords) == 2
    code = "1340999998"
    facility = desk.services.facilities.find(InstitutionCode(code))
    assert str(facility.enrolment.starts_on) == "2026-12-01"
    for channel in ("home-visit", "online"):
        assert desk.services.reception.show(facility.id, channel).current.number == 1  # type: ignore[arg-type]
    for user_id, password, role in zip(
        ("master", "mreset"), passwords, (Role.MASTER, Role.MASTER_RESET), strict=True
    ):
        attempt = LoginAttempt(code, user_id, password, "192.0.2.1")
        staff = desk.services.accounts.authenticate(attempt)
        assert (staff.account.role, staff.account.must_change_password) == (role, True)


@pytest.mark.parametrize(
    ("values", "status", "words"),
    [
        ({"institution_code": "134"}, 422, "10桁の数字"),
        ({"institution_code": "1310123456"}, 409, "登録されているか、前に使われていました"),
        ({"registered_name": ""}, 422, "施設名を入力してください"),
        ({"phone": "12"}, 422, "電話番号は0で始まる"),
        ({"starts_on": "あした"}, 422, "利用開始日は 2026-11-20 のように"),
        ({"master_reset_id": "MASTER"}, 422, "別のユーザIDに"),
        ({"master_id": "長い名前"}, 422, "半角の英字と数字"),
    ],
)
def test_a_slip_is_named_and_nothing_is_made(
    desk: Office, browser: Browser, values: dict[str, str], status: int, words: str
) -> None:
    before = len(desk.services.facilities.all())
    assert add(browser, **values) == status
    assert words in browser.text
    assert NEW["master_id"] in browser.answer.text or "master_id" in values
    assert len(desk.services.facilities.all()) == before


def test_the_list_is_searched_by_code_and_name(desk: Office, browser: Browser) -> None:
    browser.get("/operator/")
    assert len(browser.rows()) == 2
    browser.get("/operator/?q=1310")
    assert len(browser.rows()) == 1
    browser.get("/operator/?q=みどり")
    assert [row[1] for row in browser.rows()] == ["みどり坂クリニック"]
    browser.get("/operator/?q=100%")
    assert "条件に合う医療機関等はありません" in browser.text
    assert browser.get("/operator/?page=0") == 422


def test_facts_are_changed_and_the_later_of_two_is_stopped(desk: Office, browser: Browser) -> None:
    browser.get(of_first(desk, "/facts"))
    stale = browser.hidden(browser.form())
    values = {
        "registered_name": "みどり坂医院",
        "phone": "03-0000-1111",
        "hours": "平日 9時〜17時",
        "starts_on": "2027-01-01",
        "chart_sharing_from": "",
    }
    browser.send(**values)
    assert browser.heading == "みどり坂医院"
    assert "2027年1月1日" in browser.text
    late = {**stale, **values, "registered_name": "別の名前"}
    assert browser.post(of_first(desk, "/facts"), late) == 409
    assert desk.services.facilities.get(desk.world.facility.id).registered_name == "みどり坂医院"


def test_a_succession_keeps_urls_and_row_and_leads_from_the_old_code(
    desk: Office, browser: Browser
) -> None:
    facility = desk.world.facility
    url = desk.services.reception.show(facility.id, "online")  # type: ignore[arg-type]
    browser.get(of_first(desk, "/code"))
    browser.send(**code_change(desk))
    assert browser.heading == "この内容で変更しますか"
    assert f"{facility.code} → 1310777777" in browser.text
    browser.send()
    assert browser.heading == "新みどり坂クリニック"
    assert "院長の交代" in browser.text
    changed = desk.services.facilities.find(InstitutionCode("1310777777"))
    assert changed.id == facility.id
    assert desk.services.reception.show(facility.id, "online") == url  # type: ignore[arg-type]
    browser.get(f"/operator/?q={facility.code}")
    assert "前に使われていたコードです" in browser.text


def test_a_succession_ends_all_sessions_and_names_who_stays(
    desk: Office, browser: Browser, office: Office
) -> None:
    code = office.services.devices.issue(office.world.facility, "往診かばん", actor="kanri")
    dropped = office.services.devices.issue(office.world.facility, "古い端末", actor="kanri")
    office.clock.advance(timedelta(minutes=10))
    login = LoginAttempt(str(office.world.facility.code), "ippan", OFFICE_PASSWORD, "192.0.2.1")
    for number, each in enumerate((code, dropped)):
        office.services.devices.register(
            DeviceRequest(login, each.digits, str(number) * 43, f"タブレット{number}")
        )
    office.services.devices.invalidate(office.world.facility.id, dropped.id, actor="kanri")
    former = office.logged_in()
    browser.get(of_first(desk, "/code"))
    browser.send(**code_change(desk, kind="change"))
    assert "引きつがれるアカウント" not in browser.text
    browser.get(of_first(desk, "/code"))
    browser.send(**code_change(desk))
    assert "いまログインしている人は、全員ログアウトします" in browser.text
    assert "引きつがれるアカウント（全5件）" in browser.text
    assert "往診かばんタブレット0" in browser.text
    assert "古い端末" not in browser.text
    assert "パスワードを再発行する（master）" in browser.links()
    assert "パスワードを再発行する（kanri）" not in browser.links()
    assert former.get("/console/environment-settings") == 200
    assert former.heading == "環境設定情報更新"
    browser.send()
    assert browser.heading == "新みどり坂クリニック"
    former.get("/console/environment-settings")
    assert former.heading != "環境設定情報更新"
    assert former.path.startswith("/console/login")


@pytest.mark.parametrize("revision", ["", "x", "²", "9" * 10, "9" * 5_000])
def test_a_revision_that_is_none_is_a_conflict(
    desk: Office, browser: Browser, revision: str
) -> None:
    browser.get(of_first(desk, "/facts"))
    values = {**code_change(desk), "revision": revision}
    assert browser.post(of_first(desk, "/facts"), browser.hidden(browser.form()) | values) == 409


def test_the_operator_is_told_which_settings_end_with_the_pilot(
    desk: Office, browser: Browser
) -> None:
    words = "「医療費助成情報」は「利用しない」に戻ります"
    browser.get(of_first(desk, "/facts"))
    assert words not in browser.text
    facts = code_change(desk, subsidy_pilot="yes")
    browser.send(**facts)
    desk.world.change_settings(subsidy=True)
    browser.get(of_first(desk, "/facts"))
    assert words in browser.text
    browser.get(of_first(desk, "/code"))
    browser.send(**code_change(desk))
    assert "環境設定情報：医療費助成情報利用する → 利用しない" in browser.text
    browser.send()
    facility = desk.services.facilities.get(desk.world.facility.id)
    assert not facility.settings.subsidy


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"institution_code": "1340777777"}, "同じ種類（点数表番号）"),
        ({"reason": ""}, "理由を入力してください"),
        ({"effective_on": ""}, "新しいコードの始まる日を入力"),
        ({"effective_on": "2026-11-21"}, "今日までの日付"),
        ({"effective_on": "1900-01-01"}, "新しいコードの始まる日は 2026-11-20 のように"),
        ({"kind": "theft"}, "種類を一覧から"),
    ],
)
def test_a_code_that_cannot_be_is_refused_before_the_confirmation(
    desk: Office, browser: Browser, values: dict[str, str], words: str
) -> None:
    browser.get(of_first(desk, "/code"))
    assert browser.send(**code_change(desk) | values) == 422
    assert words in browser.text


def test_relatives_come_and_go(desk: Office, browser: Browser) -> None:
    browser.get(of_first(desk, "/related/new"))
    values = {
        "relation": "double-status",
        "related_code": "1330123455",
        "related_name": "みどり坂歯科",
        "opened_on": "2001-04-01",
        "closed_on": "",
    }
    assert browser.send(**values | {"closed_on": "1999-01-01"}) == 422
    browser.send(**values)
    assert "医科・歯科併設" in browser.text
    browser.follow("外す（みどり坂歯科）")
    browser.send()
    assert "みどり坂歯科" not in browser.text


def test_the_operator_resets_master_accounts_and_no_others(desk: Office, browser: Browser) -> None:
    add(browser)
    facility = desk.services.facilities.find(InstitutionCode("1340999998"))
    desk.register(Role.ADMIN, "kanri", facility)
    browser.get(f"/operator/facilities/{facility.id}")
    browser.follow("パスワードを再発行する（master）")
    browser.send(forget="yes")
    assert len(set(PASSWORD.findall(browser.text))) == 1
    with desk.services.database.reading() as connection:
        *_, last = AuditTrail(connection, facility.id).entries()
    assert last.detail == {"パスキーと回復コード": "取消し（パスキー0件）"}
    admin = next(
        each for each in desk.services.accounts.all_of(facility.id) if each.role is Role.ADMIN
    )
    assert browser.get(f"/operator/facilities/{facility.id}/accounts/{admin.id}/reset") == 404


def test_a_locked_master_is_released(desk: Office, browser: Browser) -> None:
    add(browser)
    facility = desk.services.facilities.find(InstitutionCode("1340999998"))
    for _ in range(5):
        attempt = LoginAttempt("1340999998", "master", "wrong password", "192.0.2.1")
        with pytest.raises(Exception, match="login-refused"):
            desk.services.accounts.authenticate(attempt)
    browser.get(f"/operator/facilities/{facility.id}")
    assert "ロック中" in browser.text
    browser.send()
    assert "ロック中" not in browser.text


def test_what_does_not_exist_has_a_calm_page(desk: Office, browser: Browser) -> None:
    for path in ("/operator/nowhere", "/operator/facilities/00000000-0000-0000-0000-000000000000"):
        assert browser.get(path) == 404
        assert browser.heading == "画面が見つかりません"
