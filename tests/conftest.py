"""What every test may ask for: a held clock, a fresh database, a short-lived store."""

from collections.abc import Iterator
from datetime import datetime
from functools import cache, partial
from pathlib import Path
from typing import Final

import pytest
from hypothesis import settings

from tests.compiling import compiled_once
from tests.databases import (
    fresh_postgres,
    migrated_sqlite_template,
    new_postgres_database,
    sqlite_copy,
)
from tests.lending import AppLender
from zaitaku.accounts.passwords import Passwords
from zaitaku.consent.wording import Wordings
from zaitaku.core.clock import JST, FixedClock
from zaitaku.core.database import Database
from zaitaku.core.ephemeral import EphemeralStore
from zaitaku.core.ephemeral_open import open_ephemeral

# A busy machine is slow, not wrong: an example may take its time.
settings.register_profile("zaitaku", deadline=None)
settings.load_profile("zaitaku")

cheap_passwords: Final = partial(Passwords, memory_kibibytes=8, iterations=1)
"""Hashes that protect nobody."""

NOW = datetime(2026, 11, 20, 10, 0, tzinfo=JST)


LONG_MARKS = frozenset({"browser", "pcscd", "slow"})


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the long files begin first: the short ones fill what is left of the time."""
    long_files = {
        item.path for item in items if LONG_MARKS & {mark.name for mark in item.iter_markers()}
    }
    items.sort(key=lambda item: item.path not in long_files)


@pytest.fixture(scope="session", autouse=True)
def _light_starts() -> Iterator[None]:
    # Every test starts an application: a costly hash for nobody's password, the texts and the
    # templates read again took longer than most of them.
    with compiled_once(), pytest.MonkeyPatch.context() as patch:
        patch.setattr("zaitaku.services.Passwords", cheap_passwords)
        patch.setattr(Wordings, "load", cache(Wordings.load))
        yield


@pytest.fixture
def clock() -> FixedClock:
    """A Friday morning in Japan."""
    return FixedClock(NOW)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated, empty SQLite file that each test copies."""
    return migrated_sqlite_template(tmp_path_factory.mktemp("template"))


@pytest.fixture
def database(tmp_path: Path, sqlite_template: Path) -> Iterator[Database]:
    """A fresh, migrated SQLite database."""
    opened = sqlite_copy(sqlite_template, tmp_path / "zaitaku.db")
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def app_lender() -> AppLender:
    """The application of whoever needs no other than the usual."""
    return AppLender()


@pytest.fixture(scope="session")
def postgres_address() -> Iterator[str]:
    """The address of a real PostgreSQL server with a migrated template database."""
    with fresh_postgres() as address:
        yield address


@pytest.fixture(params=["sqlite", "postgresql"])
def any_database(request: pytest.FixtureRequest) -> Iterator[Database]:
    """A fresh, migrated database, once on each engine."""
    if request.param == "sqlite":
        yield request.getfixturevalue("database")
        return
    with new_postgres_database(request.getfixturevalue("postgres_address")) as opened:
        yield opened


@pytest.fixture
def ephemeral(tmp_path: Path, clock: FixedClock) -> Iterator[EphemeralStore]:
    """A short-lived store on its SQL adapter."""
    opened = open_ephemeral(f"sqlite:///{tmp_path / 'ephemeral.db'}", clock)
    yield opened
    opened.close()
