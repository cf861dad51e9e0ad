"""The list of consented patients as a CSV file that Excel opens unharmed (RFC 4180)."""

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from datetime import date, datetime
from itertools import chain, islice
from typing import Final

from zaitaku.core.clock import JST
from zaitaku.core.database import Database
from zaitaku.core.ids import FacilityId
from zaitaku.core.spreadsheets import encode_row, file_start
from zaitaku.eligibility.model import Sex
from zaitaku.facilities.channels import CHANNEL_NAMES
from zaitaku.facilities.model import CharacterSet, InstitutionCode
from zaitaku.records.consented import ConsentedPatients
from zaitaku.records.listing import LINE_STATE_NAMES, WITHHELD_NAME, ConsentedPatient, ListQuery

UNTIL_WITHDRAWN: Final = "取消しまで"
"""What stands for the last day where there is none, in the words of the list."""
NOT_OBTAINED: Final = "（未取得）"
_SEXES: Final = {Sex.MALE: "男", Sex.FEMALE: "女", Sex.UNKNOWN: "不明"}

Column = Callable[[ConsentedPatient], str]


def file_name(code: InstitutionCode, day: date) -> str:
    """Return the name under which the file is saved."""
    return f"同意取得済み患者_{code}_{day:%Y%m%d}.csv"


def export_consented(
    database: Database,
    facility_id: FacilityId,
    query: ListQuery,
    *,
    now: datetime,
    character_set: CharacterSet,
) -> Generator[bytes, None, None]:
    """Yield the file of everything that ``query`` finds, while it is read.

    The first line comes when the database has answered with the first row, so whoever takes it
    before sending anything can still tell of a failure.

    Raises:
        StoreUnavailable: the database is away or locked.
    """
    with database.reading() as connection:
        found = ConsentedPatients(connection, facility_id).stream(query, now=now)
        with closing(found) as rows:
            first = list(islice(rows, 1))
            yield from csv_lines(chain(first, rows), character_set)


def csv_lines(rows: Iterable[ConsentedPatient], character_set: CharacterSet) -> Iterator[bytes]:
    """Yield the file line by line, the headings first."""
    codec = character_set.codec
    yield file_start(codec) + encode_row(_COLUMNS.keys(), codec)
    for row in rows:
        yield encode_row((column(row) for column in _COLUMNS.values()), codec)


def _state(row: ConsentedPatient) -> str:
    return LINE_STATE_NAMES[row.state]


def _told(row: ConsentedPatient, words: str | None) -> str:
    return words or (WITHHELD_NAME if row.is_withheld else NOT_OBTAINED)


def _validity(row: ConsentedPatient) -> str:
    # Nothing stands, so nothing ends: the column 状態 says why. A dash would begin a formula, and
    # なし reads as a consent without end.
    if not row.has_validity:
        return ""
    return _day(row.last_day) or UNTIL_WITHDRAWN


def _day(day: date | None) -> str:
    return f"{day:%Y/%m/%d}" if day else ""


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone(JST):%Y/%m/%d %H:%M:%S}"


_COLUMNS: Final[dict[str, Column]] = {
    "受付番号": lambda row: row.reference,
    "氏名": lambda row: _told(row, row.name),
    "氏名カナ": lambda row: _told(row, row.kana),
    "生年月日": lambda row: _day(row.birth_date),
    "性別": lambda row: _SEXES[row.sex] if row.sex else "",
    "手術": lambda row: row.surgery.mark,
    "診療": lambda row: row.clinical.mark,
    "薬剤": lambda row: row.medication.mark,
    "健診": lambda row: row.checkup.mark,
    "特定疾病療養受療証": lambda row: row.specific_disease.mark,
    "限度額適用認定証": lambda row: row.high_cost_limit.mark,
    "機能": lambda row: CHANNEL_NAMES[row.channel],
    "同意日時": lambda row: _moment(row.recorded_at),
    "受診日": lambda row: _day(row.visit_date),
    "有効期限": _validity,
    "状態": _state,
}
