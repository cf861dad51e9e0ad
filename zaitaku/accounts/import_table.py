"""アカウント一括登録: the table that people fill in, and what is wrong with it (domain.md §5)."""

import io
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import BinaryIO, Final

from zaitaku.accounts.model import ROLE_NAMES, Role, UserKey, user_id_prefix, user_key
from zaitaku.accounts.registering import AccountEntry, AccountValues, check_new_account
from zaitaku.accounts.words import mistake_words
from zaitaku.core.errors import InvalidField
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
    Role.ADMIN: ("rei01", "れいのかんりしゃ", "レイノカンリシャ"),
    Role.GENERAL: ("rei02", "れいのたろう", "レイノタロウ"),
    Role.MEDICAL_VIEW: ("rei03", "れいのはなこ", "レイノハナコ"),
    Role.WEB_API: ("rei1", "れいのレセコン", "レイノレセコン"),
    Role.LINKED_APP: ("rei2", "れいのアプリ", "レイノアプリ"),
    Role.FACE_READER: ("rei3", "れいのうけつけ", "レイノウケツケ"),
}
EXAMPLE_LEFT: Final = (
    "様式の例のままです。この行を消すか、登録する人やシステムの内容に書きかえてください。"
)


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
    today: date
    """The day in Japan: no new account may end before it."""
    _rows_by_key: dict[UserKey, int] = field(default_factory=dict)

    def rows(self, stream: BinaryIO) -> Iterator[CheckedRow]:
        """Yield every row of the file, checked.

        Raises:
            TableUnreadable: the file is not such a table; rows before may have been yielded.
        """
        for row in read_table(stream, headings=HEADINGS, most_rows=MOST_ROWS):
            yield self._checked(row)

    def _checked(self, row: Row) -> CheckedRow:
        outcome = check_new_account(
            AccountEntry(*row.cells), kind=self.kind, allowed=self.allowed, today=self.today
        )
        shown = tuple(_shown(cell) for cell in row.cells)
        words = self._mistakes(row, outcome)
        values = outcome if isinstance(outcome, AccountValues) and not words else None
        return CheckedRow(row.number, shown, values, words)

    def _mistakes(
        self, row: Row, outcome: AccountValues | tuple[InvalidField, ...]
    ) -> tuple[str, ...]:
        if not isinstance(outcome, AccountValues):
            return tuple(dict.fromkeys(mistake_words(each) for each in outcome))
        if _is_example(outcome, self.kind):
            return (EXAMPLE_LEFT,)
        first = self._rows_by_key.setdefault(user_key(outcome.user_id), row.number)
        if first != row.number:
            return (f"{first}行目と同じユーザIDです。どちらかを別のユーザIDにしてください。",)
        return ()


def as_stream(chunks: Iterable[bytes]) -> BinaryIO:
    """Return a file of at most ``MOST_BYTES`` that came in pieces."""
    return io.BytesIO(b"".join(chunks))


def template_file(codec: Codec, kind: FacilityKind, allowed: Collection[Role]) -> bytes:
    """Return the table to fill in, with one example for each role that may be registered.

    An example that is left in the table is a mistake.
    """
    lines = [encode_row(_example(role, kind), codec) for role in Role if role in allowed]
    return b"".join([file_start(codec), encode_row(HEADINGS, codec), *lines])


def _example(role: Role, kind: FacilityKind) -> tuple[str, ...]:
    user_id, *others = _EXAMPLES[role]
    return (ROLE_NAMES[role], user_id_prefix(role, kind) + user_id, *others, "", "")


def _is_example(values: AccountValues, kind: FacilityKind) -> bool:
    # Days may have been added: it is still nobody.
    _, user_id, name, kana, *_ = _example(values.role, kind)
    return (values.user_id, values.name, values.kana) == (user_id, name, kana)


def _shown(cell: str) -> str:
    # Nearly all cells are printable, and there may be 60,000.
    kept = cell if cell.isprintable() else without_control_characters(cell)
    return kept[:SHOWN_CHARACTERS]
