"""A world for the tests of this room."""

import pytest

from tests.reception.world import World, make_world
from zaitaku.core.clock import FixedClock
from zaitaku.core.database import Database


@pytest.fixture
def world(database: Database, clock: FixedClock) -> World:
    """The services over an empty SQLite database."""
    return make_world(database, clock)


@pytest.fixture
def any_world(any_database: Database, clock: FixedClock) -> World:
    """The services over an empty database, once on each engine."""
    return make_world(any_database, clock)
