"""Half and full width: people type either, the rules of domain.md §5 want one of them."""

import unicodedata
from typing import Final

_FIRST_PRINTABLE: Final = 0x21
_LAST_PRINTABLE: Final = 0x7E
_TO_FULL_WIDTH: Final = 0xFEE0
_TO_KATAKANA: Final = {code: code + 0x60 for code in range(0x3041, 0x3097)}


def half_width(text: str) -> str:
    """Return ``text`` without outer spaces, its full-width letters and digits made half-width."""
    return unicodedata.normalize("NFKC", text).strip()


def full_width(text: str) -> str:
    """Return ``text`` without outer spaces, its half-width characters made full-width."""
    return "".join(_widened(character) for character in half_width(text))


def katakana(text: str) -> str:
    """Return ``text`` with its hiragana made katakana (Unicode 15: U+3041–3096 to U+30A1–30F6)."""
    return text.translate(_TO_KATAKANA)


def _widened(character: str) -> str:
    is_half = _FIRST_PRINTABLE <= ord(character) <= _LAST_PRINTABLE
    return chr(ord(character) + _TO_FULL_WIDTH) if is_half else character
