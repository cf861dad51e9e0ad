"""The console in a real Chromium: axe on every page, small screens, copying, live news."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, Page, expect
from werkzeug.serving import make_server

from tests.consent.world import HANAKOS_CARD, Card
from tests.console.office import PASSWORD, Office
from tests.e2e.chromium import Watched, axe_findings, chromium, sideways_scroll
from zaitaku.consent.tables import consent as consent_table
from zaitaku.facilities.model import Channel

pytestmark = pytest.mark.browser

DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}
NARROW = {"width": 320, "height": 700}
URLS = "/console/reception-urls"
LIST = "/console/consented-patients"
PAGES = (
    "/console/",
    "/console/help",
    "/console/password",
    "/console/logout",
    URLS,
    f"{URLS}/online/history",
    f"{URLS}/online/poster",
    f"{URLS}/home-visit/revert",
    LIST,
    f"{LIST}?q=だれもいない",
    f"{LIST}?from=yesterday",
    "/console/nowhere",
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium for this file."""
    with chromium() as running:
        yield running


@contextmanager
def served(office: Office) -> Iterator[str]:
    """Serve the office's application on a free loopback port."""
    server = make_server("127.0.0.1", 0, office.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://localhost:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass
class Desk:
    """Somebody in front of the console."""

    page: Page
    origin: str
    office: Office

    def open(self, path: str) -> None:
        self.page.goto(self.origin + path)

    def log_in(self) -> None:
        self.open("/console/login")
        self.page.get_by_label("医療機関等コード").fill("１３１０１２３４５６")
        self.page.get_by_label("ユーザID").fill("kanri")
        self.page.get_by_label("パスワード").fill(PASSWORD)
        self.page.keyboard.press("Enter")
        expect(self.page.locator("h1")).to_have_text("メニュー")

    def press(self, button: str) -> None:
        self.page.get_by_role("button", name=button).click()

    def look(self, heading: str) -> None:
        """Arrive on a page and have axe look at it."""
        expect(self.page.locator("h1")).to_have_text(heading)
        assert axe_findings(self.page) == [], heading


@pytest.fixture
def desk(office: Office, browser: Browser) -> Iterator[Desk]:
    """A desk at which the administrator is logged in."""
    context = browser.new_context(viewport=DESKTOP, locale="ja-JP")  # type: ignore[arg-type]
    context.set_default_timeout(15_000)
    page = context.new_page()
    watched = Watched()
    watched.watch(page)
    with served(office) as origin:
        desk = Desk(page, origin, office)
        desk.log_in()
        yield desk
        context.close()
    assert watched.complaints == []


CUT_CHOICES = """() => [...document.querySelectorAll("select")].filter((select) => {
  const style = getComputedStyle(select);
  const ruler = document.createElement("canvas").getContext("2d");
  ruler.font = style.font;
  const arrow = 20;
  const room = select.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
  return ruler.measureText(select.selectedOptions[0].textContent).width > room - arrow;
}).map((select) => select.name)"""


def test_what_the_search_of_patients_begins_with_is_not_cut(desk: Desk) -> None:
    desk.open(LIST)
    assert desk.page.locator("select").count() == 3
    assert desk.page.evaluate(CUT_CHOICES) == []


def consent(office: Office) -> None:
    office.world.register(Channel.ONLINE)
    office.world.register(card=HANAKOS_CARD)
    office.world.register(card=Card.named("unknown"))


def test_axe_finds_nothing_and_nothing_scrolls_sideways(desk: Desk) -> None:
    consent(desk.office)
    for path in PAGES:
        desk.open(path)
        expect(desk.page.locator("h1")).to_have_count(1)
        assert axe_findings(desk.page) == [], path
        for size in (PHONE, NARROW):
            desk.page.set_viewport_size(size)  # type: ignore[arg-type]
            assert sideways_scroll(desk.page) <= 0, (path, size)
        desk.page.set_viewport_size(DESKTOP)  # type: ignore[arg-type]


def test_axe_finds_nothing_in_the_dark(desk: Desk) -> None:
    consent(desk.office)
    desk.page.emulate_media(color_scheme="dark")
    for path in ("/console/", URLS, LIST):
        desk.open(path)
        assert axe_findings(desk.page) == [], path


def test_axe_finds_nothing_on_the_way_through_a_change(desk: Desk) -> None:
    desk.open(f"{URLS}/online/rotate")
    page = desk.page
    expect(page.locator("h1")).to_contain_text("URLを変更する：オンライン")
    assert axe_findings(page) == []
    desk.press("次へ")
    expect(page.get_by_role("alert")).to_be_focused()
    expect(page.locator("h1")).to_contain_text("URLを変更する：オンライン")
    assert axe_findings(page) == []
    page.get_by_role("checkbox").check()
    desk.press("次へ")
    desk.look("警告：今のURLは使えなくなります")
    desk.press("OK")
    desk.look("URLを変更する：理由の入力")
    page.locator("textarea").fill("ポスターの貼り替え")
    desk.press("URLを変更する")
    desk.look("URLを変更する：確認")
    desk.press("OK")
    desk.look("URLを変更しました")


def test_axe_finds_nothing_at_the_entrance(desk: Desk) -> None:
    desk.open("/console/logout")
    desk.look("ログアウトしますか")
    desk.press("ログアウト")
    desk.look("ログアウトしました")
    desk.page.get_by_role("link", name="ログイン画面へ").click()
    desk.look("ログイン")
    desk.press("ログイン")
    expect(desk.page.get_by_role("alert")).to_be_focused()
    desk.look("ログイン")


def test_copying_says_so_and_the_text_can_be_selected(desk: Desk) -> None:
    desk.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    desk.open(URLS)
    url = desk.page.locator("#online-url").inner_text()
    desk.page.get_by_role("button", name=re.compile("コピー.*オンライン診療等のURL")).click()
    expect(desk.page.locator("#online-url-status")).to_have_text("コピーしました。")
    assert desk.page.evaluate("navigator.clipboard.readText()") == url
    desk.page.locator("#online-url").click()
    assert desk.page.evaluate("getSelection().toString()") == url


def test_a_download_says_that_it_was_handed_over(desk: Desk) -> None:
    desk.open(f"{URLS}/online/qr-code")
    with desk.page.expect_download() as waiting:
        desk.page.get_by_role("link", name="OK（ダウンロードする）").click()
    expect(desk.page.get_by_role("status")).to_contain_text("ダウンロードしました")
    assert waiting.value.suggested_filename == "二次元コード_オンライン診療等_1310123456_第1版.png"


def test_new_consents_are_announced_and_the_focus_stays(desk: Desk) -> None:
    desk.page.clock.install()
    desk.open(LIST)
    search = desk.page.get_by_label("氏名・カナ・受付番号")
    search.focus()
    link = desk.page.get_by_role("link", name="新しい同意があります — 表示する")
    expect(link).to_be_hidden()
    desk.office.world.register()
    desk.office.world.register(card=HANAKOS_CARD)
    desk.page.clock.run_for(15_500)
    expect(desk.page.get_by_role("status")).to_have_text("2件追加")
    expect(search).to_be_focused()
    link.click()
    expect(desk.page.locator("#patients tbody tr")).to_have_count(2)


def test_a_session_that_ended_is_told_by_the_list(desk: Desk) -> None:
    desk.page.clock.install()
    desk.open(LIST)
    desk.office.world.change_settings(checkup=False)
    desk.page.clock.run_for(15_500)
    expect(desk.page.get_by_role("status")).to_contain_text("ログアウトしました")


def test_the_idle_warning_comes_before_the_end_and_escape_stays(desk: Desk) -> None:
    desk.page.clock.install()
    desk.open("/console/")
    dialog = desk.page.get_by_role("dialog")
    expect(dialog).to_be_hidden()
    desk.page.clock.run_for(25 * 60_000 + 500)
    expect(dialog).to_be_visible()
    assert axe_findings(desk.page) == []
    desk.page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    desk.page.clock.run_for(25 * 60_000 + 500)
    desk.page.get_by_role("button", name="続けて使う").click()
    expect(dialog).to_be_hidden()
    desk.page.clock.run_for(30 * 60_000 + 500)
    expect(desk.page.locator("h1")).to_have_text("ログイン")
    expect(desk.page.get_by_text("30分のあいだ操作がなかったため")).to_be_visible()


def test_on_paper_there_is_what_was_found_and_nothing_to_press(desk: Desk) -> None:
    receipt = desk.office.world.register().receipt
    (row,) = desk.office.world.rows(consent_table)
    detail = f"{LIST}/{row['id']}"
    desk.page.emulate_media(media="print")
    for path in (LIST, detail, f"{detail}/records/{receipt.reference}"):
        desk.open(path)
        expect(desk.page.locator("h1")).to_be_visible()
        expect(desk.page.locator("main")).to_contain_text(receipt.reference)
        for part in ("button", "nav", "form", "footer", "header"):
            expect(desk.page.locator(f"{part}:visible"), f"{path} {part}").to_have_count(0)


def test_without_javascript_everything_is_still_there(office: Office, browser: Browser) -> None:
    context = browser.new_context(java_script_enabled=False, viewport=DESKTOP)  # type: ignore[arg-type]
    page = context.new_page()
    with served(office) as origin:
        desk = Desk(page, origin, office)
        desk.log_in()
        desk.open(LIST)
        office.world.register()
        page.get_by_role("link", name="最新の状態にする").click()
        expect(page.locator("#patients tbody tr")).to_have_count(1)
        desk.open(URLS)
        expect(page.locator("#online-url")).to_be_visible()
        expect(page.get_by_role("button", name="コピー")).to_have_count(0)
        context.close()
