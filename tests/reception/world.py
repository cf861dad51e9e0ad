"""A facility with reception URLs, for tests."""

from dataclasses import dataclass
from itertools import count
from typing import Final

from zaitaku.core.clock import Clock
from zaitaku.core.database import Database
from zaitaku.core.signing import Keyring
from zaitaku.facilities.model import Channel, EnvironmentSettings, Facility, InstitutionCode
from zaitaku.facilities.service import FacilityService
from zaitaku.reception.model import UrlVersion
from zaitaku.reception.printing import PrintService
from zaitaku.reception.service import ReceptionService
from zaitaku.reception.tokens import UrlTokens

ORIGIN: Final = "https://zaitaku.example"
OLD_KEY: Final = "o" * 32
KEYS: Final = Keyring(("n" * 32, OLD_KEY))
ACTOR: Final = "admin01"
BOTH_ON: Final = EnvironmentSettings(home_visit=True, online=True)


@dataclass(frozen=True)
class World:
    """The services over one database."""

    database: Database
    facilities: FacilityService
    reception: ReceptionService
    prints: PrintService
    numbers: "count[int]"

    def add_facility(self, settings: EnvironmentSettings = BOTH_ON) -> Facility:
        """Register one more facility, with its first URLs."""
        return self.facilities.add(
            InstitutionCode(f"131{next(self.numbers):07d}"),
            registered_name="みどり在宅クリニック",
            phone="03-1234-5678",
            hours="",
            settings=settings,
            actor="operator:test",
            founding=self.reception.issue_first,
        )

    def current(self, facility: Facility, channel: Channel) -> UrlVersion:
        """Return the living version."""
        return self.reception.show(facility.id, channel).current

    def token(self, version: UrlVersion) -> str:
        """Return the last part of a version's address."""
        return self.reception.address(version).rsplit("/", 1)[1]


def make_world(
    database: Database,
    clock: Clock,
    keys: Keyring = KEYS,
    origin: str = ORIGIN,
    *,
    is_practice: bool = False,
) -> World:
    """Return the services of a deployment over ``database``."""
    reception = ReceptionService(
        database=database, tokens=UrlTokens(keys), origin=origin, clock=clock
    )
    return World(
        database=database,
        facilities=FacilityService(database=database, clock=clock),
        reception=reception,
        prints=PrintService(
            database=database,
            reception=reception,
            clock=clock,
            by_phone=False,
            is_practice=is_practice,
        ),
        numbers=count(1),
    )
