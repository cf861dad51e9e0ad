"""施設の一括登録: the table of facilities that are to be registered, and what is wrong with it."""

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import BinaryIO, Final

from zaitaku.core.errors import InvalidField
from zaitaku.core.mistakes import Mistakes
from zaitaku.core.spreadsheets import Codec, encode_row, file_start
from zaitaku.core.tables_in import Row, read_table
from zaitaku.facilities.mistakes import mistake_words
from zaitaku.facilities.model import Enrolment, EnvironmentSettings, InstitutionCode
from zaitaku.facilities.names import check_display_name, check_hours, check_name, check_phone
from zaitaku.facilities.relations import day_or_none
from zaitaku.facilities.words import value_words

HEADINGS: Final = (
    "医療機関等コード",
    "施設名",
    "電話番号",
    "受付時間",
    "Webに表示する名前",
    "訪問診療等機能",
    "オンライン診療等機能",
    "利用開始日",
)
MOST_ROWS: Final = 300_000
"""More than there are facilities in Japan."""
_SWITCH: Final = MappingProxyType({value_words(True): True, value_words(False): False, "": False})


@dataclass(frozen=True)
class Newcomer:
    """A facility that keeps to every rule; only whether its code is free is not known yet."""

    code: InstitutionCode
    registered_name: str
    phone: str
    hours: str
    settings: EnvironmentSettings
    enrolment: Enrolment


@dataclass(frozen=True)
class CheckedRow:
    """One row, and either the facility that it means or what is wrong with it."""

    number: int
    """As the spreadsheet counts, the headings being row 1."""
    newcomer: Newcomer | None
    mistakes: tuple[str, ...] = ()


@dataclass
class NewcomersTable:
    """Checks a table row by row; remembers codes so that none comes twice."""

    _rows_by_code: dict[str, int] = field(default_factory=dict)

    def rows(self, stream: BinaryIO) -> Iterator[CheckedRow]:
        """Yield every row of the file, checked.

        Raises:
            TableUnreadable: the file is not such a table; rows before may have been yielded.
        """
        for row in read_table(stream, headings=HEADINGS, most_rows=MOST_ROWS):
            yield self._checked(row)

    def _checked(self, row: Row) -> CheckedRow:
        found = Mistakes()
        newcomer = _newcomer(found, row.cells)
        if newcomer is None or found.all:
            told = (mistake_words(each) or str(each) for each in found.all)
            return CheckedRow(row.number, None, tuple(told))
        first = self._rows_by_code.setdefault(newcomer.code.digits, row.number)
        if first != row.number:
            return CheckedRow(row.number, None, (f"{first}行目と同じ医療機関等コードです。",))
        return CheckedRow(row.number, newcomer)


def empty_table() -> bytes:
    """Return the table to fill in, as Excel opens it."""
    return file_start(Codec.UTF_8) + encode_row(HEADINGS, Codec.UTF_8)


def _newcomer(found: Mistakes, cells: Sequence[str]) -> Newcomer | None:
    code, name, phone, hours, display_name, home_visit, online, starts_on = cells
    digits = found.kept(lambda: InstitutionCode(_unshortened("institution_code", code, 9)))
    registered_name = found.kept(lambda: check_name(name))
    number = found.kept(lambda: check_phone(_unshortened("phone", phone, 9, 10)))
    open_hours = found.kept(lambda: check_hours(hours))
    settings = found.kept(lambda: _settings(display_name, home_visit, online))
    enrolment = found.kept(lambda: Enrolment(starts_on=day_or_none("starts_on", starts_on)))
    if not (digits and registered_name and number and settings and enrolment):
        return None
    return Newcomer(digits, registered_name, number, open_hours or "", settings, enrolment)


def _settings(display_name: str, home_visit: str, online: str) -> EnvironmentSettings:
    return EnvironmentSettings(
        home_visit=_switch("home_visit", home_visit),
        online=_switch("online", online),
        display_name=check_display_name(display_name),
    )


def _unshortened(name: str, typed: str, *shortened: int) -> str:
    """Return a number as it was typed, unless a spreadsheet has cut off its first zero."""
    number = _plain(typed)
    if number.isdecimal() and not number.startswith("0") and len(number) in shortened:
        raise InvalidField(name, "lost-zero")
    return number


def _switch(name: str, typed: str) -> bool:
    known = _SWITCH.get(_plain(typed))
    if known is None:
        raise InvalidField(name, "use-or-not")
    return known


def _plain(typed: str) -> str:
    return unicodedata.normalize("NFKC", typed).strip()
