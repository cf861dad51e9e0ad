"""The operator's commands on facilities, URLs and posters, run as an operator runs them."""

import getpass
import os
from pathlib import Path

import pypdfium2
import pytest
import zxingcpp
from PIL import Image
from sqlalchemy import insert, select

from tests.commands.conftest import CODE, Run
from tests.core.test_openid import OPENID
from zaitaku.commands.desk import words_for
from zaitaku.core.clock import SystemClock
from zaitaku.core.database import Database
from zaitaku.core.errors import InvalidField, NotFound
from zaitaku.facilities.model import Channel, InstitutionCode
from zaitaku.facilities.service import FacilityService
from zaitaku.identity.keys import RequestKeys
from zaitaku.identity.oidc.client_keys import new_key
from zaitaku.reception.poster import Layout
from zaitaku.reception.posters.service import PosterService
from zaitaku.reception.store import url_event
from zaitaku.sandbox.authority import TestAuthority
from zaitaku.services import build_services
from zaitaku.settings import Settings

LAYOUTS = {"a4": Layout.A4, "card": Layout.CARD, "sheet": Layout.SHEET}


def _address(run: Run, channel: str = "home-visit") -> str:
    shown = run("url", "show", CODE, channel)
    assert shown.exit_code == 0, shown.output
    [line] = [line for line in shown.output.splitlines() if line.startswith("URL: ")]
    return line.removeprefix("URL: ")


def test_facilities_are_listed_and_shown(clinic: Run) -> None:
    listed = clinic("facility", "list")
    assert listed.output.splitlines() == ["1310123456  みどり在宅クリニック", "1件"]
    shown = clinic("facility", "show", CODE).output
    for said in ("03-1234-5678", "月〜金 9:00〜17:00", _address(clinic)):
        assert said in shown


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"--name": "𠮷田🏥"}, "印刷できない文字があります: 「🏥」(U+1F3E5)、「𠮷」(U+20BB7)"),
        ({"--name": "あ" * 61}, "施設名が長すぎます"),
        ({"--phone": "1234"}, "電話番号は0で始まる"),
        ({"--hours": "☏\x07"}, "受付時間に、ポスターに印刷できない文字があります"),
        ({"--display-name": "あ" * 61}, "Webに表示する名前が長すぎます"),
    ],
)
def test_what_cannot_be_registered_is_said_in_words(
    run: Run, changed: dict[str, str], said: str
) -> None:
    options = {"--name": "みどり", "--phone": "0312345678"} | changed
    words = [word for option in options.items() for word in option]
    refused = run("facility", "add", CODE, *words)
    assert refused.exit_code == 1
    assert said in refused.output
    assert run("facility", "list").output == "0件\n"


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("131012345", "医療機関等コードは10桁の数字で"),
        ("9910123456", "都道府県番号（01〜47）"),
        ("1320123456", "点数表番号"),
    ],
)
def test_a_mistyped_code_is_told_before_anything_is_opened(run: Run, code: str, said: str) -> None:
    refused = run("url", "show", code, "online")
    assert refused.exit_code == 2
    assert said in refused.output


def test_a_code_cannot_be_registered_twice(clinic: Run) -> None:
    again = clinic("facility", "add", CODE, "--name", "別", "--phone", "0312345678")
    assert again.exit_code == 1
    assert "すでに登録されています" in again.output


def test_an_unknown_facility_is_told(run: Run) -> None:
    for words in (("facility", "show", CODE), ("url", "show", CODE, "online")):
        refused = run(*words)
        assert refused.exit_code == 1
        assert "登録されていません" in refused.output


def test_a_channel_that_is_off_is_pointed_out(clinic: Run) -> None:
    assert "「利用しない」になっています" in clinic("url", "show", CODE, "online").output
    assert "「利用しない」" not in clinic("url", "show", CODE, "home-visit").output


def test_rotate_revert_and_reset(clinic: Run) -> None:
    first = _address(clinic)
    addresses = [first]
    for act in ("rotate", "rotate", "revert", "rotate", "reset"):
        done = clinic("url", act, CODE, "home-visit", "--reason", f"試験 {act}", "--yes")
        assert done.exit_code == 0, done.output
        addresses.append(_address(clinic))
        assert addresses[-1] in done.output
    assert addresses[3] == addresses[1]
    assert addresses[5] == first
    assert len(set(addresses)) == 4
    history = clinic("url", "show", CODE, "home-visit").output
    for line in (
        "最初の発行（第1版）",
        "URLを変更しました（第1版 → 第2版）",
        "URLを変更前に戻しました（第3版 → 第2版）",
        "最初のURLに戻しました（第4版 → 第1版）",
        f"operator:{getpass.getuser()} 理由: 試験 reset",
    ):
        assert line in history


def test_a_change_asks_first_and_tells_what_breaks(clinic: Run) -> None:
    before = _address(clinic)
    for answer in ("n\n", "\n", ""):
        asked = clinic("url", "rotate", CODE, "home-visit", "--reason", "x", typed=answer)
        assert asked.exit_code == 1
        for said in ("みどり在宅クリニック", "今は第1版", "すぐに使えなくなります", "ポスター"):
            assert said in asked.output
        assert _address(clinic) == before
    done = clinic("url", "rotate", CODE, "home-visit", "--reason", "x", typed="y\n")
    assert done.exit_code == 0
    assert _address(clinic) != before
    back = clinic("url", "revert", CODE, "home-visit", "--reason", "x", typed="y\n")
    assert "第1版のURLと、そのポスターやカードを、また使えるようにします" in back.output
    assert "第2版のポスターやカード、患者さんに送ったリンクも使えなくなり" in back.output
    assert _address(clinic) == before


@pytest.mark.parametrize(
    ("act", "said"),
    [("revert", "変更前のURLはありません"), ("reset", "すでに最初のURLです")],
)
def test_the_first_url_cannot_go_back_and_it_is_said_why(clinic: Run, act: str, said: str) -> None:
    refused = clinic("url", act, CODE, "home-visit", "--reason", "x")
    assert refused.exit_code == 1
    assert said in refused.output
    assert "実行しますか" not in refused.output
    assert "「最初に戻す」はできません" in clinic("url", "show", CODE, "home-visit").output


def test_a_change_needs_a_reason(clinic: Run) -> None:
    without = clinic("url", "rotate", CODE, "home-visit", "--yes")
    assert without.exit_code == 2
    empty = clinic("url", "rotate", CODE, "home-visit", "--yes", "--reason", " ")
    assert empty.exit_code == 1
    assert "理由を入力してください" in empty.output


@pytest.mark.parametrize(("layout", "symbols"), [("a4", 1), ("card", 1), ("sheet", 10)])
def test_posters_are_written(clinic: Run, tmp_path: Path, layout: str, symbols: int) -> None:
    file = tmp_path / "poster.pdf"
    done = clinic("poster", CODE, "home-visit", str(file), "--layout", layout)
    assert done.exit_code == 0, done.output
    document = pypdfium2.PdfDocument(file)
    read = zxingcpp.read_barcodes(document[0].render(scale=200 / 72).to_pil())
    document.close()
    assert [each.text for each in read] == [_address(clinic)] * symbols


def test_the_code_alone_is_written_as_png(clinic: Run, tmp_path: Path) -> None:
    file = tmp_path / "qr.png"
    assert clinic("poster", CODE, "online", str(file), "--layout", "qr").exit_code == 0
    with Image.open(file) as picture:
        [read] = zxingcpp.read_barcodes(picture)
    assert read.text == _address(clinic, "online")


def test_a_named_poster_is_written(clinic: Run, tmp_path: Path, database: Database) -> None:
    facility = FacilityService(database=database, clock=SystemClock()).find(InstitutionCode(CODE))
    posters = PosterService(database=database, clock=SystemClock())
    posters.add(facility.id, Channel.HOME_VISIT, name="退院窓口", note="", actor="test")
    file = tmp_path / "poster.pdf"
    assert clinic("poster", CODE, "home-visit", str(file), "--poster", "1").exit_code == 0
    document = pypdfium2.PdfDocument(file)
    [read] = zxingcpp.read_barcodes(document[0].render(scale=200 / 72).to_pil())
    document.close()
    assert read.text.startswith(_address(clinic))
    assert read.text != _address(clinic)
    assert "退院窓口" in _words_of(file)
    for wrong in (("online", "1"), ("home-visit", "2")):
        refused = clinic("poster", CODE, wrong[0], str(file), "--poster", wrong[1])
        assert refused.exit_code == 1
        assert "番のポスターはありません" in refused.output


@pytest.mark.parametrize("channel", list(Channel))
def test_a_poster_of_a_function_that_is_not_used_says_so(
    clinic: Run, tmp_path: Path, channel: Channel
) -> None:
    file, end = str(tmp_path / "poster.pdf"), "お休みの画面が出ます"
    for state in ("off", "on"):
        changed = clinic("facility", "set", CODE, f"{channel.value}={state}", "--yes")
        assert changed.exit_code == 0, changed.output
        written = clinic("poster", CODE, channel.value, file)
        assert written.exit_code == 0, written.output
        assert (end in written.output) is (state == "off")


def test_a_poster_that_cannot_be_written_is_told(clinic: Run, tmp_path: Path) -> None:
    done = clinic("poster", CODE, "online", str(tmp_path / "nowhere" / "poster.pdf"))
    assert done.exit_code == 1
    assert "書けませんでした" in done.output


def test_settings_that_are_missing_are_named(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ZAITAKU_ORIGIN")
    refused = run("facility", "list")
    assert refused.exit_code == 1
    assert "ZAITAKU_ORIGIN" in refused.output


def test_a_database_that_is_away_is_told(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZAITAKU_DATABASE_URL", "sqlite:////nowhere/at/all.db")
    refused = run("facility", "list")
    assert refused.exit_code == 1
    assert "データベースを使えない" in refused.output


def test_a_failure_without_words_of_its_own_is_told_by_its_code() -> None:
    assert "(" not in words_for(NotFound("facility"))
    assert "invalid-field" in words_for(InvalidField("other", "unheard-of"))


def test_what_a_kept_reason_holds_does_not_reach_the_terminal(
    clinic: Run, database: Database
) -> None:
    with database.transaction() as connection:
        first = (
            connection.execute(select(url_event).where(url_event.c.channel == "home-visit"))
            .mappings()
            .one()
        )
        event = {**first, "sequence": 2, "reason": "あ　い\x1b[2J\u202eう", "actor": "x\x07"}
        connection.execute(insert(url_event).values(event))
    shown = clinic("url", "show", CODE, "home-visit").output
    assert "あ　い(U+001B)[2J(U+202E)う" in shown
    assert "x(U+0007)" in shown
    assert not {"\x1b", "\u202e", "\x07"} & set(shown)


@pytest.mark.parametrize("reason", ["a\x1b[2Jb", "a\x07"])
def test_a_reason_with_control_characters_is_refused(clinic: Run, reason: str) -> None:
    before = _address(clinic)
    refused = clinic("url", "rotate", CODE, "home-visit", "--yes", "--reason", reason)
    assert refused.exit_code == 1
    assert "理由に使えない文字" in refused.output
    assert _address(clinic) == before


@pytest.mark.parametrize("is_by_phone", [False, True])
@pytest.mark.parametrize("name", LAYOUTS)
def test_the_console_and_the_command_print_the_same(
    clinic: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    *,
    is_by_phone: bool,
) -> None:
    if is_by_phone:
        for variable, value in OPENID.items():
            monkeypatch.setenv(variable, value)
    _give_files(monkeypatch, tmp_path)
    file = tmp_path / "poster.pdf"
    assert clinic("poster", CODE, "home-visit", str(file), "--layout", name).exit_code == 0
    services = build_services(Settings.from_env())
    facility = services.facilities.find(InstitutionCode(CODE))
    current = services.reception.show(facility.id, Channel.HOME_VISIT).current
    console = services.prints.poster_pdf(facility, current, LAYOUTS[name])
    services.close()
    assert _words_of(file) == _words_of(console)


def _give_files(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    RequestKeys.make(folder / "request.pem")
    (folder / "openid.pem").write_bytes(new_key())
    authority = TestAuthority.open(folder / "authority")
    monkeypatch.setenv("ZAITAKU_MODE", "sandbox")
    monkeypatch.setenv("ZAITAKU_TRUST_ANCHORS", str(authority.roots_file))
    if "ZAITAKU_OIDC_KEY_FILE" in os.environ:
        monkeypatch.setenv("ZAITAKU_OIDC_KEY_FILE", str(folder / "openid.pem"))


def _words_of(pdf: Path | bytes) -> str:
    document = pypdfium2.PdfDocument(pdf)
    words = "".join(page.get_textpage().get_text_range() for page in document)
    document.close()
    return words
