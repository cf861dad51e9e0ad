"""The diagnosis in a real Chromium: axe, narrow and dark, its copy button, and without script."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.cardbridge.server.stand import chromium, faults
from zaitaku import wire
from zaitaku.cardbridge.reading.config import BridgeConfig
from zaitaku.cardbridge.running.serving import running_bridge
from zaitaku.cardbridge.virtual.inprocess import InProcessService
from zaitaku.cardbridge.virtual.reader import VirtualReader
from zaitaku.cardbridge.web.words import Language

pytestmark = pytest.mark.browser


__all__ = ["chromium"]


@pytest.fixture
def address(tmp_path: Path, virtual_reader: VirtualReader) -> Iterator[str]:
    """Where the diagnosis of a running bridge is, after some troubles."""
    config = BridgeConfig(InProcessService(virtual_reader), tmp_path / "state")
    with running_bridge(config) as running:
        yield f"{running.address}diagnosis"


@pytest.fixture
def page(chromium: Browser, address: str) -> Iterator[Page]:
    """A phone's page on the diagnosis."""
    context = chromium.new_context(viewport={"width": 390, "height": 844}, locale="ja-JP")
    opened = context.new_page()
    opened.goto(address.replace("diagnosis", "nowhere"))
    opened.get_by_role("link", name="うまくいかない原因を調べる").click()
    expect(opened.locator("h1")).to_have_text("うまくいかない原因を調べる")
    yield opened
    context.close()


@pytest.mark.parametrize(
    ("language", "size"), list(zip(Language, reversed(wire.TEXT_SIZES), strict=True))
)
def test_it_is_sound_in_every_language_and_size(
    page: Page, address: str, language: Language, size: str
) -> None:
    page.goto(f"{address}?lang={language}&size={size}")
    page.set_viewport_size({"width": 320, "height": 844})
    assert faults(page) == []
    page.emulate_media(color_scheme="dark")
    assert faults(page) == []


def test_the_report_is_copied_by_one_button_and_the_success_is_said(page: Page) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="内容をコピーする").click()
    expect(page.locator("#copy-status")).to_contain_text("コピーしました")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == page.locator("#report").input_value()
    assert "not-found" in copied


def test_where_copying_is_forbidden_the_report_is_selected(page: Page) -> None:
    page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(new Error()); }")
    page.get_by_role("button", name="内容をコピーする").click()
    expect(page.locator("#copy-status")).to_contain_text("内容を選びました")
    expect(page.locator("#report")).to_be_focused()
    chosen = "document.activeElement.selectionEnd - document.activeElement.selectionStart"
    assert page.evaluate(chosen) == len(page.locator("#report").input_value())


def test_without_script_the_report_can_be_selected(chromium: Browser, address: str) -> None:
    context = chromium.new_context(java_script_enabled=False, locale="en-US")
    page = context.new_page()
    page.goto(address)
    report = page.get_by_role("textbox", name="What to send to whoever helps you")
    assert "zaitaku-bridge:" in report.input_value()
    report.press("Control+A")
    expect(page.get_by_role("button", name="Copy the text")).to_be_hidden()
    context.close()
