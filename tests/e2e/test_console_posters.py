"""A clinic names its posters, at 320 px, and sees which one brings its patients."""

import io
import re
import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.chromium import axe_findings, phone_context, sideways_scroll
from tests.e2e.clinic import Clinic, decode_pdf
from tests.e2e.patient import Patient, lay_card
from tests.e2e.running import RunningDemo

MADE_MILLISECONDS = 60_000
COUNTED_MILLISECONDS = 1_000
TRIES = 15


@pytest.fixture
def clinic(demo: RunningDemo, page: Page) -> Clinic:
    """An administrator who is logged in, on a very narrow screen."""
    page.set_viewport_size({"width": 320, "height": 640})
    lay_card(demo, "yamada-hanako")
    clinic = Clinic(page, demo)
    clinic.log_in()
    return clinic


def is_sound(page: Page, heading: str) -> None:
    expect(page.locator("h1")).to_have_text(heading)
    assert axe_findings(page) == []
    assert sideways_scroll(page) == 0


def name_poster(page: Page, name: str) -> str:
    """Register a poster by keyboard and return its URL."""
    page.get_by_role("link", name="ポスターを登録する").click()
    is_sound(page, "ポスターを登録する")
    page.get_by_label("名前").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("名前を入力してください。")
    page.get_by_label("名前").fill(name)
    page.keyboard.press("Enter")
    is_sound(page, f"ポスター：{name}")
    page.get_by_role("button", name=re.compile("コピー")).click()
    expect(page.get_by_role("status").filter(has_text="コピーしました")).to_be_visible()
    return page.locator("#poster-url").inner_text().strip()


def download(page: Page, link: str | re.Pattern[str]) -> Path:
    with page.expect_download() as waiting:
        page.locator("main").get_by_role("link", name=link).click()
    return Path(waiting.value.path())


def open_traffic(page: Page, demo: RunningDemo, *, poster: str, counts: list[str]) -> None:
    """Open the page of the counts, again until those of the last moment are written."""
    row = page.locator("#sources tr", has_text=poster)
    for _ in range(TRIES):
        page.goto(f"{demo.origin}/console/reception-urls/home-visit/traffic")
        if row.locator("td").all_inner_texts()[1:3] == counts:
            return
        page.wait_for_timeout(COUNTED_MILLISECONDS)
    pytest.fail(row.inner_text())


def test_from_a_named_poster_to_the_plot(
    clinic: Clinic, demo: RunningDemo, browser: Browser
) -> None:
    page = clinic.page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    clinic.open_urls()
    page.get_by_role("link", name=re.compile("ポスターに名前をつける.*訪問診療等")).click()
    url = name_poster(page, "待合室の柱")
    assert url.startswith(clinic.shown_url("home-visit"))
    page.goto(f"{demo.origin}/console/reception-urls/home-visit/posters")
    is_sound(page, "ポスターの一覧：訪問診療等")
    page.get_by_role("link", name="待合室の柱").click()
    page.get_by_role("link", name="PDF形式でダウンロード（A4ポスター）").click()
    assert decode_pdf(download(page, "OK")) == url
    context = phone_context(browser)
    Patient(context.new_page()).give_consent(url)
    context.close()
    open_traffic(page, demo, poster="待合室の柱", counts=["1", "1"])
    is_sound(page, "URLの利用状況：訪問診療等")
    expect(page.get_by_role("img", name="訪問診療等の利用状況のグラフ")).to_be_visible()
    page.goto(f"{demo.origin}/console/reception-urls/home-visit/rotate")
    is_sound(page, "URLを変更する：訪問診療等")
    expect(page.locator("main")).to_contain_text("ポスター：待合室の柱 1回")


def test_all_posters_are_made_while_the_page_waits(clinic: Clinic, demo: RunningDemo) -> None:
    page = clinic.page
    clinic.open_urls()
    page.get_by_role("link", name="ポスターをまとめてダウンロード（ZIP）").click()
    is_sound(page, "ポスターをまとめてダウンロード")
    page.get_by_role("checkbox", name=re.compile("^配布カード\\s")).check()
    page.get_by_role("button", name="作る").click()
    ready = page.get_by_role("link", name=re.compile("結果を表示する|ZIPファイルを"))
    ready.first.wait_for(timeout=MADE_MILLISECONDS)
    page.goto(f"{demo.origin}/console/reception-urls/all-posters")
    is_sound(page, "ポスターをまとめてダウンロード")
    content = download(page, "ZIPファイルをダウンロード").read_bytes()
    names = zipfile.ZipFile(io.BytesIO(content)).namelist()
    assert len(names) >= 2
    assert all(name.endswith(".pdf") for name in names)
