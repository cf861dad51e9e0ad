"""The bridge, the site that asks it, and a virtual card between them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cardbridge.server.fakesite import FakeSite, serving
from tests.cardbridge.server.rig import Rig
from tests.cardbridge.server.stand import chromium, pad_stand, page, stand, two_readers
from zaitaku.cardbridge.virtual.inprocess import InProcessService
from zaitaku.cardbridge.virtual.reader import VirtualReader

__all__ = ["chromium", "pad_stand", "page", "stand", "two_readers"]


@pytest.fixture
def site() -> Iterator[FakeSite]:
    """A site at a test origin."""
    with serving(FakeSite()) as running:
        yield running


@pytest.fixture
def rig(site: FakeSite, virtual_reader: VirtualReader, tmp_path: Path) -> Rig:
    """A bridge that serves the site and reads the ordinary card."""
    return Rig(site, InProcessService(virtual_reader), tmp_path / "state")
