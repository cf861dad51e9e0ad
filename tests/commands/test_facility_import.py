"""``zaitaku facility table|import``: many facilities from a table, each whole or not at all."""

import csv
import io
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.commands.conftest import Run
from zaitaku.core.errors import StoreUnavailable
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
    assert "すでに登録されていたため、何もしませんでした: 1件" in done.output
    assert "1310000009 あおば医院" in done.output
    assert [row["医療機関等コード"] for row in told_in(again)] == ["0110000004"]
    nothing = run("facility", "import", table, str(last), "--yes")
    assert nothing.exit_code == 0
    assert "登録しました: 0件" in nothing.output
    assert not last.exists()


def test_what_was_registered_is_told_when_the_database_goes_away(
    run: Run, write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add, told = FacilityService.add, tmp_path / "told.csv"

    def once(service: FacilityService, code: object, **facts: object) -> object:
        if str(code) == MIDORI[0]:
            raise StoreUnavailable
        return add(service, code, **facts)  # type: ignore[arg-type]

    monkeypatch.setattr(FacilityService, "add", once)
    stopped = run("facility", "import", write(AOBA, MIDORI), str(told), "--yes")
    assert stopped.exit_code == 1
    assert "登録しました: 1件" in stopped.output
    assert "データベースを使えない" in stopped.output
    assert [row["医療機関等コード"] for row in told_in(told)] == ["1310000009"]


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
