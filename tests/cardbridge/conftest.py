"""Cards and readers for the tests of this room."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.cardbridge.cards import Material, make_card, make_material
from tests.cardbridge.namespace import pytest_collection_modifyitems, pytest_runtest_logreport
from zaitaku.cardbridge.trust import site
from zaitaku.cardbridge.virtual.card import VirtualCard
from zaitaku.cardbridge.virtual.reader import VirtualReader
from zaitaku.cardbridge.web.words import Words

__all__ = ["pytest_collection_modifyitems", "pytest_runtest_logreport"]


@pytest.fixture(scope="session", autouse=True)
def _read_once() -> Iterator[None]:
    # A test starts a bridge, or several. Each would read all texts and this machine's certificate
    # authorities again, which took longer than most tests.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Words, "load", cache(Words.load))
        patch.setattr(site, "_tls", cache(site._tls))
        yield


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
