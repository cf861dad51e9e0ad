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
    digits = bytearray()
    for character in typed:
        if character in _FILLERS:
            continue
        value = unicodedata.decimal(character, -1)
        if value < 0 or len(digits) == PIN_DIGITS:
            return None
        digits.append(ord("0") + value)
    return digits if len(digits) == PIN_DIGITS else None
