"""The console of one clinic, its staff, and a second facility that must stay out of reach."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.consent.world import HANAKO, TARO, World, sandbox_with
from tests.console.office import Office
from tests.patient.conftest import KEYS, SESSION_KEYS, SUBJECT_KEYS, authority
from zaitaku.accounts.passwords import Passwords
from zaitaku.accounts.service import AccountService
from zaitaku.app import build_app
from zaitaku.consent.wording import Wordings
from zaitaku.core.clock import FixedClock
from zaitaku.core.database import Database
from zaitaku.identity.keys import RequestKeys
from zaitaku.sandbox.authority import TestAuthority
from zaitaku.services import Services, build_services
from zaitaku.settings import Mode, Settings

__all__ = ["authority"]


@pytest.fixture
def services(
    tmp_path: Path, database: Database, authority: TestAuthority, clock: FixedClock
) -> Iterator[Services]:
    """The services of a sandbox on the test's database, with cheap hashing."""
    RequestKeys.make(tmp_path / "request-key.pem")
    settings = Settings(
        mode=Mode.SANDBOX,
        origin="http://localhost:8000",
        database_url=database.url.render_as_string(hide_password=False),
        ephemeral_url=f"sqlite:///{tmp_path / 'ephemeral.db'}",
        url_keys=KEYS,
        session_keys=SESSION_KEYS,
        subject_keys=SUBJECT_KEYS,
        request_key_file=tmp_path / "request-key.pem",
        trust_anchors=(authority.roots_file,),
        crl_file=authority.crl_file,
    )
    built = build_services(settings, clock)
    accounts = AccountService(
        database=built.database,
        ephemeral=built.ephemeral,
        clock=clock,
        passwords=Passwords(memory_kibibytes=8, iterations=1),
    )
    yield replace(built, accounts=accounts)
    built.database.close()


@pytest.fixture(scope="session")
def wordings() -> Wordings:
    """The published texts."""
    return Wordings.load()


@pytest.fixture
def world(database: Database, clock: FixedClock, wordings: Wordings) -> World:
    """Two facilities where people can consent."""
    people = sandbox_with(database, taro=TARO, hanako=HANAKO)
    return World(database, clock, people, wordings=wordings)


@pytest.fixture
def office(services: Services, world: World, clock: FixedClock) -> Office:
    """The first facility's office with one account of each role that people use."""
    office = Office(build_app(services), services, world, clock)
    office.employ()
    return office
