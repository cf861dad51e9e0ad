"""Every page, in every language, as HTML: strict, one h1, a title that begins with it."""

import re
import time
from collections import Counter
from collections.abc import Callable

import html5lib
import pytest
from werkzeug.test import TestResponse

from tests.cardbridge.cards import PIN, WRONG_PIN
from tests.cardbridge.server.rig import Rig, choices, document_of, page_name
from tests.cardbridge.server.test_card import TroubledReaders
from zaitaku.cardbridge.card.transport import NoReader
from zaitaku.cardbridge.reading.desk import IDLE_SECONDS
from zaitaku.cardbridge.virtual.reader import VirtualReader
from zaitaku.cardbridge.web import ruby
from zaitaku.cardbridge.web.words import Language


def lint(answer: TestResponse) -> None:
    """Fail on what no page of ours may be."""
    parser = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False)
    tree = parser.parse(answer.get_data())
    for reading in [*tree.iter("rt"), *tree.iter("rp")]:
        reading.text = ""
    headings = ["".join(heading.itertext()).strip() for heading in tree.iter("h1")]
    assert len(headings) == 1
    title = "".join(tree.find("head/title").itertext())
    assert re.sub("^(エラー：|Error: )", "", title).startswith(headings[0])
    identifiers = Counter(node.get("id") for node in tree.iter() if node.get("id"))
    assert [name for name, count in identifiers.items() if count > 1] == []
    inline = [node.tag for node in tree.iter() if node.get("style") or node.get("onclick")]
    assert inline == []
    assert "{" not in "".join(tree.find("body").itertext())
    assert "$" not in "".join(tree.find("body").itertext())


def pin_page(rig: Rig) -> TestResponse:
    return rig.opened().page()


def wrong_pin(rig: Rig) -> TestResponse:
    return rig.opened().enter(WRONG_PIN)


def last_try(rig: Rig) -> TestResponse:
    opened = rig.opened()
    opened.enter(WRONG_PIN)
    return opened.enter(WRONG_PIN)


def last_pin(rig: Rig) -> TestResponse:
    opened = rig.opened()
    opened.enter(WRONG_PIN)
    opened.enter(WRONG_PIN)
    return opened.page(insist="1")


def no_reader(rig: Rig) -> TestResponse:
    bare = Rig(rig.site, TroubledReaders(NoReader()), rig.state, language=rig.language)
    return bare.opened().page()


def unsent(rig: Rig) -> TestResponse:
    rig.site.proof_status = 503
    return rig.opened().enter()


def refused(rig: Rig) -> TestResponse:
    rig.site.proof_status = 400
    return rig.opened().enter()


def finished(rig: Rig) -> TestResponse:
    opened = rig.opened()
    opened.enter()
    return opened.page()


def busy(rig: Rig) -> TestResponse:
    rig.opened("c-1")
    return rig.read(rig.token("c-2"))


def busy_idle(rig: Rig) -> TestResponse:
    rig.opened("c-1")
    rig.shift = IDLE_SECONDS + 1
    return rig.read(rig.token("c-2"))


def clock(rig: Rig) -> TestResponse:
    rig.shift = 86_400
    past = int(time.time()) - 3_600
    return rig.read(rig.token(iat=past, exp=past + 600))


def foreign(rig: Rig) -> TestResponse:
    return rig.read(rig.token(iss="https://evil.example"))


def status(rig: Rig) -> TestResponse:
    return rig.get("/")


def missing(rig: Rig) -> TestResponse:
    return rig.get("/nowhere")


WAYS = [
    pin_page,
    wrong_pin,
    last_try,
    last_pin,
    no_reader,
    unsent,
    refused,
    finished,
    busy,
    busy_idle,
    clock,
    foreign,
    status,
    missing,
]


@pytest.mark.parametrize("way", WAYS)
def test_every_page_is_strict_html(rig: Rig, way: Callable[[Rig], TestResponse]) -> None:
    answer = way(rig)
    assert answer.mimetype == "text/html"
    lint(answer)


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("way", [pin_page, wrong_pin, last_pin, no_reader, unsent, busy, foreign])
def test_every_page_speaks_the_language_of_the_request(
    rig: Rig, way: Callable[[Rig], TestResponse], language: Language
) -> None:
    rig.language = language.value
    answer = way(rig)
    lint(answer)
    speaker = rig.app.extensions["zaitaku-bridge"].words.speaker(language)
    assert f'<html lang="{language}">' in answer.text
    facts = {"origin": "https://evil.example", "wait": 20, "tries": 1}
    assert str(speaker.text(f"{page_name(answer)}.title", **facts)) in answer.text


def test_language_links_stay_on_the_page_and_in_the_bridge(rig: Rig) -> None:
    hostile = rig.get("//evil.example/x", a="1", lang="en")
    links = re.findall(r'<a href="([^"]*)" hreflang', hostile.text)
    assert links == ["?a=1&amp;lang=ja", "?a=1&amp;lang=ja-x-yasashii"]


def test_what_the_site_wrote_is_text_and_no_markup(rig: Rig) -> None:
    hostile = "<script>x</script>{漢|かん}$tries"
    page = rig.opened(document=document_of(choices(), facility=hostile)).page()
    assert "<script>x" not in page.text
    assert "&lt;script&gt;x&lt;/script&gt;{漢|かん}$tries" in page.text


def test_the_status_page_names_version_card_and_sites(
    rig: Rig, virtual_reader: VirtualReader
) -> None:
    page = rig.get("/")
    assert "動いています" in page.text
    assert "あと3回" in page.text
    assert rig.site.origin in page.text
    assert "仮想カード" not in page.text
    virtual_reader.remove()
    empty = rig.get("/").text
    assert "いま置かれていません" in empty
    assert "マイナンバーカードを置いてください" not in empty  # nothing is to be done here


def test_the_browsers_language_is_spoken_where_no_request_tells_one(rig: Rig) -> None:
    assert '<html lang="en">' in rig.get_as("/", {"Accept-Language": "en-GB,en;q=0.9"}).text
    assert '<html lang="ja">' in rig.get_as("/", {"Accept-Language": "fr"}).text
    assert '<html lang="ja">' in rig.get_as("/", {"Accept-Language": "en"}, lang="ja").text


def test_readings_never_reach_a_title_or_an_attribute(rig: Rig) -> None:
    page = rig.opened(language="ja-x-yasashii").page()
    assert ruby.plain("{答|こた}えを {見|み}て") in page.text.split("</title>")[0]
    for attribute in re.findall(r'="([^"]*)"', page.text):
        assert "|" not in attribute
        assert "&lt;ruby" not in attribute


def test_the_pin_field_is_not_for_password_managers(rig: Rig) -> None:
    page = rig.opened().page().text
    field = re.search(r'<input id="pin"[^>]*>', page)
    assert field is not None
    for part in (
        'type="password"',
        'inputmode="numeric"',
        'autocomplete="one-time-code"',
        'name="pin"',
        "data-1p-ignore",
        'data-lpignore="true"',
        "data-bwignore",
    ):
        assert part in field[0]
    assert "value=" not in field[0]
    assert PIN not in page
