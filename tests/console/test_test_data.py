"""テスト用データセットアップ: cards, data, withdrawn consents; nothing of it in production."""

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Row, update

from tests.console.office import Browser, Office
from tests.patient.lint import words
from zaitaku.accounts.model import Role
from zaitaku.app import build_app
from zaitaku.consent.model import ConsentState
from zaitaku.consent.tables import consent_item
from zaitaku.core.database import metadata
from zaitaku.eligibility.kinds import KIND_NAMES, SandboxKind
from zaitaku.eligibility.model import Insured
from zaitaku.identity.subjects import subject_hashes
from zaitaku.sandbox.authority import Generation, TestAuthority
from zaitaku.sandbox.profile import card_period

HOME = "/console/test-data"
NEW = f"{HOME}/cards/new"
CARD = {"serial": "１２３４５６７８９０", "kind": "insured", "insurance_card": "yes", "pmh_id": ""}


def at(office: Office, path: str = HOME) -> Browser:
    browser = office.logged_in()
    assert browser.get(path) == 200
    return browser


def bound(browser: Browser, **changes: str) -> int:
    browser.get(NEW)
    return browser.send(**{**CARD, **changes})


def tables(browser: Browser) -> dict[str, list[list[str]]]:
    """The rows of each table by its caption."""
    return {
        words(next(table.iter("caption"))): [
            [" ".join("".join(cell.itertext()).split()) for cell in row] for row in table.iter("tr")
        ][1:]
        for table in browser.page.iter("table")
    }


def every_row(office: Office) -> dict[str, list[Row[Any]]]:
    with office.services.database.reading() as connection:
        return {
            table.name: list(connection.execute(table.select())) for table in metadata.sorted_tables
        }


def test_the_menu_leads_there_and_it_begins_empty(office: Office) -> None:
    browser = office.logged_in()
    browser.get("/console/")
    browser.follow("テスト用データセットアップ")
    assert browser.heading == "テスト用データセットアップ"
    assert "登録したカードはありません" in browser.text


def test_elsewhere_than_in_the_sandbox_there_is_nothing(office: Office) -> None:
    real = replace(office.services, sandbox=None)
    there = replace(office, app=build_app(real), services=real)
    there.app.config["WTF_CSRF_ENABLED"] = False
    browser = there.logged_in()
    for path in (HOME, NEW, f"{HOME}/cards/deletion", f"{HOME}/emergency/registration"):
        assert browser.get(path) == 404, path
    before = every_row(office)
    for path in (
        *(NEW, f"{HOME}/cards/deletion", f"{HOME}/surgery/deletion"),
        *(f"{HOME}/emergency/registration", f"{HOME}/consents/reset"),
    ):
        answer = browser.client.post(path, data=CARD, base_url=real.settings.origin)
        assert answer.status_code == 404, path
    assert every_row(office) == before


def test_each_of_the_fourteen_kinds_is_bound(office: Office) -> None:
    browser = office.logged_in()
    for serial, kind in enumerate(SandboxKind, start=1):
        assert bound(browser, kind=kind.value, serial=str(serial)) == 200
        assert "カードを登録しました" in browser.text
        (name, person, *_), *earlier = tables(browser)["登録したテスト用カード"]
        assert len(earlier) == serial - 1
        assert name.startswith(KIND_NAMES[kind])
        assert (person == "表示しません") == kind.is_withheld


def test_a_card_that_is_bound_here_is_that_person_when_it_is_read(
    office: Office, authority: TestAuthority
) -> None:
    made = authority.issue_for(
        card_period(office.clock.now().date(), office.clock.now().date()), Generation.SECOND
    )
    bound(office.logged_in(), serial=str(made.certificate.serial_number))
    hashes = subject_hashes(
        certificate=made.certificate,
        issuer=authority.roots[Generation.SECOND].certificate,
        keys=office.services.settings.subject_keys,
    )
    assert isinstance(office.services.eligibility.find(hashes), Insured)


MISTAKES = (
    ({"serial": ""}, "serial", "シリアル番号を入力してください"),
    ({"serial": "1F2E"}, "serial", "10進数の数字だけ"),
    ({"serial": "9" * 60}, "serial", "49けた以内"),
    ({"kind": ""}, "kind", "一覧から選んでください"),
    ({"kind": "nothing"}, "kind", "一覧から選んでください"),
    ({"pmh_id": "あ"}, "pmh_id", "英数字とハイフン"),
)


def test_a_mistake_is_told_at_its_field_and_what_was_typed_stays(office: Office) -> None:
    browser = office.logged_in()
    for changes, field, told in MISTAKES:
        assert bound(browser, **changes) == 422
        assert told in browser.text
        assert f'href="#{field}"' in browser.answer.text
        assert browser.title.startswith("エラー：")
        kept = {**CARD, **changes}
        shown = {each.attrib.get("name"): each.attrib for each in browser.page.iter("input")}
        assert shown["serial"].get("value", "") == kept["serial"]
        assert shown["pmh_id"].get("value", "") == kept["pmh_id"]
        assert "checked" in shown["insurance_card"]


def test_a_card_of_another_facility_is_refused(office: Office) -> None:
    office.employ(office.world.other)
    bound(office.logged_in(facility=office.world.other))
    browser = office.logged_in()
    assert bound(browser) == 409
    assert "ほかの医療機関等がテストに使っています" in browser.text


def test_all_cards_are_deleted_after_a_warning(office: Office) -> None:
    browser = office.logged_in()
    for serial in ("1", "2"):
        bound(browser, serial=serial)
    browser.follow("すべてのカードの登録を削除する")
    assert "2枚すべてを削除します" in browser.text
    browser.send()
    assert "カードの登録をすべて削除しました" in browser.text
    assert "登録したテスト用カード" not in tables(browser)
    browser.get(f"{HOME}/cards/deletion")
    assert "削除するものはありません" in browser.text


def row_of(browser: Browser, name: str) -> list[str]:
    (row,) = [row for row in tables(browser)["テストデータの種類と件数"] if row[0] == name]
    return row


def test_a_category_is_deleted_and_registered_again(office: Office) -> None:
    browser = office.logged_in()
    bound(browser)
    before = row_of(browser, "薬剤情報")
    assert before[1] == "登録済み"
    assert before[2] != "0件"
    browser.follow("削除する（薬剤情報）")
    assert f"薬剤情報（{before[2]}）を削除します" in browser.text
    browser.send()
    assert row_of(browser, "薬剤情報")[1:3] == ["未登録", "0件"]
    browser.follow("登録する（薬剤情報）")
    browser.send()
    assert row_of(browser, "薬剤情報") == before


def test_emergency_data_ask_for_a_card_that_is_bound(office: Office) -> None:
    browser = office.logged_in()
    bound(browser, serial="77")
    for serial, told in (("", "入力してください"), ("x", "10進数"), ("78", "登録されていません")):
        browser.get(f"{HOME}/emergency/registration")
        assert browser.send(serial=serial) == 422
        assert told in browser.text
    assert browser.send(serial="77") == 200
    assert row_of(browser, "救急時医療情報")[1:3] == ["登録済み", "1件"]


def test_what_was_withdrawn_in_a_test_stands_again(office: Office) -> None:
    office.world.register()
    office.world.register(facility=office.world.other)
    withdrawn = update(consent_item).values(state=ConsentState.WITHDRAWN.value)
    with office.services.database.transaction() as connection:
        connection.execute(withdrawn)
    browser = at(office)
    assert "取り消した同意が1件あります" in browser.text
    browser.follow("取り消した同意を元に戻す")
    assert "取り消した同意1件が、取り消す前に戻ります" in browser.text
    browser.send()
    assert "取り消した同意はありません" in browser.text
    states = [row["state"] for row in office.world.rows(consent_item)]
    assert states.count("withdrawn") == states.count("grant") == len(states) // 2


@pytest.mark.parametrize("role", [Role.GENERAL, Role.MEDICAL_VIEW])
def test_others_than_the_administrator_may_not(office: Office, role: Role) -> None:
    assert office.logged_in(role).get(HOME) == 403
