"""A few words for a browser and its system, so that people know their own devices again."""

import re
from typing import Final

UNKNOWN: Final = "種類のわからない端末"

_SYSTEMS: Final = (
    (re.compile("iPhone"), "iPhone"),
    (re.compile("iPad"), "iPad"),
    (re.compile("Android"), "Android"),
    (re.compile("CrOS"), "Chromebook"),
    (re.compile("Windows"), "Windows"),
    (re.compile("Macintosh|Mac OS X"), "Mac"),
    (re.compile("Linux|X11"), "Linux"),
)
_BROWSERS: Final = (
    (re.compile("Edg(e|A|iOS)?/"), "Edge"),
    (re.compile("Firefox/|FxiOS/"), "Firefox"),
    (re.compile("Chrome/|CriOS/|Chromium/"), "Chrome"),
    (re.compile("Safari/"), "Safari"),
)
"""The first that fits: browsers also name those that they descend from."""


def device_label(user_agent: str) -> str:
    """Return system and browser of a ``User-Agent`` header: ``Windows・Edge``. Never its text."""
    names = (_first(table, user_agent) for table in (_SYSTEMS, _BROWSERS))
    return "・".join(filter(None, names)) or UNKNOWN


def _first(table: tuple[tuple[re.Pattern[str], str], ...], text: str) -> str:
    return next((name for pattern, name in table if pattern.search(text)), "")
