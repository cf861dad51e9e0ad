"""What a patient can choose in the bridge: text size, reader, where the PIN is typed, the keys."""

import json
import re
from http import HTTPStatus
from pathlib import Path
from threading import Thread

import pytest
from werkzeug.test import TestResponse

from tests.cardbridge.cards import PIN, WRONG_PIN, Material, make_card
from tests.cardbridge.server.fakesite import CODE, FakeSite
from tests.cardbridge.server.rig import Rig, back_to, hidden_fields, page_name, return_path_of
from tests.cardbridge.server.test_pages import lint
from tests.cardbridge.server.test_stuck import soon
from zaitaku import wire
from zaitaku.cardbridge.reading.desk import IDLE_SECONDS
from zaitaku.cardbridge.virtual.card import VirtualCard
from zaitaku.cardbridge.virtual.inprocess import InProcessService
from zaitaku.cardbridge.virtual.pad import VirtualPad
from zaitaku.cardbridge.virtual.reader import VirtualReader

FIRST = "Example Reader (1111) 00 00"
SECOND = "Example Reader (2222) 01 00"


def size_of(answer: TestResponse) -> str:
    """Return the text size of a page."""
    found = re.search(r'<html lang="[^"]*"(?: class="size-([a-z]+)")?>', answer.text)
    assert found is not None
    return found[1] or "standard"


@pytest.mark.parametrize("size", wire.TEXT_SIZES)
def test_the_text_is_as_large_as_on_the_site(rig: Rig, size: str) -> None:
    assert size_of(rig.opened(text_size=size).page()) == size


def test_the_text_size_can_be_changed_and_stays(rig: Rig) -> None:
    opened = rig.opened(text_size="large")
    assert size_of(opened.page(size="largest")) == "largest"
    assert size_of(opened.page()) == "largest"
    assert size_of(opened.page(size="huge")) == "largest"
    assert size_of(opened.enter(WRONG_PIN)) == "largest"


def test_a_page_without_a_reading_is_as_large_as_its_request_says(rig: Rig) -> None:
    token = rig.token(text_size="largest")
    rig.opened("c-2")
    assert size_of(rig.read(token)) == "largest"
    assert size_of(rig.read(token, size="large")) == "large"
    assert size_of(rig.get("/", size="large")) == "large"
    assert size_of(rig.get("/", size='"><script>')) == "standard"


@pytest.fixture
def pair(
    site: FakeSite, tmp_path: Path, material: Material
) -> tuple[Rig, VirtualCard, VirtualCard]:
    """A bridge with two readers of one make, a My Number Card in each."""
    readers = [VirtualReader(name) for name in (FIRST, SECOND)]
    cards = [make_card(tmp_path / f"{number}.json", material) for number in range(2)]
    for reader, card in zip(readers, cards, strict=True):
        reader.insert(card)
    return Rig(site, InProcessService(*readers), tmp_path / "state"), cards[0], cards[1]


def choose(rig: Rig, path: str, name: str) -> TestResponse:
    token = hidden_fields(rig.get(path))["token"]
    return rig.post(f"{path}/reader", token=token, reader=name)


def test_with_a_card_in_each_of_two_readers_one_is_chosen_and_remembered(
    pair: tuple[Rig, VirtualCard, VirtualCard],
) -> None:
    rig, first, second = pair
    opened = rig.opened()
    page = opened.page()
    assert page_name(page) == "choose-reader"
    lint(page)
    assert [f"Example Reader ({number})" in page.text for number in (1, 2)] == [True] * 2
    assert choose(rig, opened.path, SECOND).location == opened.path
    assert "Example Reader (2)" in opened.page().text
    opened.enter(WRONG_PIN)
    assert (first.tries, second.tries) == (3, 2)
    later = Rig(rig.site, rig.readers, rig.state).opened("c-2").page()
    assert "Example Reader (2)" in later.text


def test_another_reader_can_be_chosen_later(pair: tuple[Rig, VirtualCard, VirtualCard]) -> None:
    rig, first, second = pair
    opened = rig.opened()
    opened.page()
    choose(rig, opened.path, SECOND)
    assert f'href="{opened.path}?readers=1"' in opened.page().text
    assert page_name(opened.page(readers="1")) == "choose-reader"
    rig.post(f"{opened.path}/reader", token=opened.fields(readers="1")["token"], reader=FIRST)
    opened.enter(WRONG_PIN)
    assert (first.tries, second.tries) == (2, 3)


@pytest.mark.parametrize("name", ["", "another", "../x", FIRST + " "])
def test_only_a_reader_that_was_offered_is_remembered(
    pair: tuple[Rig, VirtualCard, VirtualCard], name: str
) -> None:
    rig = pair[0]
    opened = rig.opened()
    opened.page()
    choose(rig, opened.path, name)
    assert page_name(opened.page()) == "choose-reader"
    assert not (rig.state / "preferences.json").exists()


def test_one_reader_is_not_talked_about(rig: Rig) -> None:
    opened = rig.opened()
    assert "readers=1" not in opened.page().text
    assert page_name(opened.page(readers="1")) == "pin"


@pytest.fixture
def padded(site: FakeSite, tmp_path: Path, card: VirtualCard) -> tuple[Rig, VirtualPad]:
    """A bridge whose reader has keys of its own."""
    pad = VirtualPad()
    reader = VirtualReader(pad=pad)
    reader.insert(card)
    return Rig(site, InProcessService(reader), tmp_path / "state"), pad


def press(pad: VirtualPad, digits: str) -> Thread:
    """Type on the reader's keys as soon as it waits for that."""
    typing = Thread(target=lambda: soon(lambda: pad.press(digits)))
    typing.start()
    return typing


def test_with_keys_on_the_reader_no_pin_is_typed_on_the_page(
    padded: tuple[Rig, VirtualPad],
) -> None:
    rig, pad = padded
    opened = rig.opened()
    page = opened.page()
    lint(page)
    assert 'name="pin"' not in page.text
    assert "リーダーの数字キーで入れる" in page.text
    typing = press(pad, PIN)
    answer = rig.post(f"{opened.path}/pin", **hidden_fields(page))
    typing.join()
    assert answer.location == back_to(rig.site, f"code={CODE}")


def test_a_wrong_pin_on_the_reader_leads_back_to_its_keys(
    padded: tuple[Rig, VirtualPad], card: VirtualCard
) -> None:
    rig, pad = padded
    opened = rig.opened()
    typing = press(pad, WRONG_PIN)
    answer = rig.post(f"{opened.path}/pin", **opened.fields())
    typing.join()
    assert "暗証番号がちがいました" in answer.text
    assert hidden_fields(answer)["keys"] == "reader"
    assert card.tries == 2


def test_the_pin_can_be_typed_on_the_screen_instead(padded: tuple[Rig, VirtualPad]) -> None:
    rig, pad = padded
    opened = rig.opened()
    assert 'name="pin"' in opened.page(keys="screen").text
    assert 'name="pin"' in opened.page(keys="nonsense").text
    assert opened.enter().location == back_to(rig.site, f"code={CODE}")
    assert not pad.is_waiting


def test_the_keys_of_the_reader_can_be_chosen_again(padded: tuple[Rig, VirtualPad]) -> None:
    opened = padded[0].opened()
    page = opened.page(keys="screen")
    assert f'href="{opened.path}?keys=reader"' in page.text
    assert 'name="pin"' not in opened.page(keys="reader").text


def test_pressing_the_cancel_key_of_the_reader_uses_no_try(
    padded: tuple[Rig, VirtualPad], card: VirtualCard
) -> None:
    rig, pad = padded
    opened = rig.opened()
    stopping = Thread(target=lambda: soon(pad.cancel))
    stopping.start()
    answer = rig.post(f"{opened.path}/pin", **opened.fields())
    stopping.join()
    assert page_name(answer) == "pad-cancelled"
    assert card.tries == 3
    assert 'name="keys" value="reader"' in opened.page().text


def test_mixed_keys_are_kept_for_the_reading_only(rig: Rig) -> None:
    opened = rig.opened()
    assert "checked" not in opened.page().text
    opened.enter(WRONG_PIN, shuffled="1")
    assert "checked data-mix" in opened.page().text
    assert "checked" not in opened.enter("12").text
    assert "checked" not in rig.opened("c-2", return_path=return_path_of("c-1")).page().text


def changes(rig: Rig, path: str, seen: str) -> tuple[str, bool]:
    answer = rig.get_as(f"{path}/changes", {"Sec-Fetch-Site": "same-origin"}, seen=seen)
    assert answer.status_code == HTTPStatus.OK
    body = json.loads(answer.text)
    return body["stamp"], body["changed"]


def test_an_open_page_hears_of_cards_that_come_and_go(
    rig: Rig, virtual_reader: VirtualReader, card: VirtualCard
) -> None:
    opened = rig.opened()
    found = re.search(r'data-seen="([^"]+)"', opened.page().text)
    assert found is not None
    seen, changed = changes(rig, opened.path, found[1])
    assert (seen, changed) == (found[1], False)
    for change in (virtual_reader.remove, lambda: virtual_reader.insert(card)):
        change()
        seen, changed = changes(rig, opened.path, seen)
        assert changed
    assert changes(rig, opened.path, seen) == (seen, False)


def test_a_page_that_lies_open_is_not_somebody_who_attends(rig: Rig) -> None:
    opened = rig.opened()
    rig.shift = IDLE_SECONDS + 1
    changes(rig, opened.path, "")
    assert page_name(rig.read(rig.token("c-2"))) == "busy-idle"


@pytest.mark.parametrize("caller", ["cross-site", "same-site"])
def test_only_our_own_pages_hear_of_changes(rig: Rig, caller: str) -> None:
    opened = rig.opened()
    answer = rig.get_as(f"{opened.path}/changes", {"Sec-Fetch-Site": caller})
    assert answer.status_code == HTTPStatus.FORBIDDEN
    assert rig.get("/reading/unknown/changes").status_code == HTTPStatus.NOT_FOUND
