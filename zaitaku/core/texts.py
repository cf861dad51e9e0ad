"""What text from outside may hold."""

import unicodedata
from typing import Final

_UNFIT: Final = frozenset({"Cc", "Cs"})
"""Control characters and lone surrogates (Unicode 15, table 4-4)."""


def has_control_characters(text: str) -> bool:
    """Tell whether ``text`` holds what no line of text has: controls or lone surrogates.

    PostgreSQL keeps neither U+0000 nor surrogates, and a terminal obeys escape sequences.
    """
    return any(map(_is_unfit, text))


def without_control_characters(text: str) -> str:
    """Return ``text`` as a page may show it again."""
    return "".join(character for character in text if not _is_unfit(character))


def _is_unfit(character: str) -> bool:
    return unicodedata.category(character) in _UNFIT
