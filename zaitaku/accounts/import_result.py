"""The result file of a bulk registration: what became of each row (domain.md §5)."""

import json
from collections.abc import Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final, Self

from zaitaku.accounts.import_table import HEADINGS, CheckedRow
from zaitaku.accounts.words import USER_ID_TAKEN
from zaitaku.core.spreadsheets import Codec, encode_row, file_start

LINES: Final = "application/x-ndjson"
"""How it is kept: a JSON array a line. It becomes CSV when somebody fetches it."""
RESULT_HEADINGS: Final = ("行番号", *HEADINGS, "結果", "メッセージ", "初期パスワード")
NOT_TOLD: Final = "（出力していません）"
TOLD_OUT: Final = "（消去済み：必要なときは再発行してください）"
LOST: Final = "（復元できません：再発行してください）"


class RowFate(StrEnum):
    """What became of one row."""

    REGISTERED = "registered"
    DUPLICATE = "duplicate"
    MISTAKEN = "mistaken"
    LEFT = "left"
    """Nothing wrong with it, but others are: nothing was registered."""


FATE_NAMES: Final = MappingProxyType(
    {
        RowFate.REGISTERED: "登録しました",
        RowFate.DUPLICATE: "ID重複：登録していません",
        RowFate.MISTAKEN: "エラー：登録していません",
        RowFate.LEFT: "エラーなし：登録していません",
    }
)


@dataclass(frozen=True)
class RowResult:
    """One line of the result."""

    number: int
    cells: tuple[str, ...]
    fate: RowFate
    message: str

    @classmethod
    def of(cls, row: CheckedRow, fate: RowFate) -> Self:
        """Say what became of a row."""
        message = USER_ID_TAKEN if fate is RowFate.DUPLICATE else "".join(row.mistakes)
        return cls(row.number, row.cells, fate, message)

    def line(self) -> bytes:
        """Return the line as it is kept."""
        kept = [self.number, self.cells, self.fate.value, self.message]
        return json.dumps(kept, ensure_ascii=False).encode() + b"\n"

    @classmethod
    def from_line(cls, line: bytes) -> Self:
        """Read what ``line`` wrote."""
        number, cells, fate, message = json.loads(line)
        return cls(number, tuple(cells), RowFate(fate), message)


def results_in(chunks: Iterable[bytes]) -> Iterator[RowResult]:
    """Yield the lines of a kept result that comes in pieces."""
    held = b""
    for chunk in chunks:
        *lines, held = (held + chunk).split(b"\n")
        yield from map(RowResult.from_line, lines)


def csv_lines(
    results: Iterable[RowResult], codec: Codec, passwords: Mapping[int, str], instead: str
) -> Generator[bytes, None, None]:
    """Yield the file for people.

    ``passwords`` by row number, where they are told now; ``instead`` stands where an account was
    registered and they are not.
    """
    yield file_start(codec) + encode_row(RESULT_HEADINGS, codec)
    for result in results:
        yield encode_row(_cells(result, passwords, instead), codec)


def _cells(result: RowResult, passwords: Mapping[int, str], instead: str) -> tuple[str, ...]:
    untold = instead if result.fate is RowFate.REGISTERED else ""
    password = passwords.get(result.number, untold)
    fate = FATE_NAMES[result.fate]
    return (str(result.number), *result.cells, fate, result.message, password)
