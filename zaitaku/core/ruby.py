"""Readings in texts: ``{漢字|かんじ}`` becomes ``<ruby>`` on a page and plain text elsewhere."""

import re
from functools import lru_cache
from typing import Final

from markupsafe import Markup, escape

_REMEMBERED: Final = 4096
"""Texts whose forms are kept: more than all catalogues have."""
_READING: Final = re.compile(r"\{([^{}|]+)\|([^{}|]+)\}")
_STEM: Final = "みりきちびいけれめえせべ"
"""Between two kanji with readings, these go on with a verb: {読|よ}み{取|と}る."""
_NEXT_WORD: Final = re.compile(
    rf"(?<=[ぁ-ん])(?<![おご])(?<!\}}[{_STEM}])(?=\{{[^{{}}|]+\|)"
    r"|(?<=[ぁ-ん])(?=[ァ-ヶ]|とき[はにも]|こと[がはを]|ください)"
)
"""Where a kanji or katakana word, or one of the longest endings, follows hiragana."""


@lru_cache(maxsize=_REMEMBERED)
def plain(text: str) -> str:
    """Return ``text`` without its readings (titles, attributes, digests)."""
    return _READING.sub(r"\1", text)


def bracketed(text: str) -> str:
    """Return ``text`` with its readings in brackets, for files without markup: 受付(うけつけ)."""
    return _READING.sub(r"\1(\2)", text)


@lru_cache(maxsize=_REMEMBERED)
def markup(text: str) -> Markup:
    """Return ``text`` as safe HTML; everything but the readings is escaped.

    Browsers find no phrases in a text with readings, so it is said where its lines may end
    (``word-break: keep-all`` goes with it).
    """
    ruby = r"<ruby>\1<rp>(</rp><rt>\2</rt><rp>)</rp></ruby>"
    safe = str(escape(text))
    if _READING.search(safe):
        safe = _NEXT_WORD.sub("<wbr>", safe)
    return Markup(_READING.sub(ruby, safe))  # noqa: S704 - escaped  # nosec B704
