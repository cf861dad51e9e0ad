"""The bridge as a patient's computer runs it, and a real Chromium that fails on its own errors."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.cardbridge.cards import Material, make_card, write_card
from tests.cardbridge.server.fakesite import FakeSite, serving
from tests.cardbridge.server.rig import claims_for
from tests.e2e.chromium import axe_findings
from tests.e2e.chromium import chromium as running_chromium
from zaitaku.cardbridge.reading.config import BridgeConfig
from zaitaku.cardbridge.running.serving import RunningBridge, running_bridge
from zaitaku.cardbridge.virtual.box import CardBox
from zaitaku.cardbridge.virtual.inprocess import InProcessService
from zaitaku.cardbridge.virtual.pad import VirtualPad
from zaitaku.cardbridge.virtual.reader import VirtualReader

LAYOUT_SECONDS = 15.0

TORN = """
[...document.querySelectorAll('ruby')].filter(one => one.checkVisibility() && (
  /flex|grid/.test(getComputedStyle(one.parentElement).display) ||
  one.getClientRects().length > 1)).map(one => one.parentElement.textContent)
"""
"""A word with its reading that is a column of its own, or that is on two lines."""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """One Chromium for this file."""
    with running_chromium() as browser:
        yield browser


class Stand:
    """A running bridge with a box of two cards, and the site that asks it."""

    def __init__(self, running: RunningBridge, site: FakeSite, box: CardBox) -> None:
        self.address = running.address
        self.site = site
        self.box = box
        self.count = 0

    def link(self, **changes: Any) -> str:
        """Return the address to which the site sends the browser."""
        self.count += 1
        claims = claims_for(
            self.site.origin, now=time.time(), challenge=f"c-{self.count}", **changes
        )
        return f"{self.address}read?request={self.site.sign(claims)}"


@contextmanager
def standing(
    folder: Path, material: Material, reader: VirtualReader, *others: VirtualReader
) -> Iterator[Stand]:
    """Run the bridge with a box of cards for ``reader``; the first of them lies in it."""
    cards = folder / "cards"
    cards.mkdir()
    write_card(cards / "a-ordinary.json", material, name="ふつうのカード")
    write_card(cards / "b-last.json", material, name="あと1回のカード", tries=1)
    write_card(cards / "c-locked.json", material, name="ロックされたカード", tries=0)
    write_card(cards / "d-other.json", material, name="診察券", kind="other")
    box = CardBox(cards, reader)
    config = BridgeConfig(InProcessService(reader, *others), folder / "state", box=box)
    with serving(FakeSite()) as site:
        told = replace(config, test_origins=frozenset({site.origin}))
        with running_bridge(told) as running:
            yield Stand(running, site, box)


@pytest.fixture
def stand(tmp_path: Path, material: Material) -> Iterator[Stand]:
    """The bridge, as a patient's computer runs it."""
    with standing(tmp_path, material, VirtualReader()) as running:
        yield running


@pytest.fixture
def pad_stand(tmp_path: Path, material: Material) -> Iterator[tuple[Stand, VirtualPad]]:
    """The bridge with a reader that has keys of its own."""
    pad = VirtualPad()
    with standing(tmp_path, material, VirtualReader(pad=pad)) as running:
        yield running, pad


@pytest.fixture
def two_readers(tmp_path: Path, material: Material) -> Iterator[tuple[Stand, VirtualReader]]:
    """The bridge with two readers, each with a My Number Card in it."""
    second = VirtualReader("Example Dual Reader [PICC] (12345678) 00 00")
    second.insert(make_card(tmp_path / "second.json", material))
    with standing(tmp_path, material, VirtualReader(), second) as running:
        yield running, second


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """A phone's page that fails the test on an error in its console."""
    context = chromium.new_context(viewport={"width": 390, "height": 844}, locale="ja-JP")
    opened = context.new_page()
    troubles: list[str] = []
    opened.on("console", lambda line: troubles.append(line.text) if line.type == "error" else None)
    opened.on("pageerror", lambda error: troubles.append(str(error)))
    yield opened
    context.close()
    expected = "Failed to load resource: the server responded with a status of"
    assert [text for text in troubles if not text.startswith(expected)] == []


def faults(page: Page) -> list[str]:
    """Return what axe finds, and whether the page is wider than its window."""
    names = axe_findings(page)
    width = _too_wide(page)
    torn = page.evaluate(TORN)
    names += [f"a word in pieces: {text}" for text in torn]
    return names + ([f"{width} px too wide"] if width > 0 else [])


def _too_wide(page: Page) -> int:
    # After a change of size the page is laid out anew: measured before, it has its former width.
    deadline = time.monotonic() + LAYOUT_SECONDS
    while (width := _excess(page)) > 0 and time.monotonic() < deadline:
        page.wait_for_timeout(50)
    return width


def _excess(page: Page) -> int:
    page.evaluate("() => new Promise(d => requestAnimationFrame(() => requestAnimationFrame(d)))")
    return int(page.evaluate("document.documentElement.scrollWidth - window.innerWidth"))
