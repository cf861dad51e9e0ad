"""Readings in texts: ``{漢字|かんじ}`` becomes ``<ruby>`` on a page and plain text elsewhere."""

import re
from typing import Final

from markupsafe import Markup, escape

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


def marked_lines(wording: str, marked: str) -> tuple[Markup, Markup]:
    """Return the question and the explanation of ``wording`` as safe HTML.

    The readings come from ``marked``, where that is the very same text but for them: what is signed
    is the wording, and nothing else may stand on the page in its place.
    """
    question, _, explanation = wording.partition("\n")
    marked_question, _, marked_explanation = marked.partition("\n")
    return _marked(question, marked_question), _marked(explanation, marked_explanation)


def _marked(text: str, marked: str) -> Markup:
    return markup(marked) if plain(marked) == text else escape(text)
