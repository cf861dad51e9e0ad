"""An administrator registers many accounts from a file, with the real worker behind the page."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from uuid import uuid4

from playwright.sync_api import Page, expect

from tests.e2e.chromium import axe_findings, sideways_scroll
from tests.e2e.clinic import Clinic
from tests.e2e.running import RunningDemo
from zaitaku.accounts.import_table import HEADINGS

PATIENCE = 60_000


def written(path: Path, rows: Sequence[Sequence[str]]) -> Path:
    """Write a table as Excel does."""
    text = io.StringIO(newline="")
    csv.writer(text).writerows([HEADINGS, *rows])
    path.write_bytes(text.getvalue().encode("utf-8-sig"))
    return path


def send(page: Page, file: Path) -> None:
    """Choose the file and send it, by keyboard but for the choosing."""
    page.get_by_label("登録するCSVファイル").set_input_files(file)
    page.get_by_role("button", name="送って内容を確かめる").focus()
    page.keyboard.press("Enter")


def is_sound(page: Page) -> None:
    """The page is at phone size: it must fit."""
    assert axe_findings(page) == []
    assert sideways_scroll(page) == 0


def test_from_the_template_to_the_first_login(
    demo: RunningDemo, page: Page, tmp_path: Path
) -> None:
    clinic = Clinic(page, demo)
    clinic.log_in()
    page.get_by_role("link", name="アカウント一括登録").click()
    with page.expect_download() as waiting:
        page.get_by_role("link", name="様式をダウンロード（CSV UTF-8）").click()
    name = f"アカウント一括登録様式_{demo.facts['facility_code']}.csv"
    assert waiting.value.suggested_filename == name
    is_sound(page)

    send(page, written(tmp_path / "誤り.csv", [("一般", "x", "漢字", "", "", "")]))
    expect(page.locator("h1")).to_have_text("アカウント一括登録：内容の確認")
    expect(page.locator("tbody tr")).to_contain_text("漢字、空白、記号は使えません")
    is_sound(page)
    page.get_by_role("link", name="直したファイルを送る").click()

    start = uuid4().hex[:4]
    people = [("一般", f"x{start}{n:03d}", "みどり", "ミドリ", "", "") for n in range(300)]
    send(page, written(tmp_path / "職員.csv", people))
    page.get_by_role("button", name="OK（300件を登録する）").click()
    expect(page.locator("h1")).to_contain_text("アカウント一括登録を受け付けました")
    expect(page.get_by_text("終わりました — 結果を表示する")).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_role("status").first).to_have_text("登録完了")
    page.get_by_text("終わりました — 結果を表示する").click()
    expect(page.locator("h1")).to_have_text("アカウント一括登録の結果")
    is_sound(page)
    with page.expect_download() as waiting:
        page.get_by_role("button", name="初期パスワード付き").click()
    rows = list(csv.reader(io.StringIO(Path(waiting.value.path()).read_text("utf-8-sig"))))
    assert [row[7] for row in rows[1:]] == ["登録しました"] * 300
    page.get_by_role("button", name="受け取りました（パスワードを消す）").click()
    expect(page.get_by_text("初期パスワードは、消えています")).to_be_visible()
    is_sound(page)

    page.context.clear_cookies()
    page.goto(f"{demo.origin}/console/login")
    page.get_by_label("医療機関等コード").fill(demo.facts["facility_code"])
    page.get_by_label("ユーザID").fill(rows[300][2])
    page.get_by_label("パスワード").fill(rows[300][9])
    page.get_by_role("button", name="ログイン").click()
    expect(page.locator("h1")).to_contain_text("パスワード")
