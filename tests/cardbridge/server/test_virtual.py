"""The box of virtual cards: for people on the status page, for scripts as JSON."""

import json
import re
from http import HTTPStatus
from pathlib import Path

import pytest

from tests.cardbridge.cards import PIN, WRONG_PIN, Material, write_card
from tests.cardbridge.server.fakesite import FakeSite
from tests.cardbridge.server.rig import Rig, page_name
from zaitaku.cardbridge.virtual.box import CardBox, UnknownCard
from zaitaku.cardbridge.virtual.inprocess import InProcessService
from zaitaku.cardbridge.virtual.reader import VirtualReader


@pytest.fixture
def folder(tmp_path: Path, material: Material) -> Path:
    """Card files of three cards."""
    cards = tmp_path / "cards"
    cards.mkdir()
    write_card(cards / "a-ordinary.json", material, name="ふつうのカード")
    write_card(cards / "b-last.json", material, name="あと1回のカード", tries=1)
    write_card(cards / "c-other.json", material, name="診察券", kind="other", pin="")
    return cards


@pytest.fixture
def boxed(site: FakeSite, folder: Path, tmp_path: Path) -> Rig:
    """A bridge with the box."""
    reader = VirtualReader()
    box = CardBox(folder, reader)
    return Rig(site, InProcessService(reader), tmp_path / "state", extra={"box": box})


def token_of(rig: Rig) -> str:
    return str(json.loads(rig.get("/virtual/cards").text)["token"])


def test_the_first_card_is_inserted_at_the_start(boxed: Rig) -> None:
    told = json.loads(boxed.get("/virtual/cards").text)
    assert told["inserted"] == "a-ordinary"
    assert [card["id"] for card in told["cards"]] == ["a-ordinary", "b-last", "c-other"]
    assert told["cards"][1] == {
        "id": "b-last",
        "name": "あと1回のカード",
        "description": "an ordinary card",
        "pin": PIN,
        "tries": 1,
        "inserted": False,
    }


def test_a_script_changes_the_card(boxed: Rig) -> None:
    token = token_of(boxed)
    answer = boxed.post("/virtual/insert", token=token, card="b-last")
    assert answer.status_code == HTTPStatus.SEE_OTHER
    assert page_name(boxed.opened().page()) == "last-try"
    boxed.post("/virtual/remove", token=token)
    assert json.loads(boxed.get("/virtual/cards").text)["inserted"] is None
    assert page_name(boxed.opened().page()) == "no-card"


def test_a_reset_gives_back_the_first_tries_also_after_a_restart(
    boxed: Rig, site: FakeSite, folder: Path, tmp_path: Path
) -> None:
    opened = boxed.opened()
    opened.enter(WRONG_PIN)
    opened.enter(WRONG_PIN)
    reader = VirtualReader()
    box = CardBox(folder, reader)
    assert box.contents()[0].tries == 1
    again = Rig(site, InProcessService(reader), tmp_path / "state", extra={"box": box})
    again.post("/virtual/reset", token=box.token, card="a-ordinary")
    assert box.contents()[0].tries == 3
    assert page_name(again.opened("c-2").page()) == "pin"
    box.reset("b-last")
    assert box.contents()[1].tries == 1


def test_a_newly_made_card_of_the_same_name_starts_afresh(folder: Path, material: Material) -> None:
    CardBox(folder, VirtualReader())
    write_card(folder / "b-last.json", material, name="新しいカード", tries=2)
    box = CardBox(folder, VirtualReader())
    box.reset("b-last")
    assert box.contents()[1].tries == 2


def test_the_status_page_is_a_chooser(boxed: Rig) -> None:
    page = boxed.get("/").text
    for shown in ("ふつうのカード", "いま置いてあります", "カードを抜く", PIN, "回数をもとに戻す"):
        assert shown in page
    assert re.findall(r'<option value="([^"]*)">', page) == ["b-last", "c-other"]
    assert page.count("このカードを置く") == 1
    assert "仮想カードで動いています" in boxed.opened().page().text


@pytest.mark.parametrize("action", ["insert", "remove", "reset"])
def test_the_chooser_needs_its_token(boxed: Rig, action: str) -> None:
    answer = boxed.post(f"/virtual/{action}", card="b-last", token="x")
    assert page_name(answer) == "stale-form"
    hostile = {"Sec-Fetch-Site": "cross-site"}
    sent = boxed.post_as(f"/virtual/{action}", hostile, card="b-last", token=token_of(boxed))
    assert page_name(sent) == "foreign-caller"
    assert json.loads(boxed.get("/virtual/cards").text)["inserted"] == "a-ordinary"


def test_a_card_is_known_by_its_name_without_the_number_too(
    folder: Path, material: Material
) -> None:
    for name in ("07-locked", "08-twice", "09-twice", "twice-ten", "7-7"):
        write_card(folder / f"{name}.json", material, name=name, tries=1)
    reader = VirtualReader()
    box = CardBox(folder, reader)
    for name, is_laid in (("locked", "07-locked"), ("7", "7-7"), ("08-twice", "08-twice")):
        box.insert(name)
        assert [card.id for card in box.contents() if card.inserted] == [is_laid]
    for name in ("twice", "ten", "ocked", "-locked"):
        with pytest.raises(UnknownCard):
            box.insert(name)
    box.reset("locked")
    assert box.contents()[0].tries == 1


@pytest.mark.parametrize("card", ["", "unknown", "../a-ordinary", ".initial-tries"])
def test_an_unknown_card_changes_nothing(boxed: Rig, card: str) -> None:
    answer = boxed.post("/virtual/insert", token=token_of(boxed), card=card)
    assert answer.status_code == HTTPStatus.NOT_FOUND
    assert json.loads(boxed.get("/virtual/cards").text)["inserted"] == "a-ordinary"


def test_other_pages_cannot_read_the_cards(boxed: Rig) -> None:
    answer = boxed.get_as("/virtual/cards", {"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == HTTPStatus.FORBIDDEN
    assert PIN not in answer.text


@pytest.mark.parametrize("path", ["/virtual/cards", "/virtual/insert"])
def test_without_virtual_cards_there_is_no_chooser(rig: Rig, path: str) -> None:
    answer = rig.get(path) if path.endswith("cards") else rig.post(path, card="a", token="")
    assert answer.status_code == HTTPStatus.NOT_FOUND
    assert "仮想カード" not in rig.get("/").text


def test_an_empty_folder_is_an_empty_reader(tmp_path: Path) -> None:
    reader = VirtualReader()
    box = CardBox(tmp_path, reader)
    assert box.contents() == ()
    assert reader.card is None
    with pytest.raises(UnknownCard):
        box.insert("a")
