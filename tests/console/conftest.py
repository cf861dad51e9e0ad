"""The console of one clinic, its staff, and a second facility that must stay out of reach."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.consent.conftest import database, founded_template, wordings, world
from tests.consent.world import World
from tests.console.office import Office
from tests.lending import AppLender
from tests.patient.conftest import KEYS, SEAL_KEYS, SESSION_KEYS, SUBJECT_KEYS, authority
from zaitaku.accounts.passwords import Passwords
from zaitaku.core.clock import FixedClock
from zaitaku.core.database import Database
from zaitaku.identity.keys import RequestKeys
from zaitaku.sandbox.authority import TestAuthority
from zaitaku.services import Services, build_services
from zaitaku.settings import Mode, Settings

__all__ = ["authority", "database", "founded_template", "wordings", "world"]


@pytest.fixture
def services(
    tmp_path: Path,
    database: Database,
    authority: TestAuthority,
    clock: FixedClock,
    monkeypatch: pytest.MonkeyPatch,
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
        seal_keys=SEAL_KEYS,
        request_key_file=tmp_path / "request-key.pem",
        trust_anchors=(authority.roots_file,),
        crl_file=authority.crl_file,
    )
    cheap = partial(Passwords, memory_kibibytes=8, iterations=1)
    monkeypatch.setattr("zaitaku.services.Passwords", cheap)
    built = build_services(settings, clock)
    yield built
    built.database.close()


@pytest.fixture
def office(
    services: Services, world: World, clock: FixedClock, app_lender: AppLender
) -> Iterator[Office]:
    """The first facility's office with one account of each role that people use."""
    with app_lender.lend(services) as app:
        office = Office(app, services, world, clock)
        office.employ()
        yield office
