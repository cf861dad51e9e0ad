"""``zaitaku facility table|import``: many facilities from a table, each whole or not at all."""

import csv
import errno
import io
import os
import signal
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import pytest
from sqlalchemy import text

from tests.commands.conftest import Run
from zaitaku.accounts.passwords import Passwords
from zaitaku.commands.hand_out import HandOut
from zaitaku.core.database import Database
from zaitaku.core.errors import StoreUnavailable
from zaitaku.facilities.model import InstitutionCode
from zaitaku.facilities.newcomers import HEADINGS
from zaitaku.facilities.service import FacilityService

AOBA = ("1310000009", "あおば医院", "0312345678", "", "", "利用する", "", "")
MIDORI = (
    *(
        "0110000004",
        "みどり薬局",
        "０１１−２３４−５６７８",
        "月〜金 9:00〜17:00",
        "みどりのくすり屋",
    ),
    *("利用しない", "利用する", "2027/4/1"),
)
Write = Callable[..., str]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a table of facilities and return its name."""

    def written(*rows: tuple[str, ...], encoding: str = "utf-8-sig") -> str:
        text = io.StringIO()
        csv.writer(text).writerows([HEADINGS, *rows])
        path = tmp_path / "table.csv"
        path.write_text(text.getvalue(), encoding)
        return str(path)

    return written


def told_in(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text("utf-8-sig").splitlines()))


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-8", "cp932"])
def test_a_table_is_registered_and_told_once(
    run: Run, write: Write, tmp_path: Path, encoding: str
) -> None:
    told = tmp_path / "told.csv"
    table = write(AOBA, MIDORI, encoding=encoding)
    done = run("facility", "import", table, str(told), typed="y\n")
    assert done.exit_code == 0, done.output
    assert "2件を登録しますか" in done.output
    assert "利用規約への同意" in done.output
    assert "登録しました: 2件" in done.output
    first, second = told_in(told)
    assert first["医療機関等コード"] == "1310000009"
    assert second["Webに表示する名前"] == "みどりのくすり屋"
    passwords = [
        value for row in (first, second) for key, value in row.items() if "パスワード" in key
    ]
    assert len(set(passwords)) == 2 * 2 + 1  # and one day on which they end
    assert not [each for each in passwords[:2] if each in done.output]
    assert stat.S_IMODE(told.stat().st_mode) == 0o600
    shown = run("facility", "show", "0110000004").output
    assert "利用開始日: 2027年4月1日" in shown
    assert "電話番号: 011-234-5678" in shown
    assert second["オンライン診療等・外来診療等（通常とは異なる動線）のURL"] in shown


def test_one_mistake_registers_nothing_and_every_mistake_is_told(
    run: Run, write: Write, tmp_path: Path
) -> None:
    told = tmp_path / "told.csv"
    table = write(
        AOBA,
        ("110000004", "みどり薬局", "312345678", "", "", "はい", "", "2027-02-30"),
        AOBA,
        ("1319999999", "🏥", "03-1234-5678", "", "", "", "", ""),
    )
    refused = run("facility", "import", table, str(told), "--yes")
    assert refused.exit_code == 1
    for words in (
        "3行目: 医療機関等コードの先頭の0が",
        "3行目: 電話番号の先頭の0が",
        "3行目: 訪問診療等機能は「利用する」か「利用しない」",
        "3行目: 利用開始日は",
        "4行目: 2行目と同じ医療機関等コードです",
        "5行目: 施設名に、ポスターに印刷できない文字があります",
        "まちがいのある行が3行ある",
    ):
        assert words in refused.output
    assert not told.exists()
    assert "0件" in run("facility", "list").output


def test_the_same_table_again_registers_what_is_left(
    run: Run, write: Write, tmp_path: Path
) -> None:
    first, again, last = (tmp_path / name for name in ("1.csv", "2.csv", "3.csv"))
    assert run("facility", "import", write(AOBA), str(first), "--yes").exit_code == 0
    table = write(AOBA, MIDORI)
    refused = run("facility", "import", table, str(first), "--yes")
    assert refused.exit_code == 1
    assert "すでにあります" in refused.output
    done = run("facility", "import", table, str(again), "--yes")
    assert "すでに登録されていて、そのままにするもの: 1件" in done.output
    assert [row["医療機関等コード"] for row in told_in(again)] == ["0110000004"]
    nothing = run("facility", "import", table, str(last), "--yes")
    assert nothing.exit_code == 0
    assert "新しく登録するもの: 0件" in nothing.output
    assert not last.exists()


@pytest.mark.parametrize("moment", ["before", "commit"])
def test_what_stands_is_told_and_what_does_not_is_named(
    run: Run, write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """The database goes away after the second's row is on the disk: before or in its commit."""
    told, really = tmp_path / "told.csv", FacilityService.add

    def add(service: FacilityService, code: InstitutionCode, **facts: Any) -> object:
        if code.digits != MIDORI[0]:
            return really(service, code, **facts)
        if moment == "commit":
            really(service, code, **facts)
            raise StoreUnavailable
        return really(service, code, **{**facts, "founding": _broken(facts["founding"])})

    monkeypatch.setattr(FacilityService, "add", add)
    stopped = run("facility", "import", write(AOBA, MIDORI), str(told), "--yes")
    assert stopped.exit_code == 1
    assert "登録しました: 1件" in stopped.output
    assert "0110000004 は、登録されたか分かりません" in stopped.output
    assert "データベースを使えない" in stopped.output
    assert [row["医療機関等コード"] for row in told_in(told)] == ["1310000009", "0110000004"]
    listed = run("facility", "list").output
    assert ("0110000004" in listed) is (moment == "commit")


def _broken(founding: Callable[..., object]) -> Callable[..., object]:
    def found(*work: object) -> object:
        founding(*work)
        raise StoreUnavailable

    return found


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_whoever_ends_it_ends_it_between_two_facilities(
    run: Run, write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: signal.Signals
) -> None:
    told, tell = tmp_path / "told.csv", HandOut.tell

    def ended(hand_out: HandOut, cells: tuple[str, ...]) -> None:
        tell(hand_out, cells)
        signal.raise_signal(ending)

    monkeypatch.setattr(HandOut, "tell", ended)
    with heard(ending) as before:
        stopped = run("facility", "import", write(AOBA, MIDORI), str(told), "--yes")
        assert signal.getsignal(ending) is before
    assert stopped.exit_code == 1
    assert "登録しました: 1件" in stopped.output
    assert "もう一度実行すると、残りを登録します" in stopped.output
    assert [row["医療機関等コード"] for row in told_in(told)] == ["1310000009"]
    assert "1件" in run("facility", "list").output


@contextmanager
def heard(ending: signal.Signals) -> Iterator[object]:
    """Have a handler for a signal: whoever runs the tests in the background may ignore it."""

    def handle(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(ending, handle)
    try:
        yield handle
    finally:
        signal.signal(ending, before)


def test_what_was_to_be_ignored_stays_ignored(
    run: Run, write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``nohup``: the terminal that goes away does not end it."""
    tell = HandOut.tell

    def hung_up(hand_out: HandOut, cells: tuple[str, ...]) -> None:
        tell(hand_out, cells)
        signal.raise_signal(signal.SIGHUP)

    monkeypatch.setattr(HandOut, "tell", hung_up)
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        done = run("facility", "import", write(AOBA, MIDORI), str(tmp_path / "told.csv"), "--yes")
    finally:
        signal.signal(signal.SIGHUP, before)
    assert "登録しました: 2件" in done.output


def test_a_full_disk_registers_nothing_that_is_not_told(
    run: Run, write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = tmp_path / "told.csv"
    table = write(AOBA, MIDORI)
    tell = HandOut.tell

    def full(hand_out: HandOut, cells: tuple[str, ...]) -> None:
        if cells[0] != MIDORI[0]:
            return tell(hand_out, cells)
        size = told.stat().st_size
        monkeypatch.setattr(os, "fsync", _no_space)
        with pytest.raises(click.ClickException) as caught:
            tell(hand_out, cells)
        assert told.stat().st_size == size  # no half row
        raise caught.value

    monkeypatch.setattr(HandOut, "tell", full)
    stopped = run("facility", "import", table, str(told), "--yes")
    monkeypatch.undo()
    assert stopped.exit_code == 1
    assert "書けません" in stopped.output
    assert "登録しました: 1件" in stopped.output
    assert [row["医療機関等コード"] for row in told_in(told)] == ["1310000009"]


def _no_space(_file: int) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_code_that_is_anothers_is_named_and_registers_nothing(
    run: Run, write: Write, tmp_path: Path
) -> None:
    told = tmp_path / "told.csv"
    assert run("facility", "import", write(AOBA), str(told), "--yes").exit_code == 0
    other = ("1310000009", "ほかの医院", *AOBA[2:])
    refused = run("facility", "import", write(other, MIDORI), str(tmp_path / "2.csv"), "--yes")
    assert refused.exit_code == 1
    assert "2行目: 医療機関等コードは、すでに「あおば医院」（0312345678）として" in refused.output
    moved = ("facility", "change-code", AOBA[0], "1310000998", "--on", "2026-04-01")
    assert run(*moved, "--reason", "移転", "--yes").exit_code == 0
    refused = run("facility", "import", write(AOBA, MIDORI), str(tmp_path / "3.csv"), "--yes")
    assert refused.exit_code == 1
    assert "2行目: 医療機関等コードは、前に別の医療機関等のもの" in refused.output
    assert "1件" in run("facility", "list").output


def test_the_same_mistake_in_many_rows_is_told_once(run: Run, write: Write, tmp_path: Path) -> None:
    short = [(f"11000{n:04}", "医院", "0312345678", *AOBA[3:]) for n in range(60)]
    table = write(*short, AOBA, short[0], ("1310000010", "医院?", "9012345678", *AOBA[3:]))
    refused = run("facility", "import", table, str(tmp_path / "told.csv"), "--yes")
    assert "2〜61行目、63行目: 医療機関等コードの先頭の0が" in refused.output
    assert "64行目: 施設名に「?」があります" in refused.output
    assert "64行目: 電話番号の先頭の0が" in refused.output
    assert "まちがいのある行が62行ある" in refused.output


def test_what_is_told_opens_both_doors(run: Run, write: Write, tmp_path: Path) -> None:
    """The addresses lead to their own channels, and the passwords are the accounts'."""
    told = tmp_path / "told.csv"
    hours = ("1310000009", "あおば医院", "0312345678", "平日 9:00〜17:00", *AOBA[4:])
    assert run("facility", "import", write(hours), str(told), "--yes").exit_code == 0
    [row] = told_in(told)
    shown = run("facility", "show", "1310000009").output.splitlines()
    assert "受付時間: 平日 9:00〜17:00" in shown
    for heading in ("訪問診療等", "オンライン診療等・外来診療等（通常とは異なる動線）"):
        at = next(n for n, line in enumerate(shown) if line.startswith(f"{heading}: "))
        assert shown[at + 1].strip() == row[f"{heading}のURL"]
    database = Database(os.environ["ZAITAKU_DATABASE_URL"])
    with database.reading() as connection:
        accounts = connection.execute(text("SELECT user_id, password_hash FROM account"))
        kept = {account.user_id: account.password_hash for account in accounts}
    database.close()
    for who in ("マスタ", "マスタリセット用"):
        given = row[f"{who}のはじめのパスワード"]
        assert Passwords().verify(kept[row[f"{who}のユーザID"]], given)


def test_whoever_says_no_changes_nothing(run: Run, write: Write, tmp_path: Path) -> None:
    told = tmp_path / "told.csv"
    assert run("facility", "import", write(AOBA), str(told), typed="n\n").exit_code == 1
    assert not told.exists()
    assert "0件" in run("facility", "list").output


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "ファイルが空です"),
        (b"PK\x03\x04", "CSVファイルではありません"),
        (b"a,b\r\n", "見出し"),
    ],
)
def test_another_file_is_named(run: Run, tmp_path: Path, content: bytes, said: str) -> None:
    table = tmp_path / "table.csv"
    table.write_bytes(content)
    refused = run("facility", "import", str(table), str(tmp_path / "told.csv"), "--yes")
    assert refused.exit_code == 1
    assert said in refused.output


def test_a_folder_that_takes_no_file_is_told_before_anything(
    run: Run, write: Write, tmp_path: Path
) -> None:
    refused = run("facility", "import", write(AOBA), str(tmp_path / "no" / "told.csv"), "--yes")
    assert refused.exit_code == 1
    assert "書けません" in refused.output
    assert "0件" in run("facility", "list").output


def test_the_empty_table_has_the_headings_that_are_read(
    run: Run, tmp_path: Path, write: Write
) -> None:
    table = tmp_path / "empty.csv"
    assert run("facility", "table", str(table)).exit_code == 0
    assert run("facility", "table", str(table)).exit_code == 1
    filled = table.read_bytes() + ",".join(AOBA).encode()
    table.write_bytes(filled)
    done = run("facility", "import", str(table), str(tmp_path / "told.csv"), "--yes")
    assert done.exit_code == 0, done.output


def test_a_database_without_tables_is_told_to_be_migrated(
    run: Run, write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZAITAKU_DATABASE_URL", f"sqlite:///{tmp_path / 'empty.db'}")
    refused = run("facility", "import", write(AOBA), str(tmp_path / "told.csv"), "--yes")
    assert refused.exit_code == 1
    assert "zaitaku migrate を実行してください" in refused.output
    assert "登録しました" not in refused.output


def test_a_missing_setting_is_told_in_japanese(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ZAITAKU_ORIGIN")
    refused = run("facility", "list")
    assert refused.exit_code == 1
    assert "ZAITAKU_ORIGIN" in refused.output
    assert "is not set" not in refused.output
