"""Worlds to consent in: on SQLite alone, or once on each engine."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.conftest import NOW
from tests.consent.world import HANAKO, TARO, World, sandbox_with
from tests.databases import seal_sqlite, sqlite_copy
from zaitaku.consent.wording import Wordings
from zaitaku.core.clock import FixedClock
from zaitaku.core.database import Database
from zaitaku.eligibility.sandbox import SandboxEligibility

settings.register_profile("zaitaku", deadline=None)  # a busy machine is no failure
settings.load_profile("zaitaku")


@pytest.fixture(scope="session")
def wordings() -> Wordings:
    """The published texts."""
    return Wordings.load()


@pytest.fixture(scope="session")
def founded_template(
    sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory, wordings: Wordings
) -> Path:
    """A SQLite file with the world's facilities and people that each test copies."""
    path = tmp_path_factory.mktemp("founded") / "template.db"
    founded = sqlite_copy(sqlite_template, path)
    found(founded, wordings)
    seal_sqlite(founded)
    return path


def found(database: Database, wordings: Wordings) -> World:
    """Put the world's facilities and people into an empty database."""
    people = sandbox_with(database, taro=TARO, hanako=HANAKO)
    return World(database, FixedClock(NOW), people, wordings=wordings)


@pytest.fixture
def database(tmp_path: Path, founded_template: Path) -> Iterator[Database]:
    """A fresh SQLite database in which there are two facilities."""
    opened = sqlite_copy(founded_template, tmp_path / "zaitaku.db")
    yield opened
    opened.close()


@pytest.fixture
def world(database: Database, clock: FixedClock, wordings: Wordings) -> World:
    """Two facilities, and two people whose cards are known, on SQLite."""
    return World(database, clock, SandboxEligibility(database), wordings=wordings)


@pytest.fixture
def any_world(any_database: Database, clock: FixedClock, wordings: Wordings) -> World:
    """The same on each engine."""
    eligibility = sandbox_with(any_database, taro=TARO, hanako=HANAKO)
    return World(any_database, clock, eligibility, wordings=wordings)
