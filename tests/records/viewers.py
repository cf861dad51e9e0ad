"""Somebody who views medical information, and a provider that tells what it was asked."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from tests.consent.world import World
from zaitaku.accounts.model import Role
from zaitaku.accounts.passwords import Passwords
from zaitaku.accounts.service import AccountService
from zaitaku.consent.tables import consent
from zaitaku.core.ephemeral import EphemeralStore
from zaitaku.core.ids import ConsentId
from zaitaku.eligibility.medical import (
    Checkup,
    ClinicalInformation,
    Condition,
    MedicationInformation,
    Surgery,
    SurgeryInformation,
)
from zaitaku.eligibility.months import Month, MonthRange
from zaitaku.facilities.model import Channel, Facility
from zaitaku.records.view_kinds import ViewKind
from zaitaku.records.viewing import View, Viewer, ViewingService

MONTHS: Final = MonthRange(Month(2026, 1), Month(2026, 11))
DAY: Final = date(2026, 3, 3)
SURGERY: Final = Surgery(DAY, "あおぞら病院", "眼科", "水晶体再建術", "K282", False)
CONDITION: Final = Condition("高血圧症", "I10", DAY, "あおぞら病院", True)


@dataclass
class Provider:
    """Remembers each question; ``before`` runs when one comes."""

    asked: list[tuple[str, str, bool]] = field(default_factory=list)
    before: Callable[[], None] = lambda: None

    def _note(self, what: str, person_key: str, with_shared: bool) -> None:
        self.before()
        self.asked.append((what, person_key, with_shared))

    def surgeries(
        self, person_key: str, months: MonthRange, *, with_shared: bool
    ) -> SurgeryInformation:
        self._note("surgeries", person_key, with_shared)
        return SurgeryInformation((SURGERY,), (CONDITION,) if with_shared else ())

    def clinical(
        self, person_key: str, months: MonthRange, *, with_shared: bool
    ) -> ClinicalInformation:
        self._note("clinical", person_key, with_shared)
        return ClinicalInformation()

    def medications(
        self, person_key: str, months: MonthRange, *, with_shared: bool
    ) -> MedicationInformation:
        self._note("medications", person_key, with_shared)
        return MedicationInformation()

    def checkups(self, person_key: str, months: MonthRange) -> tuple[Checkup, ...]:
        self._note("checkups", person_key, with_shared=False)
        return ()


@dataclass
class Desk:
    """One member of staff at a facility."""

    world: World
    viewer: Viewer
    provider: Provider = field(default_factory=Provider)

    @property
    def viewing(self) -> ViewingService:
        return ViewingService(self.world.database, self.provider, self.world.clock)

    def consent_id(self, channel: Channel = Channel.HOME_VISIT) -> ConsentId:
        """The newest consent on a channel."""
        rows = [row for row in self.world.rows(consent) if row["channel"] == channel]
        return ConsentId(max(rows, key=lambda row: str(row["recorded_at"]))["id"])

    def open(
        self, kind: ViewKind = ViewKind.TREATMENT, channel: Channel = Channel.HOME_VISIT
    ) -> View:
        """View a kind of information of the newest consent."""
        return self.viewing.open(self.viewer, self.consent_id(channel), kind, MONTHS)


def desk_at(world: World, ephemeral: EphemeralStore, facility: Facility | None = None) -> Desk:
    """Employ somebody who may view."""
    place = facility or world.facility
    accounts = AccountService(
        database=world.database,
        ephemeral=ephemeral,
        clock=world.clock,
        passwords=Passwords(memory_kibibytes=8, iterations=1),
    )
    new = accounts.register(
        place.id,
        role=Role.MEDICAL_VIEW,
        user_id="etsuran",
        name="みどり",
        kana="ミドリ",
        actor="test",
        password="midori-zaka-2026",
        must_change=False,
    )
    viewer = Viewer(place.id, new.account.id, "etsuran みどり", shares_charts=False)
    return Desk(world, viewer)
