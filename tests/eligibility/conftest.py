"""A sandbox to set up."""

import pytest

from tests.eligibility.bench import Bench
from zaitaku.core.clock import FixedClock
from zaitaku.core.database import Database


@pytest.fixture
def bench(database: Database, clock: FixedClock) -> Bench:
    """On SQLite."""
    return Bench(database, clock)


@pytest.fixture
def any_bench(any_database: Database, clock: FixedClock) -> Bench:
    """The same on each engine."""
    return Bench(any_database, clock)
