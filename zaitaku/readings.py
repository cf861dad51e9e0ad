"""How days and times are read aloud in Japanese: ``{4時|よじ}``, ``10{分|ぷん}``.

The notation is that of the pages' texts: ``{written|reading}`` becomes ``<ruby>``. Site and card
bridge both speak easy Japanese, so it stands below both and needs the standard library alone.
"""

from typing import Final

_UNITS: Final = ("", "いち", "に", "さん", "し", "ご", "ろく", "しち", "はち", "く")
_TENS: Final = ("", "じゅう", "にじゅう", "さんじゅう")
_FIRST_DAYS: Final = (
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
)
_IRREGULAR_DAYS: Final = {14: "じゅうよっか", 20: "はつか", 24: "にじゅうよっか"}
_IRREGULAR_HOURS: Final = {0: "れい", 4: "よ", 14: "じゅうよ"}
_PLAIN_MINUTES: Final = frozenset({2, 5, 7, 9})
"""Last digits after which 分 is read ふん; after the others it is ぷん."""


def month(number: int) -> str:
    """Return a month of the year with its reading: ``{4月|しがつ}``."""
    return f"{{{number}月|{_number(number)}がつ}}"


def day(number: int) -> str:
    """Return a day of the month with its reading: ``{20日|はつか}``."""
    if number <= len(_FIRST_DAYS):
        reading = _FIRST_DAYS[number - 1]
    else:
        reading = _IRREGULAR_DAYS.get(number, f"{_number(number)}にち")
    return f"{{{number}日|{reading}}}"


def hour(number: int) -> str:
    """Return an hour of the day (0 to 23) with its reading: ``{19時|じゅうくじ}``."""
    return f"{{{number}時|{_IRREGULAR_HOURS.get(number, _number(number))}じ}}"


def minutes(count: int, *, digits: int = 1) -> str:
    """Return minutes, with how 分 is read after ``count``; at least ``digits`` are written.

    0 alone is れいふん; 10, 20 and so on end in っぷん.
    """
    is_plain = count == 0 or count % 10 in _PLAIN_MINUTES
    return f"{count:0{digits}d}{{分|{'ふん' if is_plain else 'ぷん'}}}"


def _number(number: int) -> str:
    tens, units = divmod(number, 10)
    return _TENS[tens] + _UNITS[units]
