"""CSV files that Excel opens unharmed (RFC 4180): no formulas, a mark of the encoding, no loss."""

import csv
import io
from collections.abc import Iterable
from enum import StrEnum
from typing import Final

_BYTE_ORDER_MARK: Final = "\ufeff"
_FORMULA_STARTS: Final = tuple("=+-@\t\r\n＝＋－＠")
_GETA: Final = "〓"


class Codec(StrEnum):
    """How the characters of a file are written."""

    UTF_8 = "utf-8"
    SHIFT_JIS = "cp932"

    @property
    def content_type(self) -> str:
        """The HTTP content type of a file with headings (RFC 7111)."""
        charset = "utf-8" if self is Codec.UTF_8 else "Shift_JIS"
        return f"text/csv; charset={charset}; header=present"


def harmless(cell: str) -> str:
    """Return ``cell`` so that no spreadsheet takes it for a formula."""
    return f"'{cell}" if cell.startswith(_FORMULA_STARTS) else cell


def file_start(codec: Codec) -> bytes:
    """Return what the file begins with: a byte order mark, without which Excel misreads UTF-8."""
    return _BYTE_ORDER_MARK.encode() if codec is Codec.UTF_8 else b""


def encode_row(cells: Iterable[str], codec: Codec) -> bytes:
    """Return one line of the file; characters that Shift-JIS lacks become 〓."""
    line = io.StringIO()
    csv.writer(line).writerow([harmless(cell) for cell in cells])
    text = line.getvalue()
    try:
        return text.encode(codec)
    except UnicodeEncodeError:
        return "".join(_representable(each, codec) for each in text).encode(codec)


def _representable(character: str, codec: Codec) -> str:
    try:
        character.encode(codec)
    except UnicodeEncodeError:
        return _GETA
    return character
