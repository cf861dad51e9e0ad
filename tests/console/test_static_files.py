"""Static files cost one request each: they name their version and are never asked for again."""

import re
from collections.abc import Iterable
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.console.office import Office
from tests.console.test_browser import Desk, browser, desk, served
from tests.patient.messages import ROOT
from zaitaku.facilities.model import Channel

__all__ = ["browser", "desk"]

STATIC = ROOT / "static"
FETCHES = re.compile(r"""^\s*import\b|\bfrom\s*["']|\bimport\(|@import\b|\burl\(""", re.MULTILINE)


class Asked:
    """What a server was asked for of its static files, in order."""

    def __init__(self, office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
        self.files: list[str] = []
        self._inner: Any = office.app.wsgi_app
        monkeypatch.setattr(office.app, "wsgi_app", self)

    def __call__(self, environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        if environ["PATH_INFO"].startswith("/static/"):
            self.files.append(f"{environ['PATH_INFO']}?{environ['QUERY_STRING']}")
        answer: Iterable[bytes] = self._inner(environ, start)
        return answer


def test_no_file_fetches_another() -> None:
    # Its address would have no version: asked for on every page, and of another release.
    files = [*STATIC.rglob("*.js"), *STATIC.rglob("*.css")]
    assert files
    assert [file for file in files if FETCHES.search(file.read_text("utf-8"))] == []


def test_no_template_names_a_file_without_its_version() -> None:
    texts = {path: path.read_text("utf-8") for path in (ROOT / "templates").rglob("*.html")}
    assert texts
    assert [path for path, text in texts.items() if "/static/" in text] == []


@pytest.mark.browser
def test_the_second_page_of_a_patient_brings_none(
    office: Office, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = Asked(office, monkeypatch)
    version = office.services.reception.show(office.world.facility.id, Channel.HOME_VISIT).current
    path = office.services.reception.address(version).removeprefix(office.services.settings.origin)
    context = browser.new_context(locale="ja-JP")
    page = context.new_page()
    with served(office) as origin:
        page.goto(origin + path)
        first = len(asked.files)
        assert first
        assert all("?v=" in name for name in asked.files)
        page.get_by_role("button", name="受付を始める").click()
        expect(page.locator("main input[type=radio]").first).to_be_visible()
        page.wait_for_load_state("load")
        context.close()
    assert asked.files[first:] == []


@pytest.mark.browser
def test_the_pages_of_the_console_bring_each_once(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = Asked(desk.office, monkeypatch)
    paths = ("/console/", "/console/reception-urls", "/console/consented-patients", "/console/help")
    for path in paths:
        desk.page.goto(desk.origin + path)
    assert all("?v=" in name for name in asked.files)
    assert len(set(asked.files)) == len(asked.files)
