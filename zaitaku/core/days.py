"""Days as people type them, and as spreadsheets write them again."""

import re
import unicodedata
from datetime import date
from typing import Final

from zaitaku.core.errors import InvalidField

_WAYS: Final = (
    re.compile(r"([0-9]{4})([-/.])([0-9]{1,2})\2([0-9]{1,2})"),
    re.compile(r"([0-9]{4})(年)([0-9]{1,2})月([0-9]{1,2})日"),
    re.compile(r"([0-9]{4})()([0-9]{2})([0-9]{2})"),
)
"""Year, separator, month, day. With one separator missing nobody can tell which day is meant."""


def read_day(field: str, typed: str) -> date:
    """Return a day: ``2026-11-20``, ``2026/11/20``, ``2026年11月20日`` or ``20261120``.

    Raises:
        InvalidField: rule ``not-a-date``.
    """
    tidy = unicodedata.normalize("NFKC", typed).strip()
    found = next((match for each in _WAYS if (match := each.fullmatch(tidy))), None)
    if found is None:
        raise InvalidField(field, "not-a-date")
    try:
        return date(*map(int, found.group(1, 3, 4)))
    except ValueError as error:
        raise InvalidField(field, "not-a-date") from error
