"""Passkeys in a real Chromium with its virtual authenticator, and the form that comes back."""

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.chromium import axe_findings, phone_context, sideways_scroll
from tests.e2e.running import RunningDemo
from zaitaku.accounts.model import Role
from zaitaku.services import Services, build_services
from zaitaku.settings import Settings

PASSWORD = "midori-zaka-2026"
AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


@dataclass
class Desk:
    """An administrator of their own in front of a narrow screen."""

    page: Page
    origin: str
    facility_code: str
    user_id: str
    services: Services

    def log_in(self) -> None:
        """Type facility, user ID and password, by keyboard alone."""
        self.page.get_by_label("医療機関等コード").focus()
        for typed in (self.facility_code, self.user_id, PASSWORD):
            self.page.keyboard.insert_text(typed)
            self.page.keyboard.press("Tab")
        self.page.keyboard.press("Enter")

    def log_out(self) -> None:
        """Leave, and stand before the login page again."""
        self.page.goto(f"{self.origin}/console/logout")
        self.page.get_by_role("button", name="ログアウト").click()
        self.page.get_by_role("link", name="ログイン画面へ").click()

    def expect_page(self, heading: str) -> None:
        """Wait for a page and have axe look at it."""
        expect(self.page.locator("h1")).to_have_text(heading)
        assert axe_findings(self.page) == []
        assert sideways_scroll(self.page) == 0


@pytest.fixture
def desk(demo: RunningDemo, browser: Browser) -> Iterator[Desk]:
    """The demo's site and, for what no page tells, its own stores."""
    lines = (demo.data / "demo.env").read_text("utf-8").splitlines()
    environ = dict(shlex.split(line)[1].split("=", 1) for line in lines)
    services = build_services(Settings.from_env(environ))
    user_id = f"k{uuid4().hex[:6]}"
    facility = services.facilities.all()[0]
    services.accounts.register(
        facility.id,
        role=Role.ADMIN,
        user_id=user_id,
        name="みどり",
        kana="ミドリ",
        actor="test",
        password=PASSWORD,
        must_change=False,
    )
    context = phone_context(browser, viewport={"width": 320, "height": 640})
    page = context.new_page()
    page.goto(f"{demo.origin}/console/login")
    yield Desk(page, demo.origin, str(facility.code), user_id, services)
    context.close()
    services.close()


def plug_in(page: Page) -> tuple[Any, str]:
    """Give the browser an authenticator; return how to speak to it and its name."""
    wire = page.context.new_cdp_session(page)
    wire.send("WebAuthn.enable")
    made = wire.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
    return wire, made["authenticatorId"]


def test_a_passkey_alone_after_the_password_and_lost(desk: Desk) -> None:
    page = desk.page
    wire, authenticator = plug_in(page)
    desk.log_in()
    expect(page.locator("h1")).to_have_text("メニュー")
    page.goto(f"{desk.origin}/console/own-sign-in/passkeys/new")
    desk.expect_page("パスキーの登録")
    page.get_by_label("パスキーの名前").fill("受付のパソコン")
    page.keyboard.press("Enter")
    desk.expect_page("回復コードを控えてください")
    code = page.locator("ol code").first.inner_text()
    page.get_by_role("link", name="控えました").click()
    desk.expect_page("ログイン方法と利用中の端末")
    expect(page.locator("tbody").first).to_contain_text("受付のパソコン")

    desk.log_out()
    page.get_by_role("link", name="パスキーでログインする").click()
    desk.expect_page("パスキーが追加されています")
    expect(page.locator("tbody")).to_contain_text("受付のパソコン")
    page.get_by_role("link", name="心あたりがあります").click()
    expect(page.locator("h1")).to_have_text("メニュー")

    desk.log_out()
    desk.log_in()
    desk.expect_page("パスキーで確かめます")
    wire.send(
        "WebAuthn.setUserVerified",
        {"authenticatorId": authenticator, "isUserVerified": False},
    )
    page.get_by_role("button", name="パスキーを使う").click()
    expect(page.locator("[data-passkey-status]")).to_contain_text("もう一度ボタンを押してください")
    wire.send(
        "WebAuthn.setUserVerified", {"authenticatorId": authenticator, "isUserVerified": True}
    )
    page.get_by_role("button", name="パスキーを使う").click()
    expect(page.locator("h1")).to_have_text("メニュー")

    desk.log_out()
    wire.send("WebAuthn.removeVirtualAuthenticator", {"authenticatorId": authenticator})
    desk.log_in()
    page.get_by_role("link", name="回復コードでログインする").click()
    desk.expect_page("回復コードでログイン")
    page.get_by_label("回復コード").fill(code)
    page.keyboard.press("Enter")
    desk.expect_page("ログイン方法と利用中の端末")
    expect(page.locator("main")).to_contain_text("残り9個")
    page.goto(f"{desk.origin}/console/second-factor")
    desk.expect_page("二要素認証の設定")
    page.goto(f"{desk.origin}/console/own-sign-in/confirmation")
    desk.expect_page("ご本人の確認")


def test_what_was_typed_comes_back_after_the_page_has_left_by_itself(desk: Desk) -> None:
    page = desk.page
    page.clock.install()
    desk.log_in()
    expect(page.locator("h1")).to_have_text("メニュー")
    page.goto(f"{desk.origin}/console/accounts/new?role=general")
    page.get_by_label("ユーザ名（カナ）").fill("スズキ　ハナコ")
    page.clock.run_for("26:00")
    expect(page.get_by_role("dialog")).to_be_visible()
    end_all_sessions(desk)
    page.clock.run_for("05:00")
    expect(page.locator("h1")).to_have_text("ログイン")
    desk.log_in()
    expect(page).to_have_url(f"{desk.origin}/console/accounts/new?role=general")
    expect(page.locator("main")).to_contain_text("ログアウトの前の入力を戻しました")
    expect(page.get_by_label("ユーザ名（カナ）")).to_have_value("スズキ　ハナコ")
    assert axe_findings(page) == []
    assert sideways_scroll(page) == 0


def end_all_sessions(desk: Desk) -> None:
    """End the account's session as half an hour of the site's own clock would."""
    (account,) = [
        each
        for each in desk.services.accounts.all_of(desk.services.facilities.all()[0].id)
        if each.user_id == desk.user_id
    ]
    listed = desk.services.ephemeral.read(f"console-of:{account.id}") or {}
    for key in listed.values():
        desk.services.ephemeral.delete(key)
