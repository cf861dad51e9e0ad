"""Worlds to consent in: on SQLite alone, or once on each engine."""

import pytest
from hypothesis import settings

from tests.consent.world import HANAKO, TARO, World, sandbox_with
from zaitaku.consent.wording import Wordings
from zaitaku.core.clock import FixedClock
from zaitaku.core.database import Database

settings.register_profile("zaitaku", deadline=None)  # a busy machine is no failure
settings.load_profile("zaitaku")


@pytest.fixture(scope="session")
def wordings() -> Wordings:
    """The published texts."""
    return Wordings.load()


@pytest.fixture
def world(database: Database, clock: FixedClock, wordings: Wordings) -> World:
    """Two facilities, and two people whose cards are known, on SQLite."""
    eligibility = sandbox_with(database, taro=TARO, hanako=HANAKO)
    return World(database, clock, eligibility, wordings=wordings)


@pytest.fixture
def any_world(any_database: Database, clock: FixedClock, wordings: Wordings) -> World:
    """The same on each engine."""
    eligibility = sandbox_with(any_database, taro=TARO, hanako=HANAKO)
    return World(any_database, clock, eligibility, wordings=wordings)
