"""Names, telephone numbers and hours as they are written on screens and posters.

Each ``check_…`` returns the value in its kept form or raises ``InvalidField`` with the field's name
and the broken rule, so that what is saved can always be printed.
"""

import re
import unicodedata
from typing import Final

from zaitaku import wire
from zaitaku.core.errors import InvalidField
from zaitaku.facilities.errors import UnprintableCharacters
from zaitaku.facilities.fonts import printable_characters

NAME_CHARACTERS: Final = 60
"""Longest name: as long as a poster shows well."""
HOURS_CHARACTERS: Final = 80
PHONE_DIGITS: Final = (10, 11)
"""電気通信番号規則: ten digits, eleven for 050, 070, 080 and 090 numbers."""

# Half-width and full-width shapes are what people type; a code point of its own for a dakuten is
# what macOS writes. Full NFC would also swap 神 (U+FA19) for 神, another shape of a legal name.
_DETACHED_DAKUTEN: Final = re.compile(r".[\u3099\u309a]")
_HYPHENS: Final = re.compile(r"[-‐‑‒–—―−ー－ｰ()（）\s]+")
_PHONE: Final = re.compile(r"0\d+(-\d{1,4}){0,3}")


def check_name(name: str, field: str = "registered_name") -> str:
    """Return a facility's name in its kept form: one line, single blanks, composed kana.

    Raises:
        InvalidField: rule ``required`` or ``too-long`` (over 60 characters).
        UnprintableCharacters: the posters' font lacks a character, or nobody could read it; they
            are named.
    """
    tidy = _tidy(name)
    if not tidy:
        raise InvalidField(field, "required")
    return _check_text(tidy, field, NAME_CHARACTERS)


def check_display_name(name: str) -> str:
    """Return the name for the Web in its kept form; it may be empty (see ``check_name``)."""
    return check_name(name, "display_name") if name.strip() else ""


def check_hours(hours: str) -> str:
    """Return opening hours in their kept form; they may be empty.

    Raises:
        InvalidField: rule ``too-long`` (over 80 characters).
        UnprintableCharacters: the posters' font lacks a character.
    """
    return _check_text(_tidy(hours), "hours", HOURS_CHARACTERS)


def check_phone(phone: str) -> str:
    """Return a telephone number in its kept form: ASCII digits, groups joined by hyphens.

    Full-width digits, any kind of hyphen, brackets and blanks are accepted.

    Raises:
        InvalidField: rule ``required`` or ``phone`` (not a Japanese number of 10 or 11 digits).
    """
    tidy = _HYPHENS.sub("-", unicodedata.normalize("NFKC", phone).strip()).strip("-")
    if not tidy:
        raise InvalidField("phone", "required")
    digits = tidy.replace("-", "")
    if not tidy.isascii() or not _PHONE.fullmatch(tidy) or len(digits) not in PHONE_DIGITS:
        raise InvalidField("phone", "phone")
    return tidy


def _tidy(text: str) -> str:
    composed = _DETACHED_DAKUTEN.sub(
        lambda found: unicodedata.normalize("NFC", found.group()), text
    )
    return " ".join(part for part in re.split(r"[ \t\r\n]+", composed.strip()) if part)


def _check_text(text: str, field: str, longest: int) -> str:
    if len(text) > longest:
        raise InvalidField(field, "too-long")
    unfit = {character for character in text if not _is_fit(character)}
    if unfit or (text and not wire.is_readable(text)):
        raise UnprintableCharacters(field, "".join(sorted(unfit or set(text))))
    return text


def _is_fit(character: str) -> bool:
    # What a bridge refuses to show (a soft hyphen, say) would keep every card from being read.
    return ord(character) in printable_characters() and wire.is_readable(f"あ{character}")
