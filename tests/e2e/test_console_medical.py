"""From a patient's page to the medical information, its history, and the end of a consent."""

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.chromium import axe_findings, phone_context, sideways_scroll
from tests.e2e.clinic import Clinic
from tests.e2e.patient import Patient, lay_card
from tests.e2e.running import RunningDemo


@pytest.fixture
def clinic(demo: RunningDemo, page: Page) -> Clinic:
    """An administrator who is logged in, on a very narrow screen."""
    lay_card(demo, "takahashi-kiyo")
    page.set_viewport_size({"width": 320, "height": 640})
    clinic = Clinic(page, demo)
    clinic.log_in()
    return clinic


def look(page: Page, heading: str) -> None:
    """Arrive on a page and look at it as axe and a narrow screen do."""
    expect(page.locator("h1")).to_have_text(heading)
    assert axe_findings(page) == []
    assert sideways_scroll(page) == 0


def test_viewing_the_history_and_withdrawing(
    clinic: Clinic, demo: RunningDemo, browser: Browser
) -> None:
    page = clinic.page
    context = phone_context(browser)
    patient = Patient(context.new_page())
    reference = patient.give_consent(demo.patient_url("home-visit"))
    clinic.consented_patient(reference)
    page.locator("tbody th a").click()
    look(page, "同意取得済み患者の詳細")
    page.get_by_role("link", name=reference).click()
    look(page, "同意の記録と控え")
    page.go_back()
    page.get_by_role("link", name="医療情報を閲覧する").click()
    page.get_by_role("button", name="表示する").click()
    expect(page.locator("[data-error-summary]")).to_be_focused()
    look(page, "医療情報の閲覧：見る情報を選ぶ")
    see_by_keyboard(page, "treatment", "手術・診療・薬剤情報")
    expect(page.get_by_text("履歴に記録しました")).to_be_visible()
    page.get_by_role("link", name="ほかの情報・期間を選ぶ").click()
    see_by_keyboard(page, "checkup", "健診情報")
    page.goto(f"{demo.origin}/console/view-history?kind=checkup")
    look(page, "医療情報閲覧履歴照会")
    expect(page.locator("tbody tr").first).to_contain_text(reference)
    page.get_by_role("button", name="分けて作成する").click()
    look(page, "医療情報閲覧履歴：分けて作成したファイル")
    page.get_by_text("終わりました — 結果を表示する").or_(
        page.get_by_text("ZIP形式でダウンロード")
    ).first.click()
    withdraw(clinic, reference)
    patient.page.reload()
    expect(patient.page.get_by_text("あとから取り消されました")).to_be_visible()
    assert axe_findings(patient.page) == []
    context.close()


def see_by_keyboard(page: Page, kind: str, name: str) -> None:
    """Choose what to see without a mouse, and arrive."""
    page.locator(f"input[name=kind][value={kind}]").focus()
    page.keyboard.press("Space")
    page.keyboard.press("Enter")
    look(page, f"{name}の閲覧")


def withdraw(clinic: Clinic, reference: str) -> None:
    """Withdraw the consent to checkup information, looking at every page."""
    page = clinic.page
    clinic.consented_patient(reference)
    page.locator("tbody th a").click()
    page.get_by_role("link", name="同意を取り消す").click()
    page.get_by_role("button", name="次へ").click()
    expect(page.locator("[data-error-summary]")).to_be_focused()
    look(page, "同意の取消し：内容の入力")
    page.get_by_text("特定健診", exact=True).click()
    page.get_by_text("本人", exact=True).click()
    page.locator("textarea[name=reason]").fill("窓口で申し出")
    page.get_by_role("button", name="次へ").click()
    look(page, "警告：情報が見られなくなります")
    page.get_by_role("button", name="OK").click()
    look(page, "同意の取消し：確認")
    page.get_by_role("button", name="OK").click()
    look(page, "同意を取り消しました")
