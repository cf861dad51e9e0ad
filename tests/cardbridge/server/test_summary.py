"""What the page shows of a request, and where on the page it leads the patient."""

import re
from dataclasses import replace
from typing import Any

import pytest

from tests.cardbridge.server.rig import Rig, choices, document_of, page_name
from zaitaku import wire
from zaitaku.cardbridge.web.ruby import marked_lines
from zaitaku.cardbridge.web.words import Language
from zaitaku.consent.wording import Wordings

QUESTION = "手術の情報を見せますか"
EXPLANATION = "説明です。\n二つめです。"
MARKED = (
    "{手術|しゅじゅつ}の{情報|じょうほう}を{見|み}せますか\n"
    "{説明|せつめい}です。\n{二|ふた}つめです。"
)
RUBY = "<ruby>手術<rp>(</rp><rt>しゅじゅつ</rt><rp>)</rp></ruby>"


def shown(rig: Rig, choice: wire.Choice, **changes: Any) -> str:
    """Return the page that asks for one choice."""
    language = str(changes.get("language", "ja"))
    entry = {name: value for name, value in vars(choice).items() if value != ""}
    document = document_of((choice,), language=language)
    page = rig.opened(document=document, choices=[entry], **changes).page()
    assert page_name(page) == "pin"
    return page.text


def test_readings_are_shown_beside_the_words_that_are_signed(rig: Rig) -> None:
    choice = wire.Choice("surgery", f"{QUESTION}\n{EXPLANATION}", True, MARKED)
    page = shown(rig, choice, language="ja-x-yasashii")
    assert RUBY in page
    assert "<ruby>説明<rp>" in page.split('class="wording"')[1]


@pytest.mark.parametrize(
    "marked",
    [
        "",
        MARKED + "！",
        MARKED.replace("見せます", "見せません"),
        MARKED.replace("\n", "", 1),
        MARKED.replace("手術|", "健診|"),
        MARKED.replace("じょうほう", "この欄は見せません"),
        MARKED.replace("じょうほう", "not shown"),
        MARKED.replace("じょうほう", "じょうほうこのらんはみせません"),
        MARKED.replace("見|み", "見|み "),
        MARKED.replace("せますか", "{せますか|せません}"),
        MARKED.replace("{二|ふた}つ", "{二つ|ふたつ}"),
        "{手術の情報を見せますか\n説明です。|しゅじゅつ}\n二つめです。",
    ],
)
def test_other_words_than_the_signed_ones_are_never_shown(marked: str) -> None:
    question, explanation = marked_lines(f"{QUESTION}\n{EXPLANATION}", marked)
    for line, signed in ((question, QUESTION), (explanation, EXPLANATION)):
        without = re.sub("<rp>[^<]*</rp>|<rt>[^<]*</rt>", "", line)
        assert re.sub("<[^>]*>", "", without) == signed

    for line in (question, explanation):
        for reading in re.findall("<rt>([^<]*)</rt>", line):
            assert reading in MARKED


def test_wordings_are_text_and_no_markup() -> None:
    line, _ = marked_lines("<b>手術", "<b>{手術|しゅ}")
    assert "&lt;b&gt;<ruby>手術<rp>(</rp><rt>しゅ</rt><rp>)</rp></ruby>" in line
    assert "<b>" not in line
    assert marked_lines("<b>手術", "<b>{手術|<i>しゅ}")[0] == "&lt;b&gt;手術"


def test_every_reading_of_the_published_wordings_is_shown() -> None:
    wordings = [text for text in Wordings.load().all() if text.ref.language.startswith("ja-x")]
    assert wordings
    for text in wordings:
        marked = "\n".join((text.question, *text.explanation))
        shown = "\n".join(marked_lines(text.text, marked))
        assert shown.count("<rt>") == marked.count("|") > 0


@pytest.mark.parametrize(
    ("operator", "words"),
    [("self", "本人"), ("legal-representative", "法定代理人"), ("companion", "付き添いの人")],
)
def test_who_handles_the_screen_is_shown(rig: Rig, operator: str, words: str) -> None:
    document = document_of(choices(), operator=operator)
    assert f"<dt>操作している人</dt><dd>{words}</dd>" in rig.opened(document=document).page().text


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("operator", sorted(wire.OPERATORS))
def test_every_operator_has_words_in_every_language(
    rig: Rig, operator: str, language: Language
) -> None:
    words = rig.app.extensions["zaitaku-bridge"].words.speaker(language)
    assert words.plain(f"summary.operator-{operator}")


def test_the_explanation_is_named_as_a_part_of_what_is_sent(rig: Rig) -> None:
    page = rig.opened().page().text
    assert page.count("それぞれの説明の文も、一緒に送られます。") == 1
    assert page.count("説明を読む") == len(choices())


def test_tries_and_the_way_to_the_pin_stand_before_the_summary(rig: Rig) -> None:
    page = rig.opened().page().text
    jump = page.index('<a class="button" href="#pin">暗証番号を入れる</a>')
    assert page.index("あと3回") < jump < page.index('class="summary"') < page.index('id="pin"')


@pytest.mark.parametrize(
    "changes",
    [
        {"document": document_of(choices(), facility="病院\u202e")},
        {"document": document_of(choices(), facility="あ" * 101)},
        {"document": document_of(choices(), facility="\u3164")},
        {"document": document_of(choices(), facility="架空\u034f")},
        {"document": document_of(choices(), facility="A" + "\u0301" * 90)},
        {"document": document_of(choices(), language="en")},
        {
            "document": document_of(
                (),
            ),
            "choices": [],
        },
    ],
)
def test_what_cannot_be_read_as_it_stands_is_refused(rig: Rig, changes: dict[str, Any]) -> None:
    assert page_name(rig.read(rig.token(**changes))) == "malformed"


def test_a_wording_that_turns_its_neighbours_round_is_refused(rig: Rig) -> None:
    turned = replace(choices()[0], wording="見せ\u202eんせま\u202c")
    entry = {"item": turned.item, "wording": turned.wording, "granted": turned.granted}
    token = rig.token(document=document_of((turned,)), choices=[entry])
    assert page_name(rig.read(token)) == "malformed"
