"""What a database holds that is copied."""

from zaitaku.core.clock import SystemClock
from zaitaku.core.database import Database
from zaitaku.facilities.model import EnvironmentSettings, InstitutionCode
from zaitaku.facilities.service import FacilityService

CODES = [f"131012345{digit}" for digit in range(10)]


def add_facility(database: Database, code: str) -> None:
    service = FacilityService(database=database, clock=SystemClock())
    service.add(
        InstitutionCode(code),
        registered_name="みどり坂クリニック",
        phone="03-0000-1234",
        hours="",
        settings=EnvironmentSettings(home_visit=True),
        actor="test",
    )
