"""Readings in texts: ``{漢字|かんじ}`` becomes ``<ruby>`` on a page and plain text elsewhere."""

import re
from typing import Final

from markupsafe import Markup

_READING: Final = re.compile(r"\{([^{}|]+)\|([^{}|]+)\}")
_RUBY: Final = Markup("<ruby>{}<rp>(</rp><rt>{}</rt><rp>)</rp></ruby>")


def plain(text: str) -> str:
    """Return ``text`` without its readings (titles, attributes)."""
    return _READING.sub(r"\1", text)


def markup(text: str) -> Markup:
    """Return ``text`` as safe HTML; everything but the readings is escaped."""
    html = Markup("")
    position = 0
    for reading in _READING.finditer(text):
        html += text[position : reading.start()]
        html += _RUBY.format(reading[1], reading[2])
        position = reading.end()
    return html + text[position:]
