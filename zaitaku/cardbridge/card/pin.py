"""From what was typed to four digits, before any card is touched."""

import unicodedata
from typing import Final

from zaitaku.cardbridge.card.jpki import PIN_DIGITS

_FILLERS: Final = frozenset(" \t\u3000-‐‑–—−ー－・.")


def pin_from(typed: str) -> bytearray | None:
    """Return the PIN as ASCII digits, or None when it is not exactly four digits.

    Full-width digits, spaces and hyphens are taken as what they mean. The caller wipes the result;
    the text that the form library made cannot be wiped and is not kept anywhere.
    """
    values = [unicodedata.decimal(one, -1) for one in typed if one not in _FILLERS]
    if len(values) != PIN_DIGITS or min(values) < 0:
        return None  # before a buffer is made that nobody would wipe
    return bytearray(ord("0") + value for value in values)
