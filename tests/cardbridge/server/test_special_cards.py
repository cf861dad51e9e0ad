"""Cards that cannot be used, a phone's token, and a reader with keys, as the patient sees them."""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from pathlib import Path

import pytest
from werkzeug.test import TestResponse

from tests.cardbridge.cards import PIN, WRONG_PIN, Material, make_card, write_card
from tests.cardbridge.server.fakesite import FakeSite
from tests.cardbridge.server.rig import Rig, page_name
from zaitaku.cardbridge.virtual.box import CardBox
from zaitaku.cardbridge.virtual.card import VirtualCard
from zaitaku.cardbridge.virtual.cardfile import CardKind
from zaitaku.cardbridge.virtual.inprocess import InProcessService
from zaitaku.cardbridge.virtual.pad import VirtualPad
from zaitaku.cardbridge.virtual.reader import VirtualReader

PAGES = {
    CardKind.JUKI: ("juki-card", "住民基本台帳カード"),
    CardKind.LICENCE: ("drivers-licence", "運転免許証"),
    CardKind.RESIDENCE: ("residence-card", "在留カード"),
    CardKind.PASSPORT: ("passport", "パスポート"),
    CardKind.PAYMENT: ("payment-card", "クレジット"),
    CardKind.TRANSIT: ("transit-card", "交通系ICカード"),
    CardKind.NO_PIN: ("no-pin-card", "資格確認書"),
    CardKind.NO_CERTIFICATE: ("certificate-missing", "市区町村"),
}


def rig_with(site: FakeSite, folder: Path, card: VirtualCard) -> Rig:
    """A bridge with this card in its reader."""
    reader = VirtualReader()
    reader.insert(card)
    return Rig(site, InProcessService(reader), folder / "state")


@pytest.mark.parametrize("kind", PAGES)
@pytest.mark.parametrize("language", ["ja", "ja-x-yasashii", "en"])
def test_each_has_a_page_of_its_own_and_no_field_for_a_pin(
    site: FakeSite, tmp_path: Path, material: Material, kind: CardKind, language: str
) -> None:
    rig = rig_with(site, tmp_path, make_card(tmp_path / "c.json", material, kind=kind.value))
    rig.language = language
    name, word = PAGES[kind]
    page = rig.opened().page()
    assert page_name(page) == name
    assert 'name="pin"' not in page.text
    assert language != "ja" or word in page.text


def test_the_locked_page_knows_the_card_without_a_pin(
    site: FakeSite, tmp_path: Path, material: Material
) -> None:
    rig = rig_with(site, tmp_path, make_card(tmp_path / "c.json", material, tries=0))
    page = rig.opened().page()
    assert page_name(page) == "pin-locked"
    assert "顔認証マイナンバーカード" in page.text


def test_a_phones_token_goes_the_whole_way(
    site: FakeSite, tmp_path: Path, material: Material
) -> None:
    rig = rig_with(site, tmp_path, make_card(tmp_path / "c.json", material, kind="android"))
    answer = rig.opened().enter()
    assert answer.status_code == HTTPStatus.SEE_OTHER
    assert answer.location.startswith(f"{site.origin}/")
    assert len(site.proofs) == 1


@pytest.fixture
def padded(site: FakeSite, tmp_path: Path, material: Material) -> Rig:
    """A bridge whose virtual reader has keys."""
    cards = tmp_path / "cards"
    cards.mkdir()
    write_card(cards / "a.json", material)
    reader = VirtualReader(pad=VirtualPad())
    box = CardBox(cards, reader)
    return Rig(site, InProcessService(reader), tmp_path / "state", extra={"box": box})


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as made:
        yield made


def told(rig: Rig) -> dict[str, str]:
    """What a script reads of the virtual cards."""
    answer: dict[str, str] = json.loads(rig.get("/virtual/cards").text)
    return answer


def typed_on_reader(rig: Rig, pool: ThreadPoolExecutor, **keys: str) -> TestResponse:
    """Begin to type on the reader in one window and press its keys in another."""
    opened = rig.opened()
    fields = {**opened.fields(), "keys": "reader"}
    answer = pool.submit(rig.post, f"{opened.path}/pin", **fields)
    end = time.monotonic() + 5
    while told(rig)["pad"] != "waiting" and time.monotonic() < end:
        time.sleep(0.01)
    assert "リーダーが番号を待っています。" in rig.get("/").text
    pressed = rig.post("/virtual/pad", token=told(rig)["token"], **keys)
    assert pressed.status_code == HTTPStatus.SEE_OTHER
    return answer.result(5)


def test_a_pin_on_the_readers_keys_goes_the_whole_way(
    padded: Rig, pool: ThreadPoolExecutor
) -> None:
    assert told(padded)["pad"] == "idle"
    answer = typed_on_reader(padded, pool, digits=PIN)
    assert answer.location.startswith(f"{padded.site.origin}/")
    assert len(padded.site.proofs) == 1


@pytest.mark.parametrize(
    ("keys", "page"),
    [
        ({"digits": "12"}, "pad-count"),
        ({"cancel": "1"}, "pad-cancelled"),
        ({"digits": WRONG_PIN}, "pin"),
    ],
)
def test_what_happens_at_the_keys_has_a_page(
    padded: Rig, pool: ThreadPoolExecutor, keys: dict[str, str], page: str
) -> None:
    answer = typed_on_reader(padded, pool, **keys)
    assert page_name(answer) == page
    assert padded.site.proofs == []


def test_a_real_reader_has_no_keys_to_press_here(rig: Rig) -> None:
    assert rig.post("/virtual/pad", token="x").status_code == HTTPStatus.NOT_FOUND


def test_nobody_presses_them_without_the_token(padded: Rig) -> None:
    refused = padded.post("/virtual/pad", token="x", digits=PIN)
    assert refused.status_code == HTTPStatus.FORBIDDEN


def test_a_box_without_keys_has_none_to_press(
    site: FakeSite, tmp_path: Path, material: Material
) -> None:
    cards = tmp_path / "cards"
    cards.mkdir()
    write_card(cards / "a.json", material)
    reader = VirtualReader()
    box = CardBox(cards, reader)
    rig = Rig(site, InProcessService(reader), tmp_path / "state", extra={"box": box})
    assert told(rig)["pad"] is None
    answer = rig.post("/virtual/pad", token=told(rig)["token"], digits=PIN)
    assert answer.status_code == HTTPStatus.NOT_FOUND
