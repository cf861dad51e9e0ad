"""The operator's pages on the databases of the console's tests."""

import pytest

from tests.consent.world import World
from tests.console.conftest import (
    authority,
    database,
    founded_template,
    office,
    services,
    wordings,
    world,
)
from tests.console.office import Browser, Office
from zaitaku.core.clock import FixedClock
from zaitaku.operator_site import build_operator_site
from zaitaku.services import Services

__all__ = ["authority", "database", "founded_template", "office", "services", "wordings", "world"]

KEY = "the key that the terminal shows"


@pytest.fixture
def desk(services: Services, world: World, clock: FixedClock) -> Office:
    """The operator's site beside two facilities."""
    return Office(build_operator_site(services, KEY), services, world, clock)


@pytest.fixture
def browser(desk: Office) -> Browser:
    """The operator's browser, let in."""
    browser = desk.browser()
    browser.get(f"/operator/enter?key={KEY}")
    browser.send(key=KEY)
    return browser
