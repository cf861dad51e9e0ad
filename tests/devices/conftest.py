"""A facility that makes home visits, its staff, and a bedside device's way in."""

from dataclasses import dataclass

import pytest

from zaitaku.accounts.model import Role
from zaitaku.accounts.passwords import Passwords
from zaitaku.accounts.service import AccountService, LoginAttempt
from zaitaku.core.clock import FixedClock
from zaitaku.core.database import Database
from zaitaku.core.ephemeral import EphemeralStore
from zaitaku.devices.service import DeviceRequest, DeviceService
from zaitaku.facilities.model import EnvironmentSettings, Facility, InstitutionCode
from zaitaku.facilities.service import FacilityService

PASSWORD = "midori-zaka-2026"
KEY = "k" * 43


@dataclass
class Bedside:
    """Two facilities' offices and whoever stands at the bed."""

    database: Database
    clock: FixedClock
    facilities: FacilityService
    accounts: AccountService
    devices: DeviceService

    def facility(self, code: str, *, home_visit: bool = True) -> Facility:
        return self.facilities.add(
            InstitutionCode(code),
            registered_name="みどり坂クリニック",
            phone="03-0000-1234",
            hours="",
            settings=EnvironmentSettings(home_visit=home_visit),
            actor="test",
        )

    def employ(
        self, facility: Facility, user_id: str, role: Role, *, must_change: bool = False
    ) -> None:
        self.accounts.register(
            facility.id,
            role=role,
            user_id=user_id,
            name="みどり",
            kana="ミドリ",
            actor="test",
            password=PASSWORD,
            must_change=must_change,
        )

    def request(
        self,
        facility: Facility,
        digits: str,
        *,
        key: str = KEY,
        user_id: str = "houmon",
        password: str = PASSWORD,
        name: str = "",
    ) -> DeviceRequest:
        login = LoginAttempt(str(facility.code), user_id, password, "192.0.2.1")
        return DeviceRequest(login, digits, key, name)


def bedside_on(database: Database, ephemeral: EphemeralStore, clock: FixedClock) -> Bedside:
    cheap = Passwords(memory_kibibytes=8, iterations=1)
    accounts = AccountService(database=database, ephemeral=ephemeral, clock=clock, passwords=cheap)
    devices = DeviceService(database=database, accounts=accounts, clock=clock)
    facilities = FacilityService(database=database, clock=clock)
    return Bedside(database, clock, facilities, accounts, devices)


@pytest.fixture
def bedside(any_database: Database, ephemeral: EphemeralStore, clock: FixedClock) -> Bedside:
    return bedside_on(any_database, ephemeral, clock)


@pytest.fixture
def clinic(bedside: Bedside) -> Facility:
    clinic = bedside.facility("1310123456")
    bedside.employ(clinic, "houmon", Role.MEDICAL_VIEW)
    return clinic
