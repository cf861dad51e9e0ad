"""Each language has every message, with the same placeholders, and readings where it needs them."""

import re

import pytest
from babel.messages.pofile import read_po

from tests.patient.messages import all_messages
from zaitaku.blueprints.i18n import LOCALES, read_catalogue
from zaitaku.blueprints.patient.presenters import CHANNEL_NAMES, LABELS
from zaitaku.cardbridge.web import words as bridge_words
from zaitaku.consent.model import Decision, Operator
from zaitaku.consent.wording import Wordings
from zaitaku.core import ruby
from zaitaku.core.languages import Language

TRANSLATED = (Language.EASY_JAPANESE, Language.ENGLISH)
PLACEHOLDER = re.compile(r"%\(\w+\)s")
KANJI = re.compile(r"[㐀-鿿々]")
READING = re.compile(r"\{([^{}|]+)\|([^{}|]+)\}")
EVERY = sorted(all_messages())


def test_there_are_messages() -> None:
    assert len(EVERY) > 200


@pytest.mark.parametrize("language", TRANSLATED)
def test_the_catalogue_has_every_message_and_no_other(language: Language) -> None:
    assert sorted(read_catalogue(LOCALES / language)) == EVERY


@pytest.mark.parametrize("language", TRANSLATED)
def test_no_message_is_empty_doubtful_or_doubled(language: Language) -> None:
    text = (LOCALES / language / "patient.po").read_bytes()
    with (LOCALES / language / "patient.po").open("rb") as file:
        messages = [message for message in read_po(file) if message.id]
    assert all(message.string and not message.fuzzy for message in messages)
    assert text.count(b"\nmsgid ") == len(messages)


@pytest.mark.parametrize("language", TRANSLATED)
def test_the_placeholders_are_the_same(language: Language) -> None:
    for message, translation in read_catalogue(LOCALES / language).items():
        assert sorted(PLACEHOLDER.findall(message)) == sorted(PLACEHOLDER.findall(translation))
        assert PLACEHOLDER.sub("", translation).count("%") == 0


def test_easy_japanese_reads_every_kanji_in_hiragana() -> None:
    for translation in read_catalogue(LOCALES / Language.EASY_JAPANESE).values():
        assert not KANJI.search(READING.sub("", translation)), translation
        for written, reading in READING.findall(translation):
            assert KANJI.search(written), translation
            assert re.fullmatch(r"[ぁ-んー]+", reading), translation


def test_easy_japanese_sentences_are_short() -> None:
    for translation in read_catalogue(LOCALES / Language.EASY_JAPANESE).values():
        sentences = ruby.plain(PLACEHOLDER.sub("", translation)).split("。")
        assert max(len(sentence) for sentence in sentences) <= 50, translation


def test_english_has_no_japanese_but_the_words_on_the_card() -> None:
    for translation in read_catalogue(LOCALES / Language.ENGLISH).values():
        assert not re.search(r"[ぁ-ん]", translation), translation
        assert not KANJI.search(translation.replace("「顔認証」", "")), translation


def test_no_message_blames() -> None:
    for message in EVERY:
        assert "不正" not in message
        assert "無効" not in message


@pytest.mark.parametrize("language", Language)
def test_site_and_bridge_name_channel_and_operator_alike(language: Language) -> None:
    bridge = bridge_words.Words.load().speaker(bridge_words.Language(language.value))
    catalogue = read_catalogue(LOCALES / language)
    said = {f"channel-{channel}": name for channel, name in CHANNEL_NAMES.items()}
    said |= {f"operator-{each}": label for each, (label, _) in LABELS[Operator].items()}
    for name, message in said.items():
        site = ruby.plain(catalogue.get(message, message))
        # Easy Japanese is written with spaces in the bridge, and without them on the site.
        assert bridge.plain(f"summary.{name}").replace(" ", "") == site.replace(" ", "")


SHARED = {
    "common.app": "読み取りアプリ",
    "common.size-standard": "標準",
    "common.size-large": "大",
    "common.size-largest": "特大",
    "summary.channel": "受ける診療",
    "summary.operator": "操作している人",
    "summary.visit-date": "受診日",
}
"""What both name, by the bridge's name for it and the site's message."""


@pytest.mark.parametrize("language", Language)
def test_site_and_bridge_have_one_name_for_one_thing(language: Language) -> None:
    bridge = bridge_words.Words.load().speaker(bridge_words.Language(language.value))
    catalogue = read_catalogue(LOCALES / language)
    for name, message in SHARED.items():
        site = ruby.plain(catalogue.get(message, message)).removeprefix("The ")
        assert bridge.plain(name).replace(" ", "").lower() == site.replace(" ", "").lower()


@pytest.mark.parametrize("language", Language)
def test_an_answer_reads_in_the_bridge_as_it_was_chosen_on_the_site(language: Language) -> None:
    bridge = bridge_words.Words.load().speaker(bridge_words.Language(language.value))
    wordings = Wordings.load()
    for decision in Decision:
        chosen = ruby.plain(wordings.answer(decision, language))
        assert bridge.plain(f"summary.{decision}") == chosen


def test_the_reading_app_has_one_name() -> None:
    bridge = [str(entries) for entries in bridge_words.Words.load().catalogues.values()]
    english = [*read_catalogue(LOCALES / Language.ENGLISH).values(), *bridge]
    other = re.compile(r"(?<!card )\breading app", re.IGNORECASE)
    assert [text for text in english if other.search(text)] == []
    assert [text for text in [*EVERY, *bridge] if "カード読み取りアプリ" in text] == []


def test_no_space_stands_beside_a_figure_in_japanese() -> None:
    easy = read_catalogue(LOCALES / Language.EASY_JAPANESE).values()
    figure = re.compile(r"(?:[0-9]|%\((?:count|total|day)\)s| %\(number\)s) [ぁ-んァ-ヶ一-鿿]")
    texts = [ruby.plain(text) for text in (*EVERY, *easy)]
    # つなぎ方 2 is a name, here and in the bridge.
    found = {text for text in texts if figure.search(text)}
    assert found == {"つなぎ方 %(number)s で始める"}


def test_no_patient_has_to_know_what_open_source_is() -> None:
    easy = read_catalogue(LOCALES / Language.EASY_JAPANESE).values()
    assert [text for text in (*EVERY, *easy) if "オープンソース" in text] == []


def test_a_word_that_lines_cut_is_written_with_its_kanji() -> None:
    # Chromium ends lines within 画面にもどる (に・も・どる).
    assert [message for message in EVERY if re.search("もど[るりっれ]", message)] == []
