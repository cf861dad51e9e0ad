"""A facility with patients to list."""

import pytest

from tests.consent.world import HANAKO, TARO, World, sandbox_with
from zaitaku.core.clock import FixedClock
from zaitaku.core.database import Database


@pytest.fixture
def world(database: Database, clock: FixedClock) -> World:
    """Two facilities and two known people, on SQLite."""
    return World(database, clock, sandbox_with(database, taro=TARO, hanako=HANAKO))


@pytest.fixture
def any_world(any_database: Database, clock: FixedClock) -> World:
    """The same on each engine."""
    return World(any_database, clock, sandbox_with(any_database, taro=TARO, hanako=HANAKO))
