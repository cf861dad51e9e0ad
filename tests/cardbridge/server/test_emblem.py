"""The sign by which a patient tells her own bridge from a page that only looks like it."""

import json
from pathlib import Path

import pytest
from markupsafe import escape

from tests.cardbridge.cards import WRONG_PIN
from tests.cardbridge.server.rig import Rig
from zaitaku.cardbridge.reading.emblem import COLOURS, FILE, THINGS, Emblem, EmblemKeeper
from zaitaku.cardbridge.web.words import Language, Words

WORDS = Words.load()


def said(emblem: Emblem | None, language: Language = Language.JAPANESE) -> str:
    assert emblem is not None
    speaker = WORDS.speaker(language)
    colour, thing = speaker.lines("emblem.colours"), speaker.lines("emblem.things")
    return f"{colour[emblem.colour]} {thing[emblem.thing]}"


def test_each_page_that_takes_a_pin_shows_it_and_so_does_the_status_page(rig: Rig) -> None:
    opened = rig.opened()
    page = opened.page()
    sign = said(EmblemKeeper(rig.state).emblem())
    wrong = opened.enter(WRONG_PIN)
    for shown in (page, wrong, rig.get("/")):
        assert f"<strong>{escape(sign)}</strong>" in shown.text


@pytest.mark.parametrize("language", Language)
def test_it_is_the_same_sign_in_every_language(rig: Rig, language: Language) -> None:
    page = rig.opened().page(lang=language.value)
    assert said(EmblemKeeper(rig.state).emblem(), language) in page.text
    for name, most in (("colours", COLOURS), ("things", THINGS)):
        words = WORDS.catalogues[language]["emblem"][name]
        assert len(set(words)) == len(words) == most


def test_no_page_that_needs_no_pin_gives_it_away(rig: Rig) -> None:
    sign = said(EmblemKeeper(rig.state).emblem())
    for page in (rig.read("rubbish"), rig.get("/nowhere"), rig.get("/assets/bridge.css")):
        assert sign not in page.text


def test_it_stays_the_same_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    drawn = {EmblemKeeper(tmp_path / "state").emblem() for _ in range(20)}
    assert len(drawn) == 1
    assert (tmp_path / "state" / FILE).stat().st_mode & 0o077 == 0


def test_another_computer_has_another(tmp_path: Path) -> None:
    drawn = {EmblemKeeper(tmp_path / str(number)).emblem() for number in range(40)}
    assert len(drawn) > 10


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"colour": 8, "thing": 0}', '{"colour": "1", "thing": 1}']
)
def test_a_damaged_one_is_drawn_anew(tmp_path: Path, content: str) -> None:
    (tmp_path / FILE).write_text(content)
    emblem = EmblemKeeper(tmp_path).emblem()
    assert emblem is not None
    assert json.loads((tmp_path / FILE).read_text())["colour"] == emblem.colour


def test_one_that_cannot_be_kept_is_not_shown(rig: Rig) -> None:
    rig.state.write_text("a file where the folder should be")
    page = rig.opened().page()
    assert page.status_code == 200
    assert "目印" not in page.text


def test_one_that_others_could_have_written_is_not_shown(tmp_path: Path) -> None:
    EmblemKeeper(tmp_path).emblem()
    (tmp_path / FILE).chmod(0o666)
    assert EmblemKeeper(tmp_path).emblem() is None
