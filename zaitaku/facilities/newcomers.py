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
from zaitaku.facilities.model import (
    Directory,
    Enrolment,
    EnvironmentSettings,
    InstitutionCode,
    Known,
)
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

    @property
    def name(self) -> str:
        """The name that patients will see."""
        return self.settings.display_name or self.registered_name


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

    _rows_by_code: dict[InstitutionCode, int] = field(default_factory=dict)

    def rows(self, stream: BinaryIO) -> Iterator[CheckedRow]:
        """Yield every row of the file, checked.

        Raises:
            TableUnreadable: the file is not such a table; rows before may have been yielded.
        """
        for row in read_table(stream, headings=HEADINGS, most_rows=MOST_ROWS):
            yield self._checked(row)

    def _checked(self, row: Row) -> CheckedRow:
        found = Mistakes()
        code = found.kept(lambda: _code(row.cells[0]))
        newcomer = _newcomer(found, code, row.cells[1:])
        told = (*map(_words, found.all), *self._twice(code, row.number))
        return CheckedRow(row.number, None if told else newcomer, told)

    def _twice(self, code: InstitutionCode | None, number: int) -> Iterator[str]:
        if code is not None and (first := self._rows_by_code.setdefault(code, number)) != number:
            yield f"{first}行目と同じ医療機関等コードです。どちらかを直すか、消してください。"


def taken_by(newcomer: Newcomer, directory: Directory) -> str | None:
    """Return why the code is another facility's, or ``None`` where it is free or its own."""
    known = directory.present.get(newcomer.code.digits)
    if known is None:
        was_taken = newcomer.code.digits in directory.former
        return (
            "医療機関等コードは、前に別の医療機関等のものだったので、使えません。"
            if was_taken
            else None
        )
    if _is_named(newcomer, known):
        return None
    return (
        f"医療機関等コードは、すでに「{known.name}」（{known.phone}）として登録されています。"
        "別の医療機関等ならコードを直し、同じなら、この行を消してください。"
    )


def _is_named(newcomer: Newcomer, known: Known) -> bool:
    # Hyphens are written or not as people like.
    phones = (newcomer.phone.replace("-", ""), known.phone.replace("-", ""))
    return newcomer.registered_name == known.name and phones[0] == phones[1]


def empty_table() -> bytes:
    """Return the table to fill in, as Excel opens it."""
    return file_start(Codec.UTF_8) + encode_row(HEADINGS, Codec.UTF_8)


def _newcomer(
    found: Mistakes, code: InstitutionCode | None, cells: Sequence[str]
) -> Newcomer | None:
    name, phone, hours, display_name, home_visit, online, starts_on = cells
    registered_name = found.kept(lambda: _whole("registered_name", check_name(name)))
    number = found.kept(lambda: check_phone(_unshortened("phone", phone, 9, 10)))
    open_hours = found.kept(lambda: check_hours(hours))
    shown = found.kept(lambda: _whole("display_name", check_display_name(display_name)))
    visiting = found.kept(lambda: _switch("home_visit", home_visit))
    remote = found.kept(lambda: _switch("online", online))
    enrolment = found.kept(lambda: Enrolment(starts_on=day_or_none("starts_on", starts_on)))
    if not (code and registered_name and number and enrolment):
        return None
    settings = EnvironmentSettings(
        home_visit=bool(visiting), online=bool(remote), display_name=shown or ""
    )
    return Newcomer(code, registered_name, number, open_hours or "", settings, enrolment)


def _words(mistake: InvalidField) -> str:
    return mistake_words(mistake) or str(mistake)


def _code(typed: str) -> InstitutionCode:
    return InstitutionCode(_unshortened("institution_code", typed, 9))


def _whole(name: str, text: str) -> str:
    """Return a name, unless a spreadsheet has written ``?`` for a character that it could not."""
    if "?" in text:
        raise InvalidField(name, "lost-character")
    return text


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
