"""A test card is bound, its holder consents, and the clinic looks at the eligibility result."""

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.chromium import axe_findings, phone_context, sideways_scroll
from tests.e2e.clinic import Clinic
from tests.e2e.patient import Patient, lay_card
from tests.e2e.running import RunningDemo

CARD = "tanaka-ichiro"
HOLDER = "田中 一郎"
UNDISCLOSED = "医療保険有効（不開示該当）"
WITHHELD = "医療保険有効（自己情報提供不可）"


@pytest.fixture
def clinic(demo: RunningDemo, page: Page) -> Clinic:
    """An administrator who is logged in, on a very narrow screen."""
    page.set_viewport_size({"width": 320, "height": 640})
    clinic = Clinic(page, demo)
    clinic.log_in()
    return clinic


def look(page: Page, heading: str) -> None:
    expect(page.locator("h1")).to_have_text(heading)
    assert axe_findings(page) == []
    assert sideways_scroll(page) == 0


def bind(clinic: Clinic, kind: str) -> None:
    """Bind the card by keyboard alone."""
    page, demo = clinic.page, clinic.demo
    (serial,) = [card["serial"] for card in demo.facts["cards"] if card["name"].startswith(HOLDER)]
    page.goto(f"{demo.origin}/console/test-data/cards/new")
    page.get_by_label("カードのシリアル番号").fill(serial)
    page.get_by_role("radio", name=kind, exact=True).focus()
    page.keyboard.press("Space")
    page.keyboard.press("Enter")
    expect(page.get_by_text("カードを登録しました")).to_be_visible()


def test_from_a_bound_card_to_its_eligibility(
    clinic: Clinic, demo: RunningDemo, browser: Browser
) -> None:
    page = clinic.page
    page.goto(f"{demo.origin}/console/test-data/cards/new")
    page.get_by_role("button", name="登録する").click()
    expect(page.locator("[data-error-summary]")).to_be_focused()
    look(page, "テスト用カードを登録する")
    bind(clinic, UNDISCLOSED)
    look(page, "テスト用データセットアップ")
    lay_card(demo, CARD)
    context = phone_context(browser)
    reference = Patient(context.new_page()).give_consent(demo.patient_url("home-visit"))
    context.close()
    clinic.consented_patient(reference)
    page.get_by_role("link", name=HOLDER).click()
    page.get_by_role("link", name="資格情報を再照会する").click()
    look(page, "資格確認結果")
    expect(page.get_by_text("表示できません（不開示該当）")).to_be_visible()
    result = page.url
    bind(clinic, WITHHELD)
    page.goto(result)
    look(page, "資格確認結果")
    expect(page.get_by_text("情報を表示できません（自己情報提供不可）")).to_be_visible()
    assert "田中" not in clinic.consented_patient(reference)
    page.goto(f"{demo.origin}/console/test-data/cards/deletion")
    look(page, "警告：すべてのカードの登録を削除します")
    page.get_by_role("button", name="OK（すべて削除する）").click()
    page.goto(result)
    expect(page.get_by_text(HOLDER)).to_be_visible()
