"""Activation codes and the audit trail at the clinic's desk, and its main tasks without a mouse."""

import csv
import io
import json
import re
import secrets
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import urllib3
from playwright.sync_api import Page, expect

from tests.e2e.chromium import axe_findings, sideways_scroll
from tests.e2e.clinic import Clinic
from tests.e2e.crowd import clinic_of, let_people_consent, services_of
from tests.e2e.running import RunningDemo
from zaitaku.core.clock import FixedClock, SystemClock

MOST_TABS = 80
_FOCUSED = """() => {
  const at = document.activeElement, box = at.getBoundingClientRect();
  const style = getComputedStyle(at.closest('.choice') || at);
  const label = at.labels?.length ? at.labels[0].innerText : at.innerText || '';
  return {name: label.trim(), tag: at.tagName,
          isSeen: style.outlineStyle !== 'none' || style.boxShadow !== 'none',
          isInView: box.bottom > 0 && box.top < innerHeight};
}"""


@pytest.fixture
def clinic(demo: RunningDemo, page: Page) -> Clinic:
    """An administrator who is logged in, on a very narrow screen."""
    page.set_viewport_size({"width": 320, "height": 640})
    clinic = Clinic(page, demo)
    clinic.log_in()
    return clinic


def look(page: Page, heading: str) -> None:
    """Arrive on a page and look at it as axe and a narrow screen do."""
    expect(page.locator("h1")).to_have_text(heading)
    assert axe_findings(page) == []
    assert sideways_scroll(page) == 0


def register_device(demo: RunningDemo, code: str, key: str) -> tuple[int, Any]:
    """Register a device as its app does; return the answer."""
    body = {
        "institution_code": demo.facts["facility_code"],
        "user_id": demo.facts["console"]["user_id"],
        "password": demo.facts["console"]["password"],
        "activation_code": code,
        "device_key": key,
        "device_name": "タブレット1",
    }
    answer = urllib3.request(
        "POST",
        f"{demo.origin}/api/devices",
        body=json.dumps(body),
        headers={"Content-Type": "application/json"},
        timeout=20,
    )
    return answer.status, answer.json()


def issued_earlier(demo: RunningDemo, memo: str) -> str:
    """Issue a code by a clock that is eleven minutes late; return its digits."""
    clock = FixedClock(SystemClock().now() - timedelta(minutes=11))
    with services_of(demo, clock) as services:
        return services.devices.issue(clinic_of(demo, services), memo, actor="test").digits


def test_a_code_from_its_issue_to_its_end(clinic: Clinic, demo: RunningDemo) -> None:
    page = clinic.page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(f"{demo.origin}/console/activation-codes")
    look(page, "アクティベーションコード管理")
    page.get_by_role("link", name="新しいコードを発行する").click()
    page.get_by_role("button", name="発行する").click()
    expect(page.locator("[data-error-summary]")).to_be_focused()
    look(page, "アクティベーションコードを発行する")
    page.get_by_label("端末メモ").fill("Aさん用の携帯1")
    page.keyboard.press("Enter")
    look(page, "コードを発行しました")
    expect(page.get_by_text("使えるのは、約10分後です")).to_be_visible()
    page.get_by_role("button", name="コピー").click()
    expect(page.get_by_text("コピーしました")).to_be_visible()
    young = page.evaluate("navigator.clipboard.readText()")
    assert re.fullmatch(r"\d{12}", young)
    status, answer = register_device(demo, young, secrets.token_urlsafe(32))
    assert (status, answer["error"]) == (403, "activation-code-not-yet")
    assert 0 < answer["retry_after"] <= 600

    ripe, key = issued_earlier(demo, "往診バッグ"), secrets.token_urlsafe(32)
    assert register_device(demo, ripe, key)[0] == 201
    page.get_by_role("link", name="コードの一覧へ").click()
    row = page.locator("tbody tr", has_text="Aさん用の携帯1")
    expect(row).to_contain_text("から使えます")
    page.get_by_label("登録状況").select_option("登録済み")
    page.get_by_label("端末メモ・コード").fill("往診")
    page.get_by_role("button", name="検索").click()
    expect(page.locator("tbody tr")).to_have_count(1)
    expect(page.locator("tbody tr")).to_contain_text("登録済み")
    look(page, "アクティベーションコード管理")
    invalidate(page)
    device = urllib3.request(
        "GET", f"{demo.origin}/api/devices/self", headers={"Authorization": f"Bearer {key}"}
    )
    assert device.status == 401
    page.get_by_role("link", name="コードの一覧へ").click()
    expect(row).to_be_visible()
    expect(page.locator("tbody")).not_to_contain_text("往診バッグ")
    page.get_by_label("有効なコードだけ表示する").uncheck()
    page.get_by_role("button", name="検索").click()
    expect(page.locator("tbody tr", has_text="往診バッグ")).to_contain_text("無効化済み")


def invalidate(page: Page) -> None:
    """Invalidate the code that is listed, looking at every page."""
    page.get_by_role("link", name="無効にする").click()
    look(page, "警告：コードを無効にします")
    expect(page.get_by_text("登録した端末は、すぐに使えなくなります")).to_be_visible()
    page.get_by_role("button", name="OK（無効にする）").click()
    look(page, "コードを無効にしました")


def test_the_trail_is_searched_exported_and_proved(clinic: Clinic, demo: RunningDemo) -> None:
    page = clinic.page
    page.goto(f"{demo.origin}/console/audit-trail")
    look(page, "操作履歴照会")
    sequence, digest = (each.split()[0] for each in page.locator("dl dd").all_inner_texts())
    page.get_by_label("いつから").fill("2026-01-02T10:00")
    page.get_by_label("いつまで").fill("2026-01-02T09:59")
    page.get_by_role("button", name="検索").click()
    expect(page.locator("[data-error-summary]")).to_be_focused()
    look(page, "操作履歴照会")
    page.get_by_label("いつまで").fill("")
    page.get_by_label("操作", exact=True).select_option("ログイン")
    page.get_by_label("操作した人・対象").fill("kanri01")
    page.get_by_role("button", name="検索").click()
    expect(page.locator("tbody tr").first).to_contain_text("kanri01")
    assert set(page.locator("tbody th").all_inner_texts()) == {"ログイン"}
    with page.expect_download() as waiting:
        page.get_by_role("link", name="CSV形式でダウンロード").click()
    assert re.fullmatch(r"操作履歴_\d{10}_\d{8}\.csv", waiting.value.suggested_filename)
    text = Path(waiting.value.path()).read_text("utf-8-sig")
    lines = list(csv.DictReader(io.StringIO(text)))
    assert {line["操作"] for line in lines} == {"ログイン"}
    assert len(lines) >= page.locator("tbody tr").count()
    prove(page, sequence, digest)


def prove(page: Page, sequence: str, digest: str) -> None:
    """Compare an end that was written down: with a slip, altered, and as it was."""
    page.get_by_role("link", name="記録を確かめる").click()
    look(page, "操作の記録を確かめる")
    page.get_by_role("button", name="初めから確かめる").click()
    expect(page.get_by_text("つながりに切れ目はありません")).to_be_visible()
    page.get_by_role("button", name="くらべる").click()
    expect(page.locator("[data-error-summary]")).to_be_focused()
    look(page, "操作の記録を確かめる")
    for typed, words in (
        ("0" * 64, "書き留めた値と合いません"),
        (digest, "書き留めた値と合いました"),
    ):
        page.get_by_label("番号").fill(sequence)
        page.get_by_label("確認用の値").fill(typed)
        page.get_by_role("button", name="くらべる").click()
        expect(page.get_by_text(words)).to_be_visible()
    look(page, "操作の記録を確かめる")


def tab_to(page: Page, name: str, tag: str = "") -> None:
    """Press Tab until the focus is on what is called ``name``; it must be seen at every stop."""
    passed = []
    for _ in range(MOST_TABS):
        page.keyboard.press("Tab")
        at = page.evaluate(_FOCUSED)
        if at["tag"] != "BODY":
            assert at["isSeen"], at
            assert at["isInView"], at
        if at["name"].startswith(name) and at["tag"].startswith(tag):
            return
        passed.append(at["name"])
    raise AssertionError(f"{name}: not among {passed}")


def press(page: Page, name: str, key: str = "Enter", tag: str = "") -> None:
    """Walk to a link or a button and press it."""
    tab_to(page, name, tag)
    page.keyboard.press(key)


def write(page: Page, field: str, text: str) -> None:
    """Walk to a field and type into it."""
    tab_to(page, field, "INPUT")
    page.keyboard.insert_text(text)


def arrive(page: Page, heading: str) -> None:
    """Wait for a page."""
    expect(page.locator("h1")).to_have_text(heading)


def test_a_day_without_a_mouse(demo: RunningDemo, page: Page) -> None:
    let_people_consent(demo)
    console = demo.facts["console"]
    page.goto(console["url"])
    press(page, "本文へ進む")
    expect(page.locator("main")).to_be_focused()
    write(page, "医療機関等コード", demo.facts["facility_code"])
    write(page, "ユーザID", console["user_id"])
    write(page, "パスワード", console["password"])
    press(page, "ログイン", "Space", "BUTTON")
    arrive(page, "メニュー")
    press(page, "同意取得済み患者一覧")
    arrive(page, "同意取得済み患者一覧")
    write(page, "氏名・カナ・受付番号", "ﾀｶﾊｼ")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"[?&]find="))
    press(page, "高橋 キヨ")
    arrive(page, "同意取得済み患者の詳細")
    press(page, "メニュー", tag="SUMMARY")
    press(page, "アカウント一覧・登録・更新")
    arrive(page, "アカウント情報管理")
    register_account(page)
    press(page, "メニュー", tag="SUMMARY")
    press(page, "メニュー", tag="A")
    arrive(page, "メニュー")
    press(page, "アクティベーションコード管理")
    arrive(page, "アクティベーションコード管理")
    press(page, "新しいコードを発行する")
    arrive(page, "アクティベーションコードを発行する")
    write(page, "端末メモ", "訪問用2")
    press(page, "発行する", "Space")
    arrive(page, "コードを発行しました")
    press(page, "ログアウト")
    arrive(page, "ログアウトしますか")
    press(page, "ログアウト", "Enter", "BUTTON")
    arrive(page, "ログアウトしました")


def register_account(page: Page) -> None:
    """Register an account and reveal its password; a slip leads to its field."""
    press(page, "アカウントを登録する")
    arrive(page, "どのアカウントを登録しますか")
    tab_to(page, "", "INPUT")
    page.keyboard.press("ArrowDown")
    press(page, "次へ")
    expect(page.locator("h1")).to_contain_text("アカウントを登録する：")
    user_id = f"{page.get_by_label('ユーザID').input_value()}kb01"
    press(page, "登録する")
    expect(page.locator("[data-error-summary]")).to_be_focused()
    press(page, "ユーザ名を入力")
    expect(page.get_by_label("ユーザ名", exact=True)).to_be_focused()
    page.keyboard.insert_text("きいぼうど")
    write(page, "ユーザ名（カナ）", "キイボウド")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Control+A")
    page.keyboard.insert_text(user_id)
    press(page, "登録する", "Space")
    arrive(page, "アカウントを登録しました")
    press(page, "パスワードを表示する", "Space")
    expect(page.locator("#initial-password")).to_be_visible()
