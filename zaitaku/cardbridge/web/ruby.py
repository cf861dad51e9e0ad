"""Readings in texts: ``{漢字|かんじ}`` becomes ``<ruby>`` on a page and plain text elsewhere."""

import re
from typing import Final

from markupsafe import Markup, escape

_READING: Final = re.compile(r"\{([^{}|]+)\|([^{}|]+)\}")
_WORD: Final = re.compile(r"[々〆ヶ\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff0-9０-９]+")
"""What has a reading: ideographs, and digits as in 1日."""
_KANA: Final = re.compile(r"[ぁ-ゖァ-ヺー・]+")
KANA_FOR_EACH: Final = 3
KANA_BESIDES: Final = 2
"""A reading is at most so long: 間 has three kana, 承る five for its one, 情報 never a sentence."""
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

    The readings come from ``marked``, where that is the very same text but for them and each is
    nothing but kana, no more than its word can have: what is signed is the wording, and nothing
    else may stand on the page in its place or beside it.
    """
    question, _, explanation = wording.partition("\n")
    marked_question, _, marked_explanation = marked.partition("\n")
    return _marked(question, marked_question), _marked(explanation, marked_explanation)


def _marked(text: str, marked: str) -> Markup:
    is_honest = all(_is_reading(*found.groups()) for found in _READING.finditer(marked))
    return markup(marked) if is_honest and plain(marked) == text else escape(text)


def _is_reading(word: str, reading: str) -> bool:
    longest = KANA_FOR_EACH * len(word) + KANA_BESIDES
    return bool(_WORD.fullmatch(word) and _KANA.fullmatch(reading)) and len(reading) <= longest
