"""Days and moments in words, in each language; easy Japanese gives the readings."""

from datetime import date, datetime
from typing import Final

from babel.dates import format_date, format_time

from zaitaku import readings
from zaitaku.core.clock import JST
from zaitaku.core.languages import Language

_WEEKDAYS: Final = "月火水木金土日"
_WEEKDAY_READINGS: Final = ("げつ", "か", "すい", "もく", "きん", "ど", "にち")


def day_text(day: date, language: Language) -> str:
    """Return ``day`` with its weekday: 2026年11月20日（金）; readings in easy Japanese."""
    if language is Language.ENGLISH:
        return format_date(day, "EEEE, d MMMM y", locale="en")
    weekday = day.weekday()
    if language is Language.EASY_JAPANESE:
        return (
            f"{day.year}{{年|ねん}}"
            f"{readings.month(day.month)}{readings.day(day.day)}"
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
    if language is Language.EASY_JAPANESE:
        return readings.hour(local.hour) + readings.minutes(local.minute, digits=2)
    return f"{local.hour}時{local.minute:02d}分"


def minutes_text(count: int, language: Language) -> str:
    """Return how long ``count`` minutes are: 10分; the reading in easy Japanese."""
    if language is Language.ENGLISH:
        return f"{count} minute" if count == 1 else f"{count} minutes"
    return readings.minutes(count) if language is Language.EASY_JAPANESE else f"{count}分"
