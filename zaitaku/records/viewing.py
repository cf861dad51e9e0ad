"""Viewing medical information: allowed, recorded, and only then asked for (domain.md §6, §8)."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from sqlalchemy import Connection

from zaitaku.consent.model import ConsentItem, ConsentState
from zaitaku.consent.patients import PatientMoved
from zaitaku.consent.present import PresentConsent, PresentConsents
from zaitaku.core.clock import Clock
from zaitaku.core.database import Database
from zaitaku.core.errors import StoreUnavailable
from zaitaku.core.ids import AccountId, ConsentId, FacilityId, new_uuid
from zaitaku.eligibility.medical import (
    Checkup,
    ClinicalInformation,
    MedicalInformationProvider,
    MedicalInformationWithheld,
    MedicationInformation,
    SurgeryInformation,
)
from zaitaku.eligibility.model import Withheld
from zaitaku.eligibility.months import MonthRange
from zaitaku.records.errors import Refusal, ViewRefused
from zaitaku.records.learning import keep_learnt
from zaitaku.records.store import view_record
from zaitaku.records.view_kinds import Part, ViewKind, items_of, open_parts

ATTEMPTS: Final = 5
"""How often it looks anew when the patient is joined with another at the same moment."""


@dataclass(frozen=True)
class Viewer:
    """Who wants to see it."""

    facility_id: FacilityId
    account_id: AccountId
    actor: str
    """User ID and name, as they are now."""
    shares_charts: bool
    """Whether the facility uses 電子カルテ情報共有サービス."""


@dataclass(frozen=True)
class View:
    """One view that is recorded; what it shows is asked for by it and by nothing else."""

    consent: PresentConsent
    person_key: str
    kind: ViewKind
    months: MonthRange
    parts: tuple[Part, ...]
    """What consent stands for; the others of the kind are not shown."""
    viewed_at: datetime


@dataclass(frozen=True)
class MedicalInformation:
    """What a view shows; ``None``: nothing of it is open."""

    surgery: SurgeryInformation | None = None
    clinical: ClinicalInformation | None = None
    medication: MedicationInformation | None = None
    checkups: tuple[Checkup, ...] | None = None


@dataclass(frozen=True)
class ViewingService:
    """Viewing in all facilities."""

    database: Database
    provider: MedicalInformationProvider
    clock: Clock

    def open(
        self, viewer: Viewer, consent_id: ConsentId, kind: ViewKind, months: MonthRange
    ) -> View:
        """Record that ``viewer`` looks at what consent stands for at this moment.

        The consent is held while the record is written: a withdrawal that is committed before is
        respected, and one that comes later finds the record.

        Raises:
            NotFound: the viewer's facility has no such consent.
            ViewRefused: no consent to any of it stands.
            StoreUnavailable: nothing is certain to be recorded, so nothing may be shown.
        """
        for _ in range(ATTEMPTS):
            try:
                with self.database.transaction() as connection:
                    return self._open(connection, viewer, consent_id, kind, months)
            except PatientMoved:
                continue  # the next look finds where the consent went
        raise StoreUnavailable("patients kept moving")

    def show(self, view: View) -> MedicalInformation:
        """Ask for what a recorded view may show.

        Raises:
            MedicalInformationFailed: no answer; the record of the view stays.
            MedicalInformationWithheld: nothing of this person may be shown.
        """
        try:
            return MedicalInformation(
                surgery=self._surgery(view),
                clinical=self._clinical(view),
                medication=self._medication(view),
                checkups=self._checkups(view),
            )
        except MedicalInformationWithheld:
            # From now on no list and no search shows the name either (domain.md §9).
            withheld = Withheld(view.person_key)
            keep_learnt(self.database, view.viewed_at, lambda patients: patients.learn(withheld))
            raise

    def _open(
        self,
        connection: Connection,
        viewer: Viewer,
        consent_id: ConsentId,
        kind: ViewKind,
        months: MonthRange,
    ) -> View:
        consents = PresentConsents(connection, viewer.facility_id)
        held = consents.hold(consent_id, to_change=False)
        # Read once the consent is held, so that it is judged by the moment that is recorded.
        now = self.clock.now()
        widened = consents.widened(held) if viewer.shares_charts else frozenset[ConsentItem]()
        parts = open_parts(kind, granted=held.granted(now), widened=widened)
        if not parts:
            raise ViewRefused(_reason(held, kind, now))
        if held.person_key is None:
            raise ViewRefused(Refusal.NOT_OBTAINED)
        view = View(held, held.person_key, kind, months, parts, now)
        _record(connection, viewer, view)
        return view

    def _surgery(self, view: View) -> SurgeryInformation | None:
        if not {Part.SURGERY, Part.CONDITIONS} & set(view.parts):
            return None
        is_shared = Part.CONDITIONS in view.parts
        told = self.provider.surgeries(view.person_key, view.months, with_shared=is_shared)
        return told if Part.SURGERY in view.parts else replace(told, surgeries=())

    def _clinical(self, view: View) -> ClinicalInformation | None:
        if not {Part.CLINICAL, Part.TESTS} & set(view.parts):
            return None
        is_shared = Part.TESTS in view.parts
        told = self.provider.clinical(view.person_key, view.months, with_shared=is_shared)
        return told if Part.CLINICAL in view.parts else replace(told, treatments=())

    def _medication(self, view: View) -> MedicationInformation | None:
        if Part.MEDICATION not in view.parts:
            return None
        is_shared = Part.PRESCRIPTIONS in view.parts
        return self.provider.medications(view.person_key, view.months, with_shared=is_shared)

    def _checkups(self, view: View) -> tuple[Checkup, ...] | None:
        if Part.CHECKUP not in view.parts:
            return None
        return self.provider.checkups(view.person_key, view.months)


def _reason(held: PresentConsent, kind: ViewKind, now: datetime) -> Refusal:
    states = {item: standing.state for item, standing in held.items.items()}
    said = {states[item] for item in items_of(kind) if item in states}
    if ConsentState.GRANT in said and held.is_expired(now):
        return Refusal.EXPIRED
    return Refusal.WITHDRAWN if ConsentState.WITHDRAWN in said else Refusal.NOT_GRANTED


def _record(connection: Connection, viewer: Viewer, view: View) -> None:
    row = {
        "id": new_uuid(),
        "facility_id": viewer.facility_id,
        "account_id": viewer.account_id,
        "actor": viewer.actor,
        "patient_id": view.consent.patient_id,
        "record_id": view.consent.record_id,
        "kind": view.kind.value,
        "parts": [part.value for part in view.parts],
        "first_month": str(view.months.first),
        "last_month": str(view.months.last),
        "viewed_at": view.viewed_at,
    }
    connection.execute(view_record.insert().values(row))
