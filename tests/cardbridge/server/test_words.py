"""The three catalogues say the same things, and say them in the right way."""

import html
import re
from collections.abc import Iterator
from datetime import date, datetime
from string import Template

import hypothesis.strategies as st
import pytest
from hypothesis import given
from markupsafe import Markup

from zaitaku.cardbridge.trust import failures
from zaitaku.cardbridge.trust.failures import BridgeError
from zaitaku.cardbridge.web import ruby
from zaitaku.cardbridge.web.words import Language, Words, known_language

WORDS = Words.load()
KANJI = re.compile(r"[\u3400-\u9fff々]")
FORBIDDEN = re.compile(r"不正|無効|エラーコード|[Ii]nvalid|[Ii]llegal")


def texts(language: Language) -> Iterator[tuple[str, str]]:
    for section, entries in WORDS.catalogues[language].items():
        for key, value in entries.items():
            for text in value if isinstance(value, list) else [value]:
                yield f"{section}.{key}", text


def shape(language: Language) -> dict[str, set[str]]:
    """Which texts there are, and which facts each section's text takes."""
    found: dict[str, set[str]] = {}
    for name, text in texts(language):
        found.setdefault(name, set()).update(Template(text).get_identifiers())
    return found


@pytest.mark.parametrize("language", Language)
def test_every_catalogue_has_the_same_texts_with_the_same_facts(language: Language) -> None:
    assert shape(language) == shape(Language.JAPANESE)


@pytest.mark.parametrize("language", Language)
def test_no_text_blames_or_mystifies(language: Language) -> None:
    assert [name for name, text in texts(language) if FORBIDDEN.search(text)] == []
    assert [name for name, text in texts(language) if not text.strip()] == []


def test_easy_japanese_gives_a_reading_for_every_kanji() -> None:
    without = {name: re.sub(r"\{[^{}]*\}", "", text) for name, text in easy()}
    assert {name: text for name, text in without.items() if KANJI.search(text)} == {}


def test_easy_japanese_reads_in_hiragana_and_only_kanji_carry_readings() -> None:
    for name, text in easy():
        for written, reading in re.findall(r"\{([^{}|]*)\|([^{}|]*)\}", text):
            assert re.fullmatch(r"[ぁ-ん]+", reading), name
            assert KANJI.search(written), name
        assert not set(ruby.plain(text)) & set("{}|"), name


def easy() -> list[tuple[str, str]]:
    return list(texts(Language.EASY_JAPANESE))


def test_easy_japanese_keeps_its_sentences_short() -> None:
    for name, text in easy():
        for sentence in ruby.plain(text).split("。"):
            assert len(sentence) <= 50, name


def test_english_has_no_japanese_left_but_the_names_of_documents() -> None:
    named = re.compile(r"[（(](?:資格確認書|利用者証明用電子証明書)[）)]")
    left = {name for name, text in texts(Language.ENGLISH) if KANJI.search(named.sub("", text))}
    assert left == set()


def test_every_refusal_has_a_page_that_says_what_to_do() -> None:
    kinds = [
        kind
        for kind in vars(failures).values()
        if isinstance(kind, type) and issubclass(kind, BridgeError)
    ]
    assert len(kinds) > 15
    for kind in kinds:
        assert WORDS.has(kind.page), kind
        assert WORDS.speaker(Language.JAPANESE).text(f"{kind.page}.title")
        assert WORDS.catalogues[Language.JAPANESE][kind.page]["steps"]


def test_no_two_pages_share_a_title() -> None:
    for language in Language:
        titles = [text for name, text in texts(language) if name.endswith(".title")]
        assert len(titles) == len(set(titles))


def test_facts_are_escaped_and_moments_are_said_in_words() -> None:
    english = WORDS.speaker(Language.ENGLISH)
    shown = english.lines("foreign-origin.body", origin="<b>{漢|かん}$here")[0]
    assert "&lt;b&gt;{漢|かん}$here" in shown
    moment = datetime(2026, 11, 20, 9, 5).astimezone()
    [line, *_] = WORDS.speaker(Language.JAPANESE).lines("clock.body", here=moment, there=moment)
    assert line.count("2026年11月20日 9時05分") == 2


def test_easy_japanese_reads_days_and_moments_as_people_say_them() -> None:
    easy = WORDS.speaker(Language.EASY_JAPANESE)
    shown = str(easy.day(date(2026, 4, 20)))
    assert "<rt>しがつ</rt>" in shown
    assert "<rt>はつか</rt>" in shown
    moment = datetime(2026, 11, 20, 4, 10).astimezone()
    [line, *_] = easy.lines("clock.body", here=moment, there=moment)
    for reading in ("じゅういちがつ", "はつか", "よじ", "ぷん"):
        assert line.count(f"<rt>{reading}</rt>") == 2


def test_ruby_escapes_everything_but_the_readings() -> None:
    assert ruby.markup("& <{<漢>|か&n}> い") == Markup(
        '&amp; <span class="phrase">'
        "&lt;<ruby>&lt;漢&gt;<rp>(</rp><rt>か&amp;n</rt><rp>)</rp></ruby>&gt;</span> い"
    )


@given(st.text("{}| 漢か。、\n\u3000<&"))
def test_no_character_is_lost_beside_the_readings(text: str) -> None:
    shown = re.sub("(?s)<rp>.*?</ruby>", "", str(ruby.markup(text)))
    assert html.unescape(re.sub("<[^>]*>", "", shown)) == ruby.plain(text)


def test_readings_are_plain_where_markup_cannot_be() -> None:
    assert ruby.plain("{漢字|かんじ}を {読|よ}む") == "漢字を 読む"


@pytest.mark.parametrize("tag", ["", "fr", "JA", "ja-jp", "en-GB"])
def test_only_our_own_tags_are_languages(tag: str) -> None:
    assert known_language(tag) is None
