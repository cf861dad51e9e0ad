"""アカウント一括登録: the table that people fill in, and what is wrong with it (domain.md §5)."""

import io
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, Final

from zaitaku.accounts.model import ROLE_NAMES, Role, UserKey, user_id_prefix, user_key
from zaitaku.accounts.registering import AccountEntry, AccountValues, check_new_account
from zaitaku.accounts.words import mistake_words
from zaitaku.core.spreadsheets import Codec, encode_row, file_start
from zaitaku.core.tables_in import Row, read_table
from zaitaku.core.texts import without_control_characters
from zaitaku.facilities.model import FacilityKind

HEADINGS: Final = (
    "権限区分",
    "ユーザID",
    "ユーザ名",
    "ユーザ名（カナ）",
    "利用開始年月日",
    "利用終了年月日",
)
MOST_ROWS: Final = 10_000
MOST_BYTES: Final = 4 * 1024 * 1024
"""Ten thousand of the longest rows that keep to the rules have about 3 MB in UTF-8."""
SHOWN_CHARACTERS: Final = 100
"""So much of a cell is shown again; what is longer is wrong anyway."""

_EXAMPLES: Final = {
    Role.ADMIN: ("kanri02", "みどりはなこ", "ミドリハナコ"),
    Role.GENERAL: ("ippan01", "みどりたろう", "ミドリタロウ"),
    Role.MEDICAL_VIEW: ("etsuran1", "みどりさくら", "ミドリサクラ"),
    Role.WEB_API: ("rece1", "レセコン", "レセコン"),
    Role.LINKED_APP: ("yoyaku", "よやくアプリ", "ヨヤクアプリ"),
    Role.FACE_READER: ("reader", "うけつけ１", "ウケツケ１"),
}


@dataclass(frozen=True)
class CheckedRow:
    """One row with what it says and either the account it means or what is wrong with it."""

    number: int
    """As the spreadsheet counts, the headings being row 1."""
    cells: tuple[str, ...]
    values: AccountValues | None
    mistakes: tuple[str, ...]


@dataclass
class TableCheck:
    """Checks a table row by row; remembers user IDs so that none comes twice."""

    kind: FacilityKind
    allowed: Collection[Role]
    _rows_by_key: dict[UserKey, int] = field(default_factory=dict)

    def rows(self, stream: BinaryIO) -> Iterator[CheckedRow]:
        """Yield every row of the file, checked.

        Raises:
            TableUnreadable: the file is not such a table; rows before may have been yielded.
        """
        for row in read_table(stream, headings=HEADINGS, most_rows=MOST_ROWS):
            yield self._checked(row)

    def _checked(self, row: Row) -> CheckedRow:
        outcome = check_new_account(AccountEntry(*row.cells), kind=self.kind, allowed=self.allowed)
        shown = tuple(_shown(cell) for cell in row.cells)
        if not isinstance(outcome, AccountValues):
            words = tuple(dict.fromkeys(mistake_words(each) for each in outcome))
            return CheckedRow(row.number, shown, None, words)
        first = self._rows_by_key.setdefault(user_key(outcome.user_id), row.number)
        if first != row.number:
            words = (f"{first}行目と同じユーザIDです。どちらかを別のユーザIDにしてください。",)
            return CheckedRow(row.number, shown, None, words)
        return CheckedRow(row.number, shown, outcome, ())


def as_stream(chunks: Iterable[bytes]) -> BinaryIO:
    """Return a file of at most ``MOST_BYTES`` that came in pieces."""
    return io.BytesIO(b"".join(chunks))


def template_file(codec: Codec, kind: FacilityKind, allowed: Collection[Role]) -> bytes:
    """Return the table to fill in, with one example for each role that may be registered."""
    lines = [encode_row(_example(role, kind), codec) for role in Role if role in allowed]
    return b"".join([file_start(codec), encode_row(HEADINGS, codec), *lines])


def _example(role: Role, kind: FacilityKind) -> tuple[str, ...]:
    user_id, *others = _EXAMPLES[role]
    return (ROLE_NAMES[role], user_id_prefix(role, kind) + user_id, *others, "", "")


def _shown(cell: str) -> str:
    # Nearly all cells are printable, and there may be 60,000.
    kept = cell if cell.isprintable() else without_control_characters(cell)
    return kept[:SHOWN_CHARACTERS]
