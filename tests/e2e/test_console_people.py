"""A clinic finds its consented people, and sees who of those that come is still missing."""

import csv
import io
import re
from datetime import date, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, FilePayload, Page, expect

from tests.e2e.chromium import Watched, axe_findings, phone_context, sideways_scroll
from tests.e2e.clinic import Clinic
from tests.e2e.crowd import let_people_consent
from tests.e2e.patient import Patient, lay_card
from tests.e2e.running import RunningDemo
from zaitaku.core.clock import SystemClock, japan_date
from zaitaku.sandbox.cards import DemoCard

EXPECTED = "expiring-soon"
"""The card of somebody who consents in no other story."""
NEWS_MILLISECONDS = 15_000
HEADINGS = "予約日,予約時刻,患者番号,氏名,カナ,生年月日,機能"


@pytest.fixture(scope="module")
def people(demo: RunningDemo) -> None:
    """Five people who have consented."""
    let_people_consent(demo)


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


def names(page: Page) -> list[str]:
    """Return who stands in the list, in its order."""
    return [each.split("\n")[0] for each in page.locator("tbody th").all_inner_texts()]


def references(page: Page) -> set[str]:
    """Return the reference numbers of the list."""
    return set(page.locator("tbody td:last-child").all_inner_texts())


def download(page: Page) -> tuple[str, list[dict[str, str]]]:
    """Download what the list has found; return the file's name and its lines."""
    with page.expect_download() as waiting:
        page.get_by_role("link", name="CSV形式でダウンロード").click()
    text = Path(waiting.value.path()).read_text("utf-8-sig")
    return waiting.value.suggested_filename, list(csv.DictReader(io.StringIO(text)))


@pytest.mark.usefixtures("people")
def test_finding_people(clinic: Clinic) -> None:
    page = clinic.page
    page.get_by_role("link", name="同意取得済み患者一覧").first.click()
    look(page, "同意取得済み患者一覧")
    page.get_by_label("機能").select_option("訪問診療等")
    page.get_by_label("氏名・カナ・受付番号").fill("たかはし")
    page.keyboard.press("Enter")
    expect(page.locator("tbody tr")).to_have_count(1)
    assert names(page) == ["高橋 キヨ"]
    page.get_by_label("氏名・カナ・受付番号").fill("だれでもない")
    page.get_by_role("button", name="検索").click()
    expect(page.get_by_text("条件に合う患者さんはいません")).to_be_visible()
    look(page, "同意取得済み患者一覧")
    page.get_by_role("link", name="条件を消す", exact=True).click()
    expect(page).to_have_url(re.compile(r"/consented-patients$"))
    page.get_by_label("機能").select_option("訪問診療等")
    page.get_by_label("同意した内容").select_option("手術")
    page.get_by_label("同意日（から）").fill("2026-12-02")
    page.get_by_label("同意日（まで）").fill("2026-12-01")
    page.get_by_role("button", name="検索").click()
    expect(page.locator("[data-error-summary]")).to_be_focused()
    look(page, "同意取得済み患者一覧")
    expect(page.get_by_label("機能")).to_have_value("home-visit")
    for label in ("同意日（から）", "同意日（まで）"):
        page.get_by_label(label).fill("")
    page.get_by_role("button", name="検索").click()
    expect(page.locator("tbody")).to_contain_text("田中 一郎")
    assert "佐藤 太郎" not in names(page)
    assert "山田 花子" not in names(page)  # who refused to show her operations
    name, lines = download(page)
    assert re.fullmatch(r"同意取得済み患者_\d{10}_\d{8}\.csv", name)
    assert [line["氏名"] for line in lines] == names(page)


@pytest.mark.usefixtures("people")
def test_sorting_and_turning_pages(clinic: Clinic, demo: RunningDemo) -> None:
    page = clinic.page
    page.goto(f"{demo.origin}/console/consented-patients?size=2")
    page.get_by_role("link", name="氏名（カナ）").click()
    heading = page.locator("th[aria-sort]")
    expect(heading).to_have_attribute("aria-sort", "ascending")
    first = references(page)
    pages = page.get_by_role("navigation", name="一覧のページ")
    pages.get_by_role("link", name="2", exact=True).click()
    expect(pages.locator("[aria-current=page]")).to_have_text("2")
    look(page, "同意取得済み患者一覧")
    assert references(page).isdisjoint(first)
    page.go_back()
    assert references(page) == first
    page.get_by_role("link", name="氏名（カナ）").click()
    expect(heading).to_have_attribute("aria-sort", "descending")
    assert references(page).isdisjoint(first)


def test_who_is_missing_until_they_consent(
    clinic: Clinic, demo: RunningDemo, browser: Browser
) -> None:
    page, day = clinic.page, japan_date(SystemClock().now()) + timedelta(days=8)
    register_one(clinic, day, person_of(demo))
    upload(clinic, day)
    look(page, "受診予定と同意の確認")
    expect(page.locator("tbody tr")).to_have_count(2)
    expect(page.locator("tbody")).to_contain_text("髙﨑 𠮷子")
    listed = page.context.new_page()
    watched = Watched()
    watched.watch(listed)
    page.context.clock.install()
    page.reload()
    listed.goto(f"{demo.origin}/console/consented-patients")
    page.get_by_label("受診予定の日").focus()
    listed.get_by_label("氏名・カナ・受付番号").fill("や")
    consent(demo, browser)
    page.context.clock.run_for(NEWS_MILLISECONDS)
    for each in (page, listed):
        expect(each.locator("[data-news-status]")).to_have_text("1件追加")
        assert axe_findings(each) == []
    expect(page.get_by_label("受診予定の日")).to_be_focused()
    expect(listed.get_by_label("氏名・カナ・受付番号")).to_be_focused()
    expect(listed.get_by_label("氏名・カナ・受付番号")).to_have_value("や")
    listed.get_by_role("link", name="新しい同意があります").click()
    expect(listed.locator("tbody th").first).to_contain_text("山本 千代")
    page.get_by_role("link", name="新しい同意があります").click()
    expect(page.locator("tbody tr")).to_have_count(1)
    page.get_by_role("link", name="全員を表示する").click()
    expect(page.locator("tbody tr", has_text="山本 千代")).to_contain_text("同意あり")
    page.get_by_role("link", name="同意の内容").click()
    look(page, "同意取得済み患者の詳細")
    assert watched.complaints == []


def person_of(demo: RunningDemo) -> DemoCard:
    """Return the card of who is expected."""
    (file,) = (demo.data / "cards").glob(f"*{EXPECTED}.json")
    return DemoCard.from_json(file.read_text("utf-8"))


def register_one(clinic: Clinic, day: date, card: DemoCard) -> None:
    """Type one appointment, at first with nothing in it."""
    page, person = clinic.page, card.person
    assert person
    page.goto(f"{clinic.demo.origin}/console/appointments?day={day}")
    look(page, "受診予定と同意の確認")
    page.get_by_role("link", name="1件ずつ登録する").click()
    page.get_by_role("button", name="登録する").click()
    expect(page.locator("[data-error-summary]")).to_be_focused()
    look(page, "受診予定を1件登録する")
    page.get_by_label("予約時刻").fill("9:30")
    page.get_by_label("氏名").fill(person.name)
    page.get_by_label("カナ").fill(person.kana)
    page.get_by_label("生年月日").fill(person.birth_date.isoformat())
    page.get_by_label("訪問診療等").check()
    page.get_by_role("button", name="登録する").click()
    expect(page.locator("tbody tr")).to_contain_text("まだ登録していません")


def upload(clinic: Clinic, day: date) -> None:
    """Send a file that has a slip, the mended one, and that one again."""
    page = clinic.page
    page.get_by_role("link", name="CSVファイルでまとめて登録する").click()
    line = f"{day:%Y/%m/%d},10:00,7,髙﨑 𠮷子,タカサキ ヨシコ,{{}},訪問診療等"
    send(page, line.format("1941/2/30"))
    expect(page.locator("[data-error-summary]")).to_be_focused()
    expect(page.locator("#mistakes")).to_contain_text("2行目")
    look(page, "受診予定をCSVファイルで登録する")
    send(page, line.format("1941/2/3"))
    expect(page.get_by_role("status").first).to_contain_text("追加1件、更新0件")
    page.get_by_role("link", name="CSVファイルでまとめて登録する").click()
    send(page, line.format("1941/2/3"))
    expect(page.get_by_role("status").first).to_contain_text("追加0件")


def send(page: Page, line: str) -> None:
    """Choose a file of one line and send it."""
    content = f"{HEADINGS}\r\n{line}\r\n".encode("utf-8-sig")
    file = FilePayload(name="予定.csv", mimeType="text/csv", buffer=content)
    page.get_by_label("CSVファイル").set_input_files(file)
    page.get_by_role("button", name="登録する").click()


def consent(demo: RunningDemo, browser: Browser) -> None:
    """Let the expected person consent on a telephone of their own."""
    lay_card(demo, EXPECTED)
    context = phone_context(browser)
    Patient(context.new_page()).give_consent(demo.patient_url("home-visit"))
    context.close()
