"""The cards for rehearsing are what the virtual card knows, every kind of them."""

from pathlib import Path

import pytest

from zaitaku.cardbridge.virtual.cardfile import CardFile, CardKind, load_folder
from zaitaku.cardbridge.virtual.rehearsal import make_cards
from zaitaku.sandbox.people import Case


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of all cards for rehearsing."""
    return make_cards(tmp_path_factory.mktemp("rehearsal")).cards


@pytest.fixture
def cards(made: Path) -> tuple[CardFile, ...]:
    return load_folder(made)


def test_every_kind_of_card_can_be_rehearsed(cards: tuple[CardFile, ...]) -> None:
    assert {card.kind for card in cards} == set(CardKind)
    assert len({card.name for card in cards}) == len(cards)
    assert len({card.description for card in cards}) == len(cards)


def test_they_come_behind_the_people(cards: tuple[CardFile, ...]) -> None:
    kinds = [card.kind for card in cards]
    assert kinds[0] is CardKind.JPKI
    assert kinds.index(CardKind.ANDROID) == len(Case)


def test_the_phone_is_the_first_persons(cards: tuple[CardFile, ...]) -> None:
    phone = next(card for card in cards if card.kind is CardKind.ANDROID)
    assert phone.certificate == cards[0].certificate
    assert phone.name.startswith(cards[0].name)


def test_they_have_their_tries_back_after_a_restart(
    made: Path, cards: tuple[CardFile, ...]
) -> None:
    phone = next(card for card in cards if card.kind is CardKind.ANDROID)
    phone.save_tries(1)
    make_cards(made.parent)
    assert phone.saved_tries() == 3
