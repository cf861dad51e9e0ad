"""Named posters: registered, changed, taken out of use; files with their mark; all at once."""

import io
import zipfile
from typing import Any
from urllib.parse import unquote

import pytest
import zxingcpp
from PIL import Image

from tests.console.office import Browser, Office
from zaitaku.accounts.model import Role
from zaitaku.audit.model import Act
from zaitaku.audit.store import AuditTrail
from zaitaku.facilities.model import Channel
from zaitaku.facilities.practice import marked_png
from zaitaku.jobs.model import JobKind, JobState
from zaitaku.reception.model import UrlAct
from zaitaku.reception.posters.model import MOST_POSTERS, PosterNumber
from zaitaku.reception.printing import PrintService
from zaitaku.reception.qr import qr_png
from zaitaku.work import work_off

BASE = "/console/reception-urls"
POSTERS = f"{BASE}/online/posters"
FIRST = f"{POSTERS}/1"


def add(browser: Browser, name: str, note: str = "", channel: str = "online") -> int:
    browser.get(f"{BASE}/{channel}/posters/new")
    return browser.send(name=name, note=note)


def acts(office: Office) -> list[tuple[Act, str, str]]:
    with office.services.database.reading() as connection:
        entries = AuditTrail(connection, office.world.facility.id).entries()
        return [(each.act, each.actor, each.subject) for each in entries]


def marked_address(office: Office, number: int = 1) -> str:
    current = office.services.reception.show(office.world.facility.id, Channel.ONLINE).current
    return office.services.reception.address(current, PosterNumber(number))


def decoded(browser: Browser) -> str:
    (found,) = zxingcpp.read_barcodes(Image.open(io.BytesIO(browser.answer.data)))
    return str(found.text)


def test_a_poster_is_registered_found_and_recorded(office: Office) -> None:
    browser = office.logged_in()
    browser.get(POSTERS)
    assert "まだ、名前をつけたポスターはありません" in browser.text
    assert add(browser, " 待合室 ", "受付の右の壁") == 200
    assert browser.heading == "ポスター：待合室"
    assert marked_address(office) in browser.text
    add(browser, "退院窓口")
    assert acts(office)[-2:] == [
        (Act.ADD_POSTER, "kanri みどり", "オンライン診療等 1番"),
        (Act.ADD_POSTER, "kanri みどり", "オンライン診療等 2番"),
    ]
    browser.get(f"{POSTERS}?q=右の")
    assert [row[0] for row in browser.rows()] == ["待合室"]
    for sort, first in (
        ("name", "待合室"),
        ("-name", "退院窓口"),
        ("-scans", "待合室"),
        ("x", "待合室"),
    ):
        browser.get(f"{POSTERS}?sort={sort}")
        assert browser.rows()[0][0] == first
    browser.get(f"{POSTERS}?sort=name")
    sorts = [each.get("aria-sort") for each in browser.page.iter("th") if each.get("aria-sort")]
    assert sorts == ["ascending", "none", "none", "none"]
    browser.get(f"{POSTERS}?q=ない")
    assert "条件に合うポスターはありません" in browser.text
    browser.get(f"{BASE}/home-visit/posters")
    assert "まだ、名前をつけたポスターはありません" in browser.text


def test_every_mistake_is_told_at_once_and_the_typing_stays(office: Office) -> None:
    browser = office.logged_in()
    assert add(browser, "", "あ" * 101) == 422
    assert browser.title.startswith("エラー：")
    for words in ("名前を入力してください。", "メモは100文字以内で入力してください。"):
        assert browser.answer.text.count(words) == 2
    assert "あ" * 101 in browser.answer.text


UNFIT = (
    ("あ" * 21, "20文字以内"),
    ("待合室😀", "印刷できない文字があります（「😀」）"),
    ("待合室\u00ad", "印刷できない文字があります（目に見えない文字）"),
    ("待合室", "同じ名前のポスターがあります"),
)


def test_a_name_that_cannot_be_printed_or_told_apart(office: Office) -> None:
    browser = office.logged_in()
    add(browser, "待合室")
    for name, words in UNFIT:
        assert add(browser, name) == 422
        assert words in browser.text
    assert len(office.services.posters.all(office.world.facility.id, Channel.ONLINE)) == 1


def test_there_are_200_at_most(office: Office) -> None:
    facility = office.world.facility.id
    for number in range(MOST_POSTERS):
        office.services.posters.add(
            facility, Channel.ONLINE, name=f"場所{number}", note="", actor="test"
        )
    browser = office.logged_in()
    assert add(browser, "もう1枚") == 409
    assert "200枚まで" in browser.text


def test_two_people_changing_one_poster(office: Office) -> None:
    slow, fast = office.logged_in(), office.logged_in()
    add(fast, "待合室")
    slow.get(f"{FIRST}/edit")
    fast.get(f"{FIRST}/edit")
    assert fast.send(name="1階待合室", note="掲示板") == 200
    assert slow.send(name="2階待合室", note="") == 409
    assert "ほかの人が先に変更しました" in slow.text
    assert "名前：1階待合室" in slow.text
    assert "2階待合室" in slow.answer.text
    assert slow.send(name="2階待合室", note="") == 200
    assert slow.heading == "ポスター：2階待合室"
    assert [act for act, _, _ in acts(office)][-2:] == [Act.CHANGE_POSTER] * 2


def test_a_poster_out_of_use_still_opens_and_comes_back(office: Office) -> None:
    browser = office.logged_in()
    add(browser, "待合室")
    browser.follow("使用を終了する")
    assert "患者さんの手続きは止まりません" in browser.text
    for _ in range(2):
        browser.send()
        assert "使用を終了しています" in browser.text
        browser.get(f"{FIRST}/archive")
    browser.get(POSTERS)
    assert "条件に合うポスターはありません" in browser.text
    browser.get(f"{POSTERS}?state=archived")
    assert [row[2] for row in browser.rows()] == ["使用終了"]
    origin = office.services.settings.origin
    patient = office.app.test_client()
    path = marked_address(office).removeprefix(origin)
    assert patient.get(path, base_url=origin).status_code == 200
    browser.get(f"{FIRST}/restore")
    browser.send()
    assert "使用を終了しています" not in browser.text
    assert [act for act, _, _ in acts(office)][-2:] == [Act.ARCHIVE_POSTER, Act.RESTORE_POSTER]


def test_a_name_that_was_given_again_meanwhile_keeps_the_old_one_out(office: Office) -> None:
    browser = office.logged_in()
    add(browser, "待合室")
    browser.get(f"{FIRST}/archive")
    browser.send()
    add(browser, "待合室")
    browser.get(f"{FIRST}/restore")
    assert browser.send() == 409
    assert "同じ名前のポスターを使っています" in browser.text


def test_files_carry_the_posters_own_mark_and_name(office: Office) -> None:
    browser = office.logged_in()
    add(browser, "売店/前")
    browser.get(f"{FIRST}/qr-image")
    assert decoded(browser) == marked_address(office)
    browser.get(f"{FIRST}/qr-code")
    browser.follow("OK（ダウンロードする）")
    assert decoded(browser) == marked_address(office)
    name = unquote(browser.answer.headers["Content-Disposition"].rpartition("UTF-8''")[2])
    assert name == "二次元コード_オンライン診療等_1-売店_前_1310123456_第1版.png"
    browser.get(FIRST)
    assert "2026年11月20日 10:00" in browser.text


def test_what_was_downloaded_stands_on_the_warning_before_a_change(office: Office) -> None:
    browser = office.logged_in()
    browser.get(f"{BASE}/online/rotate")
    assert "まだ何もダウンロードしていません" in browser.text
    assert "連携しているアプリの登録はありません" in browser.text
    add(browser, "待合室")
    for path in (f"{FIRST}/card/file", f"{FIRST}/card/file", f"{BASE}/online/qr-code/file"):
        assert browser.get(path) == 200
    browser.get(f"{BASE}/online/rotate")
    assert "配布カード：待合室 2回（最後は2026年11月20日 10:00）" in browser.text
    assert "二次元コード：名前のないもの 1回（最後は" in browser.text


def test_all_posters_in_one_file(office: Office) -> None:
    browser = office.logged_in()
    add(browser, "待合室")
    add(browser, "倉庫")
    browser.get(f"{POSTERS}/2/archive")
    browser.send()
    browser.get(f"{BASE}/all-posters")
    assert browser.send() == 422
    assert "作るものを、1つ以上選んでください。" in browser.text
    browser.send(kinds="qr-code")
    assert "ポスターを作っています" in browser.text
    assert work_off(office.services) == 1
    browser.get(f"{BASE}/all-posters")
    assert "ファイルは3個です" in browser.text
    browser.follow("ZIPファイルをダウンロード")
    archive = zipfile.ZipFile(io.BytesIO(browser.answer.data))
    assert archive.testzip() is None
    assert sorted(archive.namelist()) == [
        "オンライン診療等/二次元コード_オンライン診療等_1-待合室_1310123456_第1版.png",
        "オンライン診療等/二次元コード_オンライン診療等_1310123456_第1版.png",
        "訪問診療等/二次元コード_訪問診療等_1310123456_第1版.png",
    ]
    content = archive.read(min(archive.namelist()))
    assert zxingcpp.read_barcodes(Image.open(io.BytesIO(content)))[0].text == marked_address(office)
    browser.get(f"{FIRST}/qr-image")
    assert content == browser.answer.data
    assert content == marked_png(qr_png(marked_address(office)))
    browser.get(f"{BASE}/online/rotate")
    assert "二次元コード：待合室 1回" in browser.text


def test_an_archive_of_before_the_mark_or_of_another_mode_is_pointed_out(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser, prints = office.logged_in(), office.services.prints
    unmarked, practice = "このファイルには「練習用」の印がありません", "このファイルは練習用です"
    seen = {}
    for was_practice in (False, True):
        monkeypatch.setattr(prints, "is_practice", was_practice)
        browser.get(f"{BASE}/all-posters")
        browser.send(kinds="qr-code")
        assert work_off(office.services) == 1
        for is_practice in (False, True):
            monkeypatch.setattr(prints, "is_practice", is_practice)
            browser.get(f"{BASE}/all-posters")
            told = (unmarked in browser.text, practice in browser.text)
            seen[was_practice, is_practice] = told
    assert seen == {
        (False, False): (False, False),
        (False, True): (True, False),
        (True, False): (False, True),
        (True, True): (False, False),
    }


def rotate(office: Office) -> None:
    facility = office.world.facility.id
    current = office.services.reception.show(facility, Channel.ONLINE).current
    office.services.reception.change(
        UrlAct.ROTATE, facility, Channel.ONLINE, expected=current.id, actor="kanri", reason="流出"
    )


@pytest.fixture
def rotated_while_printing(office: Office, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The URL for online care is changed once, while the first of its files is made."""
    make = PrintService.file
    made: list[str] = []

    def slow(prints: PrintService, *asked: Any) -> bytes:
        content = make(prints, *asked)
        version = asked[2]
        if version.channel is Channel.ONLINE and not made:
            rotate(office)
        if version.channel is Channel.ONLINE:
            found = zxingcpp.read_barcodes(Image.open(io.BytesIO(content)))
            made.append(found[0].text)
        return content

    monkeypatch.setattr(PrintService, "file", slow)
    return made


def nothing_printed(office: Office) -> bool:
    facility, posters = office.world.facility.id, office.services.posters
    urls = [office.services.reception.show(facility, channel) for channel in Channel]
    versions = {each.id for url in urls for each in (url.first, url.current)}
    return not any(posters.prints(facility, version) for version in versions)


def test_a_url_that_changes_while_its_posters_are_made(
    office: Office, rotated_while_printing: list[str]
) -> None:
    browser = office.logged_in()
    add(browser, "待合室")
    before = [marked_address(office, number) for number in (0, 1)]
    browser.get(f"{BASE}/all-posters")
    browser.send(kinds="qr-code")
    assert work_off(office.services) == 1
    assert rotated_while_printing == before
    browser.get(f"{BASE}/all-posters")
    assert "作っているあいだにURLが変更されたため" in browser.text
    assert "ZIPファイルをダウンロード" not in browser.links()
    (job,) = office.services.jobs.newest(office.world.facility.id, JobKind.POSTER_ARCHIVE)
    assert (job.state, job.outcome) == (JobState.FAILED, "url-changed")
    assert browser.get(f"/console/jobs/{job.id}/result") == 404
    assert nothing_printed(office)


def test_a_url_that_changes_while_its_file_is_made(
    office: Office, rotated_while_printing: list[str]
) -> None:
    browser, before = office.logged_in(), marked_address(office, 0)
    assert browser.get(f"{BASE}/online/qr-code/file") == 409
    assert rotated_while_printing == [before]
    assert "作っているあいだにURLが変わりました" in browser.heading
    assert nothing_printed(office)
    assert browser.get(f"{BASE}/online/qr-code/file") == 200
    assert decoded(browser) == marked_address(office, 0) != before


def test_posters_of_a_former_url_and_of_a_channel_that_is_off_are_pointed_out(
    office: Office,
) -> None:
    browser = office.logged_in()
    browser.get(f"{BASE}/all-posters")
    assert "受付を休んでいる機能" not in browser.text
    browser.send(kinds="qr-code")
    work_off(office.services)
    browser.get(f"{BASE}/all-posters")
    assert "前のURL" not in browser.text
    rotate(office)
    browser.get(f"{BASE}/all-posters")
    assert "このファイルは、前のURLのものです" in browser.text
    office.world.change_settings(online=False)
    browser = office.logged_in()
    browser.get(f"{BASE}/all-posters")
    off = "「利用しない」になっている機能：オンライン診療等・外来診療等（通常とは異なる動線）。"
    assert off in browser.text


def test_no_other_kind_of_file_can_be_asked_for(office: Office) -> None:
    browser = office.logged_in()
    browser.get(f"{BASE}/all-posters")
    for kinds in ("", "passport"):
        assert browser.send(kinds=kinds) == 422
    assert work_off(office.services) == 0


def test_posters_of_another_facility_are_not_there(office: Office) -> None:
    other = office.world.other
    office.services.posters.add(other.id, Channel.ONLINE, name="よそ", note="", actor="test")
    browser = office.logged_in()
    for path in (FIRST, f"{FIRST}/edit", f"{FIRST}/archive", f"{FIRST}/card", f"{FIRST}/qr-image"):
        assert browser.get(path) == 404
    browser.get(POSTERS)
    hidden = browser.links()
    assert "よそ" not in browser.text
    assert FIRST not in hidden.values()


def test_who_may_not_see_urls_sees_no_posters(office: Office) -> None:
    browser = office.logged_in(Role.GENERAL)
    for path in (POSTERS, f"{BASE}/all-posters", f"{BASE}/online/traffic"):
        assert browser.get(path) == 403


def test_a_change_of_the_url_stands_in_the_audit_trail(office: Office) -> None:
    facility = office.world.facility.id
    rotate(office)
    with office.services.database.reading() as connection:
        *_, last = AuditTrail(connection, facility).entries()
    assert (last.act, last.actor, last.subject) == (Act.ROTATE_URL, "kanri", "オンライン診療等")
    assert last.detail == {"変更前": "第1版", "変更後": "第2版", "理由": "流出"}
