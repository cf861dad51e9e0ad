"""An account from its registration to its deletion, as an administrator goes about it."""

import re
from pathlib import Path

import pypdfium2
from playwright.sync_api import Page, expect

from tests.e2e.chromium import axe_findings, sideways_scroll
from tests.e2e.clinic import Clinic
from tests.e2e.running import RunningDemo


def look(page: Page, heading: str) -> None:
    """Arrive on a page and look at it as axe and a narrow screen do."""
    expect(page.locator("h1")).to_have_text(heading)
    assert axe_findings(page) == []
    assert sideways_scroll(page) == 0


def told(page: Page) -> str:
    """Reveal the password, copy it, and return what both gave."""
    text = page.locator("#initial-password")
    expect(text).not_to_be_visible()
    page.get_by_text("パスワードを表示する").click()
    expect(text).to_be_visible()
    page.get_by_role("button", name=re.compile("コピー")).click()
    expect(page.get_by_text("コピーしました")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == text.inner_text()
    return text.inner_text()


def is_folded_where_it_is_narrow(page: Page) -> None:
    """The search takes no room on a telephone until it is unfolded, and is there on a desk."""
    field, size = page.get_by_label("ユーザ名（カナ）"), page.viewport_size
    assert size is not None
    page.set_viewport_size({"width": 1200, "height": 800})
    expect(field).to_be_visible()
    field.focus()
    expect(field).to_be_focused()
    page.set_viewport_size({"width": 360, "height": 740})
    expect(field).to_be_hidden()
    page.get_by_text("条件を決めて検索する").click()
    expect(field).to_be_visible()
    assert sideways_scroll(page) == 0
    page.set_viewport_size(size)


def test_an_accounts_whole_life(demo: RunningDemo, page: Page) -> None:
    Clinic(page, demo).log_in()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(f"{demo.origin}/console/accounts")
    look(page, "アカウント情報管理")
    is_folded_where_it_is_narrow(page)
    page.get_by_role("link", name="アカウントを登録する").click()
    look(page, "どのアカウントを登録しますか")
    page.get_by_text("医療情報閲覧", exact=True).click()
    page.get_by_role("button", name="次へ").click()
    page.get_by_label("ユーザID").fill("kango1")
    page.get_by_role("button", name="登録する").click()
    expect(page.locator("[data-error-summary]")).to_be_focused()
    look(page, "アカウントを登録する：医療情報閲覧")
    page.get_by_label("ユーザ名", exact=True).fill("かんご")
    page.get_by_label("ユーザ名（カナ）").fill("かんご")
    page.get_by_label("ユーザ名（カナ）").press("Enter")
    look(page, "アカウントを登録しました")
    password = told(page)
    with page.expect_download() as waiting:
        page.get_by_role("button", name="アカウント設定情報のPDFを作る").click()
    printed = pypdfium2.PdfDocument(Path(waiting.value.path()))[0].get_textpage()
    assert password in printed.get_text_range()
    page.reload()
    look(page, "はじめのパスワードは、もう表示できません")
    page.goto(f"{demo.origin}/console/accounts?kana=かんご")
    look(page, "アカウント情報管理")
    expect(page.get_by_label("ユーザ名（カナ）")).to_have_value("かんご")
    page.get_by_role("link", name="kango1").click()
    look(page, "アカウント：kango1")
    page.get_by_role("link", name="パスワードを再発行する").click()
    look(page, "パスワードを再発行する：kango1")
    page.get_by_role("button", name="OK").click()
    assert told(page) != password
    page.goto(f"{demo.origin}/console/accounts?user_id=kango1")
    page.get_by_role("link", name="kango1").click()
    page.get_by_role("link", name="登録内容を変更する").click()
    look(page, "登録内容を変更する：kango1")
    page.get_by_text("無効", exact=True).click()
    page.get_by_role("button", name="変更する").click()
    look(page, "アカウントを変更しました")
    page.get_by_role("link", name="登録内容を見る").click()
    page.get_by_role("link", name="このアカウントを削除する").click()
    page.get_by_role("checkbox").check()
    look(page, "アカウントを削除する：kango1")
    page.get_by_role("button", name="次へ").click()
    look(page, "アカウントの削除：確認")
    page.get_by_role("button", name="OK").click()
    look(page, "アカウントを削除しました")
