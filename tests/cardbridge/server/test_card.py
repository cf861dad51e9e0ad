"""What can go wrong between the patient and the card, and what the page says then."""

import inspect
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import pytest

from tests.cardbridge.cards import PIN, WRONG_PIN, Material, make_card
from tests.cardbridge.hooks import HookedService, Moment, PullAt
from tests.cardbridge.robust.tricky import SIGN, undisturbed
from tests.cardbridge.server.rig import Rig, hidden_fields, page_name
from zaitaku.cardbridge.card import jpki, transport
from zaitaku.cardbridge.card.apdu import Command
from zaitaku.cardbridge.card.transport import (
    CardBusy,
    CardConnection,
    CardTrouble,
    CardUnresponsive,
    NoReader,
    NoService,
    ReaderFacts,
    ReaderFault,
)
from zaitaku.cardbridge.virtual.card import VirtualCard
from zaitaku.cardbridge.virtual.inprocess import InProcessService
from zaitaku.cardbridge.virtual.reader import VirtualReader
from zaitaku.cardbridge.web.words import Words


class TroubledReaders:
    """Readers that fail in one way."""

    def __init__(self, trouble: CardTrouble) -> None:
        self._trouble = trouble

    def readers(self) -> list[str]:
        if isinstance(self._trouble, NoService | NoReader):
            raise self._trouble
        return ["reader"]

    def connect(self, reader: str) -> CardConnection:
        raise self._trouble

    def facts(self) -> tuple[ReaderFacts, ...]:
        return ()


def with_card(rig: Rig, card: VirtualCard) -> Rig:
    """The same bridge with another card in its reader."""
    reader = VirtualReader()
    reader.insert(card)
    return Rig(rig.site, InProcessService(reader), rig.state)


@pytest.mark.parametrize(
    "trouble", [NoService(), NoReader(), CardBusy(), CardUnresponsive(), ReaderFault()]
)
def test_each_trouble_has_its_page_with_a_way_on_and_a_way_out(
    rig: Rig, trouble: CardTrouble
) -> None:
    opened = Rig(rig.site, TroubledReaders(trouble), rig.state).opened()
    page = opened.page()
    assert (page.status_code, page_name(page)) == (HTTPStatus.OK, trouble.code)
    assert f'href="{opened.path}">もう一度' in page.text
    assert f'action="{opened.path}/cancel"' in page.text
    assert 'name="pin"' not in page.text


def test_the_reader_without_a_card_shows_where_to_lay_it(
    rig: Rig, virtual_reader: VirtualReader, card: VirtualCard
) -> None:
    virtual_reader.remove()
    opened = rig.opened()
    page = opened.page()
    assert page_name(page) == "no-card"
    assert '<svg class="reader"' in page.text
    virtual_reader.insert(card)
    assert page_name(opened.page()) == "pin"


def test_another_card_is_named_as_such(rig: Rig, tmp_path: Path, material: Material) -> None:
    other = make_card(tmp_path / "other.json", material, kind="other")
    assert page_name(with_card(rig, other).opened().page()) == "not-my-number-card"


def test_a_card_without_the_certificate_leads_to_the_municipality(
    rig: Rig, tmp_path: Path, material: Material
) -> None:
    bare = make_card(tmp_path / "bare.json", material, certificate="0000000000")
    answer = with_card(rig, bare).opened().page()
    assert page_name(answer) == "certificate-missing"
    assert "市区町村" in answer.text


def all_troubles(kind: type[CardTrouble] = CardTrouble) -> Iterator[type[CardTrouble]]:
    for each in kind.__subclasses__():
        yield each
        yield from all_troubles(each)


SHOWN_OTHERWISE = {"transport-trouble", "pin-wrong", "pin-malformed", "pin-required"}


def test_every_trouble_that_can_reach_a_page_has_words() -> None:
    assert inspect.ismodule(jpki)
    assert inspect.ismodule(transport)
    codes = {kind.code for kind in all_troubles() if kind.__module__.startswith("zaitaku.")}
    words = Words.load()
    assert {code for code in codes - SHOWN_OTHERWISE if not words.has(code)} == set()


def test_a_trouble_without_words_of_its_own_still_gets_a_page(rig: Rig) -> None:
    class Novel(CardTrouble):
        code = "novel-trouble"

    page = Rig(rig.site, TroubledReaders(transport.ReaderFault()), rig.state).opened().page()
    assert page_name(page) == "reader-fault"
    novel = Rig(rig.site, NovelReaders(Novel()), rig.state).opened().page()
    assert page_name(novel) == "card-fault"


class NovelReaders(TroubledReaders):
    """Readers with a trouble that nobody has thought of."""

    def readers(self) -> list[str]:
        raise self._trouble


@pytest.mark.parametrize("typed", ["", "123", "12345", "12a4", "١٢٣٤٥", "abcd", "１２３"])
def test_what_is_not_four_digits_is_not_shown_to_the_card(
    rig: Rig, card: VirtualCard, typed: str
) -> None:
    answer = rig.opened().enter(typed)
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "<title>エラー：" in answer.text
    assert "数字4けた" in answer.text
    assert answer.text.index('class="error-summary"') < answer.text.index("<h1>")
    assert '<a href="#pin">' in answer.text
    assert card.tries == 3


def test_a_card_that_claims_more_tries_than_a_pin_has_is_not_repeated(
    rig: Rig, card: VirtualCard
) -> None:
    card._tries = 15
    opened = rig.opened()
    assert "あと3回" in opened.page().text
    assert "あと3回" in opened.enter(WRONG_PIN).text
    assert card.tries == 14


def test_a_wrong_pin_tells_the_tries_left(rig: Rig, card: VirtualCard) -> None:
    answer = rig.opened().enter(WRONG_PIN)
    assert (answer.status_code, page_name(answer)) == (HTTPStatus.UNPROCESSABLE_ENTITY, "pin")
    assert "暗証番号がちがいました。暗証番号を、もう一度お確かめください。" in answer.text
    assert "あと2回" in answer.text
    assert card.tries == 2
    assert rig.site.proofs == []


def test_the_form_of_the_error_page_takes_the_next_pin(rig: Rig, card: VirtualCard) -> None:
    opened = rig.opened()
    fields = hidden_fields(opened.enter(WRONG_PIN))
    answer = rig.post(f"{opened.path}/pin", **fields, pin=PIN)
    assert answer.status_code == HTTPStatus.SEE_OTHER
    assert card.tries == 3


def test_the_second_wrong_pin_stops_and_explains(rig: Rig) -> None:
    opened = rig.opened()
    opened.enter(WRONG_PIN)
    answer = opened.enter(WRONG_PIN)
    assert (answer.status_code, page_name(answer)) == (HTTPStatus.UNPROCESSABLE_ENTITY, "last-try")
    assert 'name="pin"' not in answer.text
    assert "市区町村" in answer.text


@pytest.fixture
def one_left(rig: Rig, tmp_path: Path, material: Material) -> tuple[Rig, VirtualCard]:
    """A bridge with a card that takes one more PIN."""
    card = make_card(tmp_path / "one-left.json", material, tries=1)
    return with_card(rig, card), card


def test_with_one_try_left_the_pin_is_asked_for_only_on_demand(
    one_left: tuple[Rig, VirtualCard],
) -> None:
    opened = one_left[0].opened()
    assert page_name(opened.page()) == "last-try"
    page = opened.page(insist="1")
    assert page_name(page) == "pin"
    assert "今度まちがえると" in page.text


def test_with_one_try_left_a_form_that_does_not_insist_is_not_shown_to_the_card(
    one_left: tuple[Rig, VirtualCard],
) -> None:
    rig, card = one_left
    opened = rig.opened()
    fields = opened.fields(insist="1")
    fields.pop("insist")
    answer = rig.post(f"{opened.path}/pin", **fields, pin=WRONG_PIN)
    assert (answer.status_code, page_name(answer)) == (HTTPStatus.CONFLICT, "last-try")
    assert card.tries == 1


def test_the_last_try_with_the_right_pin_succeeds(one_left: tuple[Rig, VirtualCard]) -> None:
    rig, card = one_left
    opened = rig.opened()
    answer = rig.post(f"{opened.path}/pin", **opened.fields(insist="1"), pin=PIN)
    assert answer.status_code == HTTPStatus.SEE_OTHER
    assert card.tries == 3


def test_the_last_try_with_a_wrong_pin_locks_and_says_where_to_unlock(
    one_left: tuple[Rig, VirtualCard],
) -> None:
    rig, card = one_left
    opened = rig.opened()
    answer = rig.post(f"{opened.path}/pin", **opened.fields(insist="1"), pin=WRONG_PIN)
    assert (answer.status_code, page_name(answer)) == (HTTPStatus.CONFLICT, "pin-locked")
    assert card.tries == 0
    page = opened.page()
    assert page_name(page) == "pin-locked"
    for way_out in ("市区町村の窓口", "資格確認書", "医療機関にお電話で"):
        assert way_out in page.text


def test_a_slip_on_the_last_try_keeps_what_was_insisted(
    one_left: tuple[Rig, VirtualCard],
) -> None:
    rig, card = one_left
    opened = rig.opened()
    answer = rig.post(f"{opened.path}/pin", **opened.fields(insist="1"), pin="12")
    assert page_name(answer) == "pin"
    assert hidden_fields(answer)["insist"] == "1"
    assert card.tries == 1


@pytest.mark.parametrize("moment", Moment)
@pytest.mark.parametrize("number", [step.number for step in undisturbed() if step.session == SIGN])
def test_a_card_pulled_at_any_moment_ends_calmly(
    rig: Rig, card: VirtualCard, number: int, moment: Moment
) -> None:
    reader = VirtualReader()
    reader.insert(card)
    hook = PullAt(reader, number, moment)
    pulled = Rig(rig.site, InProcessService(reader), rig.state)
    opened = pulled.opened()
    fields = opened.fields()
    pulled.app.extensions["zaitaku-bridge"].cards._readers = HookedService(reader, hook=hook)
    answer = pulled.post(f"{opened.path}/pin", **fields, pin=PIN)
    assert (answer.status_code, page_name(answer)) == (HTTPStatus.CONFLICT, "card-removed")
    assert rig.site.proofs == []
    assert card.tries == 3


def signs_without_a_pin(card: VirtualCard) -> bool:
    """Try what another program could do with the card afterwards."""
    statement = Command(jpki.PROPRIETARY, 0x2A, 0x00, jpki.CURRENT_FILE, b"any", 256).encode()
    for select in ("00a4040c0ad392f000260100000001", "00a4020c020017"):
        assert card.process(bytes.fromhex(select)) == b"\x90\x00"
    return card.process(statement).endswith(b"\x90\x00")


def test_a_verified_pin_does_not_outlive_the_reading(rig: Rig, card: VirtualCard) -> None:
    rig.opened().enter()
    assert not signs_without_a_pin(card)


def test_a_transport_that_forgets_the_reset_would_be_noticed(
    rig: Rig, card: VirtualCard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(VirtualReader, "reset", lambda *_: None)
    rig.opened().enter()
    assert signs_without_a_pin(card)
