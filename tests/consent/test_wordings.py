"""The published texts: complete, frozen, and fit for whoever reads them."""

import json
import re
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest

from zaitaku.consent.errors import UnknownWording
from zaitaku.consent.model import ConsentItem, Decision, WordingRef
from zaitaku.consent.questions import wording_ids
from zaitaku.consent.wording import NOTICE_ID, Wordings, exact_text
from zaitaku.core.languages import Language
from zaitaku.core.ruby import plain

PUBLISHED = Path(__file__).parent / "published_wordings.json"
IDS = sorted({NOTICE_ID}.union(*(wording_ids(item) for item in ConsentItem)))
READING = re.compile(r"\{([^{}|]+)\|([^{}|]+)\}")
KANJI = re.compile(r"[\u3400-\u9fff々]")
LONGEST_EASY_SENTENCE = 60


def test_no_published_text_was_changed_or_lost(wordings: Wordings) -> None:
    # A changed sentence is a new version with a new line here; a line that stands never changes.
    # Readings are no part of the text: they may be corrected in place.
    present = {
        f"{text.ref.id} {text.ref.version} {text.ref.language}": [
            text.ref.sha256,
            plain(text.label),
        ]
        for text in wordings.all()
    }
    assert present == json.loads(PUBLISHED.read_text("utf-8"))


@pytest.mark.parametrize(("wording_id", "language"), list(product(IDS, Language)))
def test_every_text_is_there_in_every_language(
    wordings: Wordings, wording_id: str, language: Language
) -> None:
    text = wordings.current(wording_id, language)
    assert (text.ref.id, text.ref.language) == (wording_id, language)
    assert wordings.at(wording_id, text.ref.version, language) == text
    assert wordings.published(text.ref) == text


def test_no_text_is_left_that_nothing_asks(wordings: Wordings) -> None:
    assert {text.ref.id for text in wordings.all()} == set(IDS)


def test_digest_is_of_heading_and_paragraphs_without_readings(wordings: Wordings) -> None:
    text = wordings.current("surgery", Language.EASY_JAPANESE)
    assert "{" not in text.text
    assert text.text.split("\n") == [plain(part) for part in (text.question, *text.explanation)]
    assert exact_text("{漢字|かんじ}", ["か", "{名|な}"]) == "漢字\nか\n名"


@pytest.mark.parametrize(
    ("item", "contents"),
    [
        (ConsentItem.SURGERY, ("傷病名", "感染症")),
        (ConsentItem.CLINICAL, ("お薬のアレルギー", "そのほかのアレルギー", "検査")),
        (ConsentItem.MEDICATION, ("処方",)),
    ],
)
def test_bracketed_contents_stand_only_in_the_wider_wording(
    wordings: Wordings, item: ConsentItem, contents: tuple[str, ...]
) -> None:
    narrow = wordings.current(item, Language.JAPANESE)
    wide = wordings.current(f"{item}-with-chart", Language.JAPANESE)
    for content in contents:
        assert content not in narrow.text
        assert content in wide.text
    assert narrow.label != wide.label
    assert set(narrow.explanation) < set(wide.explanation)


MEDICAL = ("surgery", "clinical", "medication", "checkup")
SAYS = {
    Language.JAPANESE: ("この施設に提供", "診察や健康管理", "同意しなくても"),
    Language.EASY_JAPANESE: ("この施設は、この情報を", "健康を守る", "「いいえ」でも"),
    Language.ENGLISH: ("given to this facility", "health care", "If you do not agree"),
}


@pytest.mark.parametrize(("wording_id", "language"), list(product(MEDICAL, Language)))
def test_medical_questions_say_whereto_what_for_and_that_refusing_is_safe(
    wordings: Wordings, wording_id: str, language: Language
) -> None:
    text = wordings.current(wording_id, language).text
    assert all(phrase in text for phrase in SAYS[language])


def test_the_notice_asks_nothing_and_the_questions_ask(wordings: Wordings) -> None:
    for text in wordings.all():
        asks = text.question.endswith(("？", "?"))
        assert asks == (text.ref.id != NOTICE_ID)


def test_answers_stand_in_every_language(wordings: Wordings) -> None:
    assert wordings.answer(Decision.GRANT, Language.JAPANESE) == "同意する"
    assert wordings.answer(Decision.REFUSE, Language.JAPANESE) == "同意しない"
    for language in Language:
        answers = {wordings.answer(decision, language) for decision in Decision}
        assert len(answers) == len(Decision)


def _easy(wordings: Wordings) -> Iterator[str]:
    for text in wordings.all():
        if text.ref.language is Language.EASY_JAPANESE:
            yield from (text.label, text.question, *text.explanation)
    yield from (wordings.answer(decision, Language.EASY_JAPANESE) for decision in Decision)


def test_easy_japanese_has_a_reading_on_every_kanji(wordings: Wordings) -> None:
    for part in _easy(wordings):
        assert not KANJI.search(READING.sub("", part)), part
        for written, reading in READING.findall(part):
            assert KANJI.search(written), part
            assert re.fullmatch(r"[ぁ-ゖー]+", reading), part


def test_easy_japanese_says_one_thing_in_a_sentence(wordings: Wordings) -> None:
    for part in _easy(wordings):
        for sentence in re.split(r"[。？]", plain(part)):
            assert len(sentence) <= LONGEST_EASY_SENTENCE, sentence


def test_readings_stand_in_easy_japanese_alone(wordings: Wordings) -> None:
    for text in wordings.all():
        if text.ref.language is not Language.EASY_JAPANESE:
            assert "{" not in "".join((text.label, text.question, *text.explanation))


def test_unknown_texts_are_refused(wordings: Wordings) -> None:
    with pytest.raises(UnknownWording):
        wordings.current("blood-type", Language.JAPANESE)
    with pytest.raises(UnknownWording):
        wordings.at("surgery", 99, Language.JAPANESE)
    known = wordings.current("surgery", Language.JAPANESE).ref
    with pytest.raises(UnknownWording):
        wordings.published(WordingRef(known.id, known.version, known.language, "0" * 64))


def _catalogue(folder: Path, body: str) -> Path:
    head = '[answers]\ngrant = "yes"\nrefuse = "no"\n'
    for language in Language:
        (folder / f"{language}.toml").write_text(head + body, "utf-8")
    return folder


VERSION = '[[surgery]]\nversion = {}\nlabel = "L"\nquestion = "Q{}?"\nexplanation = ["E"]\n'


def test_old_versions_stay_readable_beside_the_new_one(tmp_path: Path) -> None:
    wordings = Wordings.load(_catalogue(tmp_path, VERSION.format(1, 1) + VERSION.format(2, 2)))
    assert wordings.current("surgery", Language.ENGLISH).question == "Q2?"
    assert wordings.at("surgery", 1, Language.ENGLISH).question == "Q1?"


@pytest.mark.parametrize(
    "body",
    [
        VERSION.format(2, 1),
        VERSION.format(1, 1) + VERSION.format(1, 1),
        VERSION.format(1, 1) + VERSION.format(3, 3),
        VERSION.format(1, 1).replace('"Q1?"', '" "'),
        VERSION.format(1, 1).replace('["E"]', "[]"),
        VERSION.format(1, 1).replace('label = "L"\n', ""),
    ],
)
def test_an_incomplete_catalogue_does_not_load(tmp_path: Path, body: str) -> None:
    with pytest.raises(ValueError, match=r"missing|versions|explanation"):
        Wordings.load(_catalogue(tmp_path, body))
