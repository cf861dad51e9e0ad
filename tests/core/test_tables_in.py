"""CSV files as they come: every encoding, line end and accident."""

import csv
import io
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zaitaku.core.spreadsheets import Codec, encode_row, file_start
from zaitaku.core.tables_in import Row, TableUnreadable, read_table

HEADINGS = ("氏名", "番号")
HEAD = "氏名,番号\r\n"
CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)


def rows(content: bytes | str, most_rows: int = 100) -> list[tuple[str, ...]]:
    data = content.encode() if isinstance(content, str) else content
    found = read_table(io.BytesIO(data), headings=HEADINGS, most_rows=most_rows)
    return [row.cells for row in found]


def refusal(content: bytes | str, most_rows: int = 100) -> tuple[str, int | None]:
    with pytest.raises(TableUnreadable) as caught:
        rows(content, most_rows)
    return caught.value.rule, caught.value.row


@given(st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=8), st.sampled_from(["\r\n", "\n"]))
def test_what_a_csv_writer_writes_is_read_back(
    written: list[tuple[str, str]], line_end: str
) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator=line_end, quoting=csv.QUOTE_ALL)
    writer.writerow(HEADINGS)
    writer.writerows(written)
    kept = [row for row in written if "".join(row).strip()]
    if kept:
        assert rows(text.getvalue()) == kept
    else:
        assert refusal(text.getvalue()) == ("no-rows", None)


@given(st.binary(max_size=200))
def test_anything_is_read_or_refused_by_name(content: bytes) -> None:
    try:
        rows(content)
    except TableUnreadable as error:
        assert error.rule


@pytest.mark.parametrize("codec", Codec)
def test_our_own_files_are_read_back(codec: Codec) -> None:
    lines = [encode_row(cells, codec) for cells in (HEADINGS, ("髙﨑　一郎", "１２"), ("①", "a,b"))]
    content = file_start(codec) + b"".join(lines)
    assert rows(content) == [("髙﨑　一郎", "１２"), ("①", "a,b")]


def test_emoji_quotes_and_line_ends_inside_cells() -> None:
    assert rows(HEAD + '"髙﨑😀","a""b\r\nc"\r') == [("髙﨑😀", 'a"b\r\nc')]


def test_rows_are_numbered_as_the_spreadsheet_numbers_them() -> None:
    stream = io.BytesIO((HEAD + "a,1\r\n\r\n,,\r\n" + "b,2,,\r\n").encode())
    found = list(read_table(stream, headings=HEADINGS, most_rows=9))
    assert found == [Row(2, ("a", "1")), Row(5, ("b", "2"))]
    assert not stream.closed


def test_headings_may_be_typed_in_another_width() -> None:
    assert rows(" 氏名 ,番号,,\na,1") == [("a", "1")]


def test_a_row_that_ends_early_has_empty_cells() -> None:
    # Excel leaves trailing empty cells out from the seventeenth row on.
    assert rows(HEAD + "a,1\r\n" * 16 + "b\r\n")[-1] == ("b", "")


def zipped() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("a.csv", HEAD)
    return content.getvalue()


@pytest.mark.parametrize(
    ("content", "rule", "row"),
    [
        (b"", "empty", None),
        (zipped(), "not-csv", None),
        (HEAD.encode("utf-16"), "not-csv", None),
        (HEAD.encode("utf-16-le"), "not-csv", None),
        (b"%PDF-1.7 abc", "not-csv", None),
        (HEAD.encode("cp932") + b"\x81 ,1\r\n", "encoding", None),
        (HEAD.encode("utf-8-sig") + b"\xff,1\r\n", "encoding", None),
        (HEAD.encode("euc-jp"), "encoding", None),
        ("\ufeff", "headings", 1),
        ("番号,氏名\r\n1,a\r\n", "headings", 1),
        ("氏名\r\na\r\n", "headings", 1),
        (HEAD, "no-rows", None),
        (HEAD + "a,1,x\r\n", "columns", 2),
        (HEAD + '"a"b,1\r\n', "quotes", 2),
        (HEAD + 'a,1\r\n"b,2\r\nc,3\r\n', "quotes", 3),
        (HEAD + f'"{"a" * 200_000}",1\r\n', "cell-too-long", 2),
    ],
)
def test_each_accident_has_its_name(content: bytes | str, rule: str, row: int | None) -> None:
    assert refusal(content) == (rule, row)


def test_a_million_rows_are_refused_at_the_limit() -> None:
    content = HEAD + "a,1\r\n" * 1_000_000
    assert refusal(content, most_rows=10_000) == ("too-many-rows", None)
    assert len(rows(HEAD + "a,1\r\n" * 50, most_rows=50)) == 50
