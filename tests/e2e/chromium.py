"""A real Chromium at phone size that reports every complaint and every foreign request."""

import atexit
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from playwright.sync_api import (
    Browser,
    BrowserContext,
    Error,
    Page,
    Playwright,
    expect,
    sync_playwright,
)

EXECUTABLE: Final = "/usr/bin/chromium-headless-shell"
"""Debian's Chromium without its windows: the same pages for two thirds of the work."""
ARGUMENTS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
)
PATIENCE_MILLISECONDS: Final = 15_000
"""How long a story waits for what must come: a busy machine is slow, not wrong."""
_TRIES: Final = 5
"""A page that waits renews itself, the sooner the shorter it expects to wait."""
PHONE: Final = {"width": 390, "height": 844}
AXE: Final = (Path(__file__).parent.parent / "vendor" / "axe.min.js").read_text("utf-8")
_RUN_AXE: Final = """async options => {
  const is_passing = one => one.effect.getComputedTiming().endTime !== Infinity;
  await Promise.allSettled(document.getAnimations().filter(is_passing).map(one => one.finished));
  const result = await axe.run(document, options);
  return result.violations.map(v => v.id + ': ' + v.nodes.map(n => n.html).join(' | '));
}"""
_AXE_OPTIONS: Final = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "rules": {"target-size": {"enabled": True}},
    "resultTypes": ["violations"],
}


@lru_cache
def driver() -> Playwright:
    """Return this process's one Playwright: a second would find the first one's loop running."""
    running = sync_playwright().start()
    expect.set_options(timeout=PATIENCE_MILLISECONDS)
    atexit.register(running.stop)
    return running


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run Debian's Chromium without a window."""
    browser = driver().chromium.launch(executable_path=EXECUTABLE, args=list(ARGUMENTS))
    yield browser
    browser.close()


@dataclass
class Watched:
    """What a page did that it should not have done."""

    complaints: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)

    def watch(self, page: Page) -> None:
        """Listen to ``page`` from now on."""
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self._see(request.url))

    def _hear(self, message: Any) -> None:
        # A page that answers with an error status says so on the console: that is no complaint.
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.complaints.append(message.text)

    def _see(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme in {"http", "https"} and parts.hostname not in {"127.0.0.1", "localhost"}:
            self.foreign.append(url)


def phone_context(browser: Browser, **options: Any) -> BrowserContext:
    """Return a new private window at phone size, in Japanese."""
    context = browser.new_context(**{"viewport": PHONE, "locale": "ja-JP", **options})
    context.set_default_timeout(PATIENCE_MILLISECONDS)
    return context


def axe_findings(page: Page) -> list[str]:
    """Return what axe finds on the page (WCAG 2.2 AA and best practices).

    The page is there when it is whole and at rest: a click returns when the next page begins, and
    of half a page, or of a button that is changing its colour, axe tells what nobody sees.
    """
    for _ in range(_TRIES):
        page.wait_for_load_state("load")
        with _renewing():
            page.evaluate(AXE)
            found: list[str] = page.evaluate(_RUN_AXE, _AXE_OPTIONS)
            return found
    raise AssertionError("the page renews itself all the time")


@contextmanager
def _renewing() -> Iterator[None]:
    """Let a page go that renews itself while it is looked at, as one that waits does."""
    try:
        yield
    except Error as error:
        if "context was destroyed" not in str(error):
            raise


def sideways_scroll(page: Page) -> int:
    """Return by how many pixels the page is wider than its window."""
    return int(
        page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    )
