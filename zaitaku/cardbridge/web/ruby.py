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
_PHRASE: Final = re.compile(r"(?:\{[^{}|]+\|[^{}|]+\}|[^ 。、\u3000])+[。、]*|[ 。、\u3000]+")
_IN_ONE_PIECE: Final = Markup('<span class="phrase">{}</span>')
"""Browsers break lines beside a ruby wherever they like."""
_RUBY: Final = Markup("<ruby>{}<rp>(</rp><rt>{}</rt><rp>)</rp></ruby>")


def plain(text: str) -> str:
    """Return ``text`` without its readings (titles, attributes)."""
    return _READING.sub(r"\1", text)


def markup(text: str) -> Markup:
    """Return ``text`` as safe HTML; everything but the readings is escaped.

    A phrase with a reading (分かち書き: what stands between two spaces) stays on one line.
    """
    phrases = (one[0] for one in _PHRASE.finditer(text))
    return Markup("").join(
        _IN_ONE_PIECE.format(_ruby(one)) if _READING.search(one) else escape(one) for one in phrases
    )


def _ruby(text: str) -> Markup:
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
