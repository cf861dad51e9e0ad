"""CSV files as people send them (RFC 4180, and what Excel makes of it): read row by row.

UTF-8 with or without a byte order mark, or Shift-JIS as Windows has it (CP932, which knows 髙 and
﨑); any line ends; quoted cells with commas, quotes and line ends inside.
"""

import codecs
import csv
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from io import TextIOWrapper
from typing import BinaryIO, Final

from zaitaku.core.errors import ZaitakuError

READ_BYTES: Final = 256 * 1024
_ENCODINGS: Final = ("utf-8-sig", "cp932")
_OTHER_FILES: Final = (
    b"PK\x03\x04",  # ZIP, and so .xlsx
    b"\xd0\xcf\x11\xe0",  # .xls
    b"%PDF-",
    b"\xff\xfe",  # UTF-16, "Unicode text" in Excel
    b"\xfe\xff",
)
_FILE_START: Final = 8


class TableUnreadable(ZaitakuError):
    """The file is not the table that was asked for; nothing of it may be used.

    ``rule`` says why: ``not-csv`` (another kind of file), ``encoding``, ``empty``, ``headings``
    (the first row), ``no-rows``, ``too-many-rows``, ``columns`` (a row has too many cells),
    ``cell-too-long`` (past what the csv module reads; often a quotation mark that is not closed),
    ``quotes`` (a quotation mark is not closed or stands where none may). ``row`` is the row in
    the spreadsheet, the headings being row 1, where one row is to blame.
    """

    code = "table-unreadable"
    status = HTTPStatus.UNPROCESSABLE_ENTITY

    def __init__(self, rule: str, row: int | None = None) -> None:
        super().__init__(rule if row is None else f"{rule}: row {row}")
        self.rule = rule
        self.row = row


@dataclass(frozen=True)
class Row:
    """One row; ``number`` counts as the spreadsheet does, the headings being row 1."""

    number: int
    cells: tuple[str, ...]


def read_table(stream: BinaryIO, *, headings: Sequence[str], most_rows: int) -> Iterator[Row]:
    """Yield the rows under the headings, each with exactly as many cells as there are headings.

    Empty rows are left out, empty cells beyond the headings cut off; a row that ends early, as
    Excel writes one whose last cells are empty, is filled up with empty ones. The cells are as
    they were written. ``stream`` must be seekable; it is read twice, never held.

    Raises:
        TableUnreadable: at the first step or at a later one; then forget the rows before it.
    """
    encoding = _encoding_of(stream)
    stream.seek(0)
    text = TextIOWrapper(stream, encoding=encoding, newline="")
    try:
        yield from _rows(text, tuple(headings), most_rows)
    finally:
        text.detach()


def _encoding_of(stream: BinaryIO) -> str:
    stream.seek(0)
    start = stream.read(_FILE_START)
    if not start:
        raise TableUnreadable("empty")
    if start.startswith(_OTHER_FILES):
        raise TableUnreadable("not-csv")
    # A file that says it is UTF-8 is never taken for another.
    possible = _ENCODINGS[:1] if start.startswith(codecs.BOM_UTF8) else _ENCODINGS
    fitting = [encoding for encoding in possible if _is_written_in(stream, encoding)]
    if not fitting:
        raise TableUnreadable("encoding")
    return fitting[0]


def _is_written_in(stream: BinaryIO, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    stream.seek(0)
    try:
        while part := stream.read(READ_BYTES):
            if b"\0" in part:
                raise TableUnreadable("not-csv")
            decoder.decode(part)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _rows(text: TextIOWrapper, headings: tuple[str, ...], most_rows: int) -> Iterator[Row]:
    records = _records(text)
    _check_headings(next(records, Row(1, ())), headings)
    found = 0
    for row in records:
        if not any(cell.strip() for cell in row.cells):
            continue
        found += 1
        if found > most_rows:
            raise TableUnreadable("too-many-rows")
        yield _fitted(row, len(headings))
    if not found:
        raise TableUnreadable("no-rows")


def _records(text: TextIOWrapper) -> Iterator[Row]:
    number = 0
    try:
        for number, cells in enumerate(csv.reader(text, strict=True), start=1):
            yield Row(number, tuple(cells))
    except csv.Error as error:
        rule = "cell-too-long" if "field limit" in str(error) else "quotes"
        raise TableUnreadable(rule, number + 1) from None


def _check_headings(row: Row, headings: tuple[str, ...]) -> None:
    found = [unicodedata.normalize("NFKC", cell).strip() for cell in row.cells]
    while found and not found[-1]:
        found.pop()
    if found != [unicodedata.normalize("NFKC", heading) for heading in headings]:
        raise TableUnreadable("headings", row.number)


def _fitted(row: Row, width: int) -> Row:
    if any(cell.strip() for cell in row.cells[width:]):
        raise TableUnreadable("columns", row.number)
    missing = ("",) * (width - len(row.cells))
    return Row(row.number, row.cells[:width] + missing)
