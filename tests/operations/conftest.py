"""A deployment to operate: a clinic with patients' pages, cards and keys of its own."""

from pathlib import Path

import pytest

from tests.operations.copies import CODES, add_facility
from tests.patient.conftest import authority, cards, openid, services, site, visitor
from zaitaku.core.clock import FixedClock
from zaitaku.core.database import Database
from zaitaku.operating.backups import make_copy
from zaitaku.operating.deployment import Deployment
from zaitaku.services import Services

__all__ = ["authority", "cards", "openid", "services", "site", "visitor"]


@pytest.fixture
def deployment(services: Services) -> Deployment:
    """The clinic's deployment, as an examination finds it."""
    return Deployment(services.settings, services.database, services.ephemeral, services.clock)


@pytest.fixture
def copy(database: Database, tmp_path: Path, clock: FixedClock) -> Path:
    """A copy of a database with one facility."""
    add_facility(database, CODES[0])
    return make_copy(database, tmp_path / "copies", clock)
