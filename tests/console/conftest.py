"""The console of one clinic, its staff, and a second facility that must stay out of reach."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import NOW, cheap_passwords
from tests.consent.conftest import database, found, wordings, world
from tests.consent.world import World
from tests.console.office import Office, employ
from tests.databases import seal_sqlite, sqlite_copy
from tests.lending import AppLender
from tests.patient.conftest import KEYS, SEAL_KEYS, SESSION_KEYS, SUBJECT_KEYS, authority
from zaitaku.accounts.service import AccountService
from zaitaku.consent.wording import Wordings
from zaitaku.core.clock import FixedClock
from zaitaku.core.database import Database
from zaitaku.core.ephemeral_open import open_ephemeral
from zaitaku.identity.keys import RequestKeys
from zaitaku.sandbox.authority import TestAuthority
from zaitaku.services import Services, build_services
from zaitaku.settings import Mode, Settings

__all__ = ["authority", "database", "wordings", "world"]


@pytest.fixture(scope="session")
def founded_template(
    sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory, wordings: Wordings
) -> Path:
    """A SQLite file with the world, and the first facility's staff, that each test copies."""
    folder, clock = tmp_path_factory.mktemp("staffed"), FixedClock(NOW)
    path = folder / "template.db"
    staffed = sqlite_copy(sqlite_template, path)
    facility = found(staffed, wordings).facility
    ephemeral = open_ephemeral(f"sqlite:///{folder / 'ephemeral.db'}", clock)
    accounts = AccountService(
        database=staffed, ephemeral=ephemeral, clock=clock, passwords=cheap_passwords()
    )
    employ(accounts, facility)
    ephemeral.close()
    seal_sqlite(staffed)
    return path


@pytest.fixture
def services(
    tmp_path: Path,
    database: Database,
    authority: TestAuthority,
    clock: FixedClock,
) -> Iterator[Services]:
    """The services of a sandbox on the test's database."""
    RequestKeys.make(tmp_path / "request-key.pem")
    settings = Settings(
        mode=Mode.SANDBOX,
        origin="http://localhost:8000",
        database_url=database.url.render_as_string(hide_password=False),
        ephemeral_url=f"sqlite:///{tmp_path / 'ephemeral.db'}",
        url_keys=KEYS,
        session_keys=SESSION_KEYS,
        subject_keys=SUBJECT_KEYS,
        seal_keys=SEAL_KEYS,
        request_key_file=tmp_path / "request-key.pem",
        trust_anchors=(authority.roots_file,),
        crl_file=authority.crl_file,
    )
    built = build_services(settings, clock)
    yield built
    built.close()


@pytest.fixture
def office(
    services: Services, world: World, clock: FixedClock, app_lender: AppLender
) -> Iterator[Office]:
    """The first facility's office with one account of each role that people use."""
    with app_lender.lend(services) as app:
        yield Office(app, services, world, clock)
