"""Days and moments in words, in each language; easy Japanese gives the readings."""

from datetime import date, datetime
from typing import Final

from babel.dates import format_date, format_time

from zaitaku.core.clock import JST
from zaitaku.core.languages import Language

_WEEKDAYS: Final = "月火水木金土日"
_WEEKDAY_READINGS: Final = ("げつ", "か", "すい", "もく", "きん", "ど", "にち")
_MONTH_READINGS: Final = [
    "いち",
    "に",
    "さん",
    "し",
    "ご",
    "ろく",
    "しち",
    "はち",
    "く",
    "じゅう",
    "じゅういち",
    "じゅうに",
]
_FIRST_DAYS: Final = [
    "ついたち",
    "ふつか",
    "みっか",
    "よっか",
    "いつか",
    "むいか",
    "なのか",
    "ようか",
    "ここのか",
    "とおか",
]
_IRREGULAR_DAYS: Final = {14: "じゅうよっか", 20: "はつか", 24: "にじゅうよっか"}
_UNITS: Final = ("", "いち", "に", "さん", "し", "ご", "ろく", "しち", "はち", "く")
_TENS: Final = ("", "じゅう", "にじゅう", "さんじゅう")


def day_text(day: date, language: Language) -> str:
    """Return ``day`` with its weekday: 2026年11月20日（金）; readings in easy Japanese."""
    if language is Language.ENGLISH:
        return format_date(day, "EEEE, d MMMM y", locale="en")
    weekday = day.weekday()
    if language is Language.EASY_JAPANESE:
        return (
            f"{day.year}{{年|ねん}}"
            f"{{{day.month}月|{_MONTH_READINGS[day.month - 1]}がつ}}"
            f"{{{day.day}日|{_day_reading(day.day)}}}"
            f"（{{{_WEEKDAYS[weekday]}|{_WEEKDAY_READINGS[weekday]}}}）"
        )
    return f"{day.year}年{day.month}月{day.day}日（{_WEEKDAYS[weekday]}）"


def moment_text(moment: datetime, language: Language) -> str:
    """Return the day and the minute in Japan."""
    day = day_text(moment.astimezone(JST).date(), language)
    separator = ", " if language is Language.ENGLISH else " "
    return day + separator + clock_text(moment, language)


def clock_text(moment: datetime, language: Language) -> str:
    """Return the minute in Japan."""
    local = moment.astimezone(JST)
    if language is Language.ENGLISH:
        return f"{format_time(local, 'HH:mm', locale='en')} (Japan time)"
    hour, minute = ("{時|じ}", "{分|ふん}") if language is Language.EASY_JAPANESE else ("時", "分")
    return f"{local.hour}{hour}{local.minute:02d}{minute}"


def _day_reading(day: int) -> str:
    if day <= len(_FIRST_DAYS):
        return _FIRST_DAYS[day - 1]
    tens, units = divmod(day, 10)
    return _IRREGULAR_DAYS.get(day, f"{_TENS[tens]}{_UNITS[units]}にち")
