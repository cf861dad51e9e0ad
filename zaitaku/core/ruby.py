"""Readings in texts: ``{漢字|かんじ}`` becomes ``<ruby>`` on a page and plain text elsewhere."""

import re
from functools import lru_cache
from typing import Final

from markupsafe import Markup, escape

_REMEMBERED: Final = 4096
"""Texts whose forms are kept: more than all catalogues have."""
_READING: Final = re.compile(r"\{([^{}|]+)\|([^{}|]+)\}")


@lru_cache(maxsize=_REMEMBERED)
def plain(text: str) -> str:
    """Return ``text`` without its readings (titles, attributes, digests)."""
    return _READING.sub(r"\1", text)


@lru_cache(maxsize=_REMEMBERED)
def markup(text: str) -> Markup:
    """Return ``text`` as safe HTML; everything but the readings is escaped."""
    ruby = r"<ruby>\1<rp>(</rp><rt>\2</rt><rp>)</rp></ruby>"
    return Markup(_READING.sub(ruby, str(escape(text))))  # noqa: S704 - escaped on this line
