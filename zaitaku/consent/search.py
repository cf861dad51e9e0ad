"""One written form for names that are typed in many ways."""

import unicodedata
from typing import Final

_HIRAGANA: Final = range(ord("ぁ"), ord("ゖ") + 1)
_TO_KATAKANA: Final = {code: code + 0x60 for code in _HIRAGANA}
_DASHES: Final = dict.fromkeys(map(ord, "-‐‑‒–—―−"), None)


def search_form(text: str) -> str:
    """Return ``text`` as it is compared in searches.

    NFKC (full-width and half-width are one), hiragana as katakana, lower case, no white space.
    """
    folded = unicodedata.normalize("NFKC", text).casefold().translate(_TO_KATAKANA)
    return "".join(folded.split())


def digits_form(text: str) -> str:
    """Return the digits of a typed reference number without its hyphens; empty if it is none."""
    digits = search_form(text).translate(_DASHES).replace("ー", "")
    return digits if digits.isascii() and digits.isdigit() else ""
