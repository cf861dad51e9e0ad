"""A PIN goes to the card that its own page has shown, whatever lies there by then."""

from http import HTTPStatus
from pathlib import Path

import pytest
from werkzeug.test import TestResponse

from tests.cardbridge.cards import PIN, WRONG_PIN, Material, make_card, make_material
from tests.cardbridge.server.rig import Opened, Rig, hidden_fields, page_name
from zaitaku.cardbridge.reading.pagestate import MOST_SHOWN
from zaitaku.cardbridge.virtual.card import VirtualCard
from zaitaku.cardbridge.virtual.inprocess import InProcessService
from zaitaku.cardbridge.virtual.reader import VirtualReader

THEIR_PIN = "4444"


@pytest.fixture
def theirs(tmp_path: Path) -> VirtualCard:
    """The card of somebody else in the house."""
    return make_card(tmp_path / "theirs.json", make_material(), pin=THEIR_PIN)


@pytest.fixture
def phone(tmp_path: Path, material: Material) -> VirtualCard:
    """A phone that holds what a card holds."""
    return make_card(tmp_path / "phone.json", material, kind="android", pin=THEIR_PIN)


def sent(opened: Opened, fields: dict[str, str], pin: str = PIN) -> TestResponse:
    """Send the form of a page that was fetched before."""
    return opened.rig.post(f"{opened.path}/pin", **fields, pin=pin)


def assert_changed(answer: TestResponse, card: VirtualCard) -> None:
    assert (answer.status_code, page_name(answer)) == (HTTPStatus.CONFLICT, "card-changed")
    assert card.tries == 3


def test_another_persons_card_is_not_shown_the_pin(
    rig: Rig, virtual_reader: VirtualReader, theirs: VirtualCard
) -> None:
    opened = rig.opened()
    fields = opened.fields()
    virtual_reader.insert(theirs)
    answer = sent(opened, fields)
    assert_changed(answer, theirs)
    assert "暗証番号は、どのカードにも送っていません" in answer.text
    assert sent(opened, opened.fields(), THEIR_PIN).location.startswith(rig.site.origin)


def test_a_phone_in_place_of_the_card_is_not_shown_the_pin(
    rig: Rig, virtual_reader: VirtualReader, phone: VirtualCard
) -> None:
    opened = rig.opened()
    fields = opened.fields()
    virtual_reader.insert(phone)
    assert_changed(sent(opened, fields), phone)


def test_a_card_in_place_of_the_phone_is_not_shown_the_pin(
    rig: Rig, virtual_reader: VirtualReader, card: VirtualCard, phone: VirtualCard
) -> None:
    virtual_reader.insert(phone)
    opened = rig.opened()
    fields = opened.fields()
    virtual_reader.insert(card)
    assert_changed(sent(opened, fields, THEIR_PIN), card)


def test_a_second_window_does_not_turn_the_pin_of_the_first_to_another_card(
    rig: Rig, virtual_reader: VirtualReader, card: VirtualCard, theirs: VirtualCard
) -> None:
    opened = rig.opened()
    first = opened.fields()
    virtual_reader.insert(theirs)
    second = hidden_fields(opened.page(lang="en"))
    assert_changed(sent(opened, first), theirs)
    assert page_name(sent(opened, {**second, "turn": "1"}, WRONG_PIN)) == "pin"
    assert (card.tries, theirs.tries) == (3, 2)


def test_the_next_pin_after_a_wrong_one_goes_to_the_same_card(
    rig: Rig, virtual_reader: VirtualReader, card: VirtualCard, theirs: VirtualCard
) -> None:
    opened = rig.opened()
    fields = hidden_fields(opened.enter(WRONG_PIN))
    virtual_reader.insert(theirs)
    assert_changed(sent(opened, fields), theirs)
    assert card.tries == 2


@pytest.mark.parametrize("mark", [None, "", "00", "\u3042", "0" * 64])
def test_a_form_that_names_no_card_that_was_shown_reaches_none(
    rig: Rig, card: VirtualCard, mark: str | None
) -> None:
    opened = rig.opened()
    fields = {name: value for name, value in opened.fields().items() if name != "mark"}
    assert_changed(sent(opened, fields if mark is None else {**fields, "mark": mark}), card)


def test_each_window_speaks_to_the_reader_that_it_has_shown(
    rig: Rig, card: VirtualCard, theirs: VirtualCard
) -> None:
    left, right = VirtualReader("left"), VirtualReader("right")
    left.insert(card)
    right.insert(theirs)
    mine = Rig(rig.site, InProcessService(left, right), rig.state)
    opened = mine.opened()
    windows = []
    for reader in (left, right):
        fields = hidden_fields(opened.page())
        mine.post(f"{opened.path}/reader", token=fields["token"], reader=reader.name)
        windows.append(opened.fields())
    assert page_name(sent(opened, windows[0], WRONG_PIN)) == "pin"
    assert (card.tries, theirs.tries) == (2, 3)


def test_cards_that_come_and_go_without_end_are_not_all_remembered(
    rig: Rig, virtual_reader: VirtualReader, material: Material, tmp_path: Path
) -> None:
    opened = rig.opened()
    first = fields = opened.fields()
    for number in range(MOST_SHOWN):
        other = material.certificate[:40] + bytes([number]) + material.certificate[41:]
        path = tmp_path / f"{number}.json"
        virtual_reader.insert(make_card(path, material, certificate=other.hex()))
        fields = opened.fields()
    reading = rig.app.extensions["zaitaku-bridge"].desk._readings[opened.path.split("/")[-1]]
    assert reading.pages.shown(fields["mark"]) is not None
    assert reading.pages.shown(first["mark"]) is None
