"""A facility, its accounts, and cheap hashing."""

import pytest

from zaitaku.accounts.passwords import Passwords
from zaitaku.accounts.service import AccountService, LoginAttempt
from zaitaku.accounts.sessions import Sessions
from zaitaku.core.clock import FixedClock
from zaitaku.core.database import Database
from zaitaku.core.ephemeral import EphemeralStore
from zaitaku.facilities.model import EnvironmentSettings, Facility, InstitutionCode
from zaitaku.facilities.service import FacilityService

CODE = "1310123456"
PASSWORD = "midori-zaka-2026"


@pytest.fixture
def passwords() -> Passwords:
    return Passwords(memory_kibibytes=8, iterations=1)


@pytest.fixture
def accounts(
    database: Database, ephemeral: EphemeralStore, clock: FixedClock, passwords: Passwords
) -> AccountService:
    return AccountService(database=database, ephemeral=ephemeral, clock=clock, passwords=passwords)


@pytest.fixture
def sessions(ephemeral: EphemeralStore, clock: FixedClock) -> Sessions:
    return Sessions(ephemeral=ephemeral, clock=clock)


@pytest.fixture
def facility(database: Database, clock: FixedClock) -> Facility:
    return new_facility(database, clock, CODE)


def new_facility(database: Database, clock: FixedClock, code: str) -> Facility:
    return FacilityService(database=database, clock=clock).add(
        InstitutionCode(code),
        registered_name="みどり坂クリニック",
        phone="03-0000-1234",
        hours="",
        settings=EnvironmentSettings(),
        actor="test",
    )


def attempt(
    password: str, *, user_id: str = "staff1", code: str = CODE, address: str = "192.0.2.1"
) -> LoginAttempt:
    return LoginAttempt(code, user_id, password, address)


@pytest.fixture
def any_accounts(
    any_database: Database, ephemeral: EphemeralStore, clock: FixedClock, passwords: Passwords
) -> AccountService:
    return AccountService(
        database=any_database, ephemeral=ephemeral, clock=clock, passwords=passwords
    )


@pytest.fixture
def any_facility(any_database: Database, clock: FixedClock) -> Facility:
    return new_facility(any_database, clock, CODE)
