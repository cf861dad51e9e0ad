"""Readings in texts: ``{漢字|かんじ}`` becomes ``<ruby>`` on a page and plain text elsewhere."""

import re
from typing import Final

from markupsafe import Markup, escape

_READING: Final = re.compile(r"\{([^{}|]+)\|([^{}|]+)\}")


def plain(text: str) -> str:
    """Return ``text`` without its readings (titles, attributes, digests)."""
    return _READING.sub(r"\1", text)


def markup(text: str) -> Markup:
    """Return ``text`` as safe HTML; everything but the readings is escaped."""
    ruby = r"<ruby>\1<rp>(</rp><rt>\2</rt><rp>)</rp></ruby>"
    return Markup(_READING.sub(ruby, str(escape(text))))  # noqa: S704 - escaped on this line
