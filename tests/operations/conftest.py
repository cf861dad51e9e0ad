"""A deployment to operate: a clinic with patients' pages, cards and keys of its own."""

import pytest

from tests.patient.conftest import authority, cards, openid, services, site, visitor
from zaitaku.operating.deployment import Deployment
from zaitaku.services import Services

__all__ = ["authority", "cards", "openid", "services", "site", "visitor"]


@pytest.fixture
def deployment(services: Services) -> Deployment:
    """The clinic's deployment, as an examination finds it."""
    return Deployment(services.settings, services.database, services.ephemeral, services.clock)
