"""Appointments as people write them: days, times, channels, and whole files."""

import re
import unicodedata
from collections.abc import Collection, Mapping
from datetime import date, datetime, time
from types import MappingProxyType
from typing import BinaryIO, Final

from zaitaku.core import days
from zaitaku.core.clock import JST
from zaitaku.core.errors import InvalidField
from zaitaku.core.tables_in import Row, read_table
from zaitaku.facilities.model import Channel
from zaitaku.records.appointments.errors import RowMistake, UnfitRows
from zaitaku.records.appointments.model import FIRST_YEAR, LAST_YEAR, Planned

COLUMNS: Final = MappingProxyType(
    {
        "day": "予約日",
        "time": "予約時刻",
        "patient_number": "患者番号",
        "name": "氏名",
        "kana": "カナ",
        "birth_date": "生年月日",
        "channel": "機能",
    }
)
"""Fields of an appointment, and how a file heads them, in their order."""
CHANNEL_WORDS: Final = MappingProxyType(
    {Channel.HOME_VISIT: "訪問診療等", Channel.ONLINE: "オンライン診療等"}
)
MOST_ROWS: Final = 5_000
_TIME: Final = re.compile(r"([0-9]{1,2})(?::|時)([0-9]{2})(?::00|分)?")


def read_day(field: str, typed: str) -> date:
    """Return a day: ``2026-11-20``, ``2026/11/20``, ``2026年11月20日`` or ``20261120``.

    Raises:
        InvalidField: ``missing``, ``not-a-date`` or ``out-of-range``.
    """
    day = days.read_day(field, _tidy(field, typed))
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise InvalidField(field, "out-of-range")
    return day


def read_time(field: str, typed: str) -> time:
    """Return a time of the day: ``9:30``, ``09:30`` or ``9時30分``.

    Raises:
        InvalidField: ``missing`` or ``not-a-time``.
    """
    found = _TIME.fullmatch(_tidy(field, typed))
    if found is None:
        raise InvalidField(field, "not-a-time")
    hour, minute = map(int, found.groups())
    try:
        return time(hour, minute)
    except ValueError as error:
        raise InvalidField(field, "not-a-time") from error


def read_channel(field: str, typed: str) -> Channel:
    """Return the channel of a name: in full, as lists have it, or as addresses do.

    Raises:
        InvalidField: ``missing`` or ``unknown``.
    """
    tidy = _tidy(field, typed)
    for channel, words in CHANNEL_WORDS.items():
        if tidy == channel.value or tidy.startswith(words.removesuffix("診療等")):
            return channel
    raise InvalidField(field, "unknown")


def read_planned(
    typed: Mapping[str, str], *, channels: Collection[Channel] = tuple(Channel)
) -> Planned:
    """Return the appointment of a form or row with the fields of ``COLUMNS``.

    ``channels`` are those that the facility uses.

    Raises:
        InvalidField: the first field that breaks its rule; ``off``: the channel is not used.
    """
    channel = read_channel("channel", typed.get("channel", ""))
    if channel not in channels:
        raise InvalidField("channel", "off")
    day, hour = read_day("day", typed.get("day", "")), read_time("time", typed.get("time", ""))
    return Planned.of(
        at=datetime.combine(day, hour, JST),
        channel=channel,
        patient_number=typed.get("patient_number", ""),
        name=typed.get("name", ""),
        kana=typed.get("kana", ""),
        birth_date=read_day("birth_date", typed.get("birth_date", "")),
    )


def read_file(
    stream: BinaryIO, *, channels: Collection[Channel] = tuple(Channel)
) -> tuple[Planned, ...]:
    """Return the appointments of a CSV file, all or none; ``channels`` as in ``read_planned``.

    Raises:
        TableUnreadable: it is not the table that was asked for.
        UnfitRows: rows break a rule; each of them is named.
    """
    planned, mistakes = [], []
    for row in read_table(stream, headings=tuple(COLUMNS.values()), most_rows=MOST_ROWS):
        try:
            planned.append(read_planned(_cells(row), channels=channels))
        except InvalidField as error:
            mistakes.append(RowMistake(row.number, error.field, error.rule))
    if mistakes:
        raise UnfitRows(tuple(mistakes))
    return tuple(planned)


def _cells(row: Row) -> Mapping[str, str]:
    return dict(zip(COLUMNS, row.cells, strict=True))


def _tidy(field: str, typed: str) -> str:
    tidy = unicodedata.normalize("NFKC", typed).strip()
    if not tidy:
        raise InvalidField(field, "missing")
    return tidy
