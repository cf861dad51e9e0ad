"""An administrator changes the settings, at 320 px and by keyboard, and sees what patients get."""

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.chromium import axe_findings, phone_context, sideways_scroll
from tests.e2e.clinic import Clinic
from tests.e2e.running import RunningDemo

ONLINE = "オンライン診療等・外来診療等（通常とは異なる動線）機能"


@pytest.fixture
def clinic(demo: RunningDemo, page: Page) -> Clinic:
    """An administrator who is logged in, on a very narrow screen."""
    page.set_viewport_size({"width": 320, "height": 640})
    clinic = Clinic(page, demo)
    clinic.log_in()
    return clinic


def is_sound(page: Page) -> None:
    assert axe_findings(page) == []
    assert sideways_scroll(page) == 0


def open_settings(clinic: Clinic) -> None:
    clinic.page.goto(f"{clinic.demo.origin}/console/environment-settings")
    expect(clinic.page.locator("h1")).to_have_text("環境設定情報更新")


def switch_online(clinic: Clinic, answer: str) -> None:
    """Choose for the online channel by keyboard alone."""
    open_settings(clinic)
    group = clinic.page.get_by_role("group", name=ONLINE)
    wanted = group.get_by_role("radio", name=answer, exact=True)
    group.get_by_role("radio", checked=True).focus()
    clinic.page.keyboard.press("ArrowUp" if answer == "利用する" else "ArrowDown")
    expect(wanted).to_be_checked()
    clinic.page.keyboard.press("Enter")


def test_a_channel_is_switched_off_and_on_again(
    clinic: Clinic, browser: Browser, demo: RunningDemo
) -> None:
    page = clinic.page
    patient = phone_context(browser).new_page()
    switch_online(clinic, "利用しない")
    expect(page.locator("h1")).to_have_text("環境設定情報更新：確認")
    is_sound(page)
    page.get_by_role("button", name="保存して、全員ログアウトする").click()
    expect(page.locator("h1")).to_have_text("環境設定情報を更新しました")
    is_sound(page)
    patient.goto(demo.facts["patient_urls"]["online"])
    expect(patient.locator("h1")).to_have_text("この受付は、いまお休みしています")
    clinic.log_in()
    switch_online(clinic, "利用する")
    expect(page.locator("h1")).to_have_text(re.compile("利用規約$"))
    is_sound(page)
    page.get_by_role("checkbox").check()
    page.get_by_role("button", name="OK").click()
    page.get_by_role("button", name="保存して、全員ログアウトする").click()
    expect(page.locator("h1")).to_have_text("環境設定情報を更新しました")
    patient.goto(demo.facts["patient_urls"]["online"])
    expect(patient.get_by_role("button", name="受付を始める")).to_be_visible()
    patient.context.close()
    clinic.log_in()


def test_the_form_its_preview_and_its_history_are_sound(clinic: Clinic) -> None:
    page = clinic.page
    open_settings(clinic)
    is_sound(page)
    page.get_by_role("link", name="いまの患者さんの画面（オンライン診療等）").click()
    bar = page.get_by_role("complementary", name="プレビュー")
    pages = 0
    while bar.is_visible():
        expect(bar).to_contain_text("何も登録されません")
        is_sound(page)
        with page.expect_navigation():  # the bar is looked for on the next page, not between two
            page.locator("main form button[type=submit]").click()
        pages += 1
    assert pages > 10
    for label in ("変更の履歴", "医療機関等の登録内容", "利用規約（訪問診療等）"):
        open_settings(clinic)
        page.get_by_role("link", name=label).click()
        is_sound(page)
