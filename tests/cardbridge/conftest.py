"""Cards and readers for the tests of this room."""

from pathlib import Path

import pytest

from tests.cardbridge.cards import Material, make_card, make_material
from tests.cardbridge.namespace import pytest_collection_modifyitems, pytest_runtest_logreport
from zaitaku.cardbridge.virtual.card import VirtualCard
from zaitaku.cardbridge.virtual.reader import VirtualReader

__all__ = ["pytest_collection_modifyitems", "pytest_runtest_logreport"]


@pytest.fixture(scope="session")
def material() -> Material:
    """Keys and certificates, made once: RSA keys take their time."""
    return make_material()


@pytest.fixture
def card(tmp_path: Path, material: Material) -> VirtualCard:
    """An ordinary card with three tries, in a file of its own."""
    return make_card(tmp_path / "card.json", material)


@pytest.fixture
def virtual_reader(card: VirtualCard) -> VirtualReader:
    """A reader that holds the ordinary card."""
    reader = VirtualReader()
    reader.insert(card)
    return reader
