"""The operator's own pages: let in once, a facility founded, its code changed (domain.md §2)."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.chromium import axe_findings, phone_context, sideways_scroll
from tests.e2e.running import RunningDemo
from zaitaku.core.clock import SystemClock, japan_date

CODE, NEW_CODE = "1310999998", "1310999980"
NAME = "医療法人社団ひなた会　ひなた内科・在宅クリニック"


@pytest.fixture
def entrance(demo: RunningDemo) -> Iterator[str]:
    """The address that ``zaitaku operate`` prints, while it runs beside the demo."""
    process = subprocess.Popen(
        [sys.executable, "-m", "zaitaku", "operate", "--port", "0"],
        env={**os.environ, **demo.environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    assert process.stdout
    yield process.stdout.readline().strip()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == 0


def test_a_port_that_is_taken_is_told_in_words(demo: RunningDemo) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        refused = subprocess.run(
            [sys.executable, "-m", "zaitaku", "operate", "--port", port],
            env={**os.environ, **demo.environ},
            capture_output=True,
            text=True,
            check=False,
        )
    assert refused.returncode == 1
    assert f"ポート{port}を開けません" in refused.stderr
    assert "Traceback" not in refused.stderr


@dataclass
class Operator:
    """Somebody in front of the operator's pages."""

    page: Page

    def look(self, heading: str) -> None:
        """Arrive on a page and look at it as axe and a narrow screen do."""
        expect(self.page.locator("h1")).to_have_text(heading)
        assert axe_findings(self.page) == []
        assert sideways_scroll(self.page) == 0

    def found(self) -> str:
        """Register a facility, at first with nothing in it; return its マスタ's password."""
        page = self.page
        page.get_by_role("link", name="新しく登録する").first.click()
        page.get_by_role("button", name="登録する").click()
        expect(page.locator("[data-error-summary]")).to_be_focused()
        self.look("医療機関等を登録する")
        page.get_by_label("医療機関等コード").fill(CODE)
        page.get_by_label("施設名").fill(NAME)
        page.get_by_label("電話番号").fill("03-0000-5678")
        page.get_by_label("マスタのユーザID").press("Enter")
        self.look("医療機関等を登録しました")
        password: str = page.locator(".typed-number").first.inner_text().strip()
        return password

    def change_code(self) -> None:
        """Let the facility be succeeded to under another code."""
        page = self.page
        page.get_by_role("link", name="医療機関等コードを変更する・承継する").click()
        page.get_by_role("button", name="次へ").click()
        expect(page.locator("[data-error-summary]")).to_be_focused()
        self.look("医療機関等コードを変更する・承継する")
        page.get_by_label("新しい医療機関等コード").fill(NEW_CODE)
        page.get_by_label("新しいコードの始まる日").fill(
            japan_date(SystemClock().now()).isoformat()
        )
        page.get_by_label("理由").fill("法人になったため")
        page.get_by_role("button", name="次へ").click()
        self.look("この内容で変更しますか")
        expect(page.get_by_text(f"{CODE} → {NEW_CODE}")).to_be_visible()
        page.get_by_role("button", name="変更する").click()
        self.look(NAME)
        expect(page.locator("#codes tbody tr")).to_contain_text("法人になったため")


@pytest.fixture
def operator(page: Page, entrance: str) -> Operator:
    """An operator who has opened the printed address on a very narrow screen."""
    page.set_viewport_size({"width": 320, "height": 640})
    page.goto(entrance)
    return Operator(page)


def test_a_facility_is_founded_and_changes_its_code(
    operator: Operator, entrance: str, demo: RunningDemo, browser: Browser
) -> None:
    page = operator.page
    operator.look("運用者画面に入る")
    page.get_by_role("button", name="入る").click()
    operator.look("医療機関等の一覧")
    assert_shut(browser, entrance)
    password = operator.found()
    page.get_by_role("link", name="この医療機関等の画面へ").click()
    operator.look(NAME)
    operator.change_code()
    page.get_by_role("link", name="医療機関等の一覧").click()
    page.get_by_label("コード・施設名").fill(CODE)
    page.get_by_role("button", name="検索").click()
    operator.look("医療機関等の一覧")
    expect(page.get_by_text("前に使われていたコードです")).to_be_visible()
    expect(page.get_by_text("条件に合う医療機関等はありません")).to_have_count(0)
    page.get_by_role("link", name=NEW_CODE).click()
    operator.look(NAME)
    begin_work(page, demo, password)


def assert_shut(browser: Browser, entrance: str) -> None:
    """The key was taken: nobody else gets in with it."""
    context = phone_context(browser)
    other = context.new_page()
    other.goto(entrance)
    other.get_by_role("button", name="入る").click()
    expect(other.locator("[data-error-summary]")).to_contain_text("この鍵は使えません")
    assert axe_findings(other) == []
    context.close()


def begin_work(page: Page, demo: RunningDemo, password: str) -> None:
    """Log in as the founded マスタ, by the new code, and be led to a password of its own."""
    page.goto(f"{demo.origin}/console/login")
    page.get_by_label("医療機関等コード").fill(NEW_CODE)
    page.get_by_label("ユーザID").fill("master")
    page.get_by_label("パスワード").fill(password)
    page.get_by_role("button", name="ログイン").click()
    expect(page.locator("h1")).to_have_text("はじめのパスワードを変更する")
