"""アクティベーションコード管理 in the console (domain.md §7)."""

from dataclasses import replace

import pytest

from tests.console.office import Browser, Office
from zaitaku.accounts.model import Role
from zaitaku.core.errors import OutcomeUnknown


def issue(browser: Browser, memo: str = "Aさん用の携帯1") -> str:
    browser.get("/console/activation-codes")
    browser.follow("新しいコードを発行する")
    browser.send(memo=memo)
    return browser.path.split("/")[3]


def test_a_code_is_issued_found_and_invalidated(office: Office) -> None:
    browser = office.logged_in()
    issue(browser)
    assert browser.heading == "コードを発行しました"
    assert "2026年11月20日 10:10から使えます" in browser.text
    browser.follow("コードの一覧へ")
    (row,) = browser.rows()
    assert row[0].startswith("未登録") and row[2] == "Aさん用の携帯1"
    browser.follow("無効にする（Aさん用の携帯1）")
    assert "二度と使えなくなります" in browser.text
    browser.send()
    assert browser.heading == "コードを無効にしました"
    browser.get("/console/activation-codes")
    assert "使えるコードはありません" in browser.text
    browser.get("/console/activation-codes?searched=yes")
    (row,) = browser.rows()
    assert row[3] == "無効化済み"
    assert 'class="is-expired"' in browser.answer.text


def test_a_slip_is_named_and_what_was_typed_is_kept(office: Office) -> None:
    browser = office.logged_in()
    browser.get("/console/activation-codes/new")
    assert browser.send(memo=" ") == 422
    assert "端末メモを入力してください" in browser.text
    assert browser.send(memo="長" * 41) == 422
    assert "長" * 41 in browser.answer.text
    for query in ("state=x", "sort=x", "page=0"):
        assert browser.get(f"/console/activation-codes?{query}") == 422


def test_a_code_that_still_lives_has_no_page_that_says_otherwise(office: Office) -> None:
    browser = office.logged_in()
    code = issue(browser)
    browser.get(f"/console/activation-codes/{code}/invalidated")
    assert browser.heading == "警告：コードを無効にします"


def test_without_home_visits_the_menu_lacks_it_and_the_page_says_why(office: Office) -> None:
    facility = office.world.facility
    off = replace(facility.settings, home_visit=False)
    version = office.services.facilities.get(facility.id).settings_version
    office.services.facilities.change_settings(
        facility.id, off, expected_version=version, actor="test"
    )
    browser = office.logged_in()
    assert "アクティベーションコード管理" not in browser.links()
    assert browser.get("/console/activation-codes") == 409
    assert browser.heading == "訪問診療等機能を使っていません"


def test_another_facility_sees_none_of_it(office: Office) -> None:
    code = issue(office.logged_in())
    other = office.world.other
    office.employ(other)
    stranger = office.logged_in(Role.ADMIN, other)
    for page in ("issued", "invalidation", "invalidated"):
        assert stranger.get(f"/console/activation-codes/{code}/{page}") == 404


def test_a_change_of_which_nobody_knows_is_told_as_such(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database has it, and no longer waits for whoever was to have it as well."""
    browser = office.logged_in()
    browser.get("/console/activation-codes/new")

    def unknown(*_: object, **__: object) -> None:
        raise OutcomeUnknown("NotReplicated")

    monkeypatch.setattr(office.services.devices.__class__, "issue", unknown)
    assert browser.send(memo="携帯1") == 503
    assert browser.heading == "結果を確かめられませんでした"
    assert "何も変更していません" not in browser.text
