"""資格情報の再照会: what the eligibility check tells now of somebody who consented here.

A home-visit patient is asked about anew at any visit, without the card, as long as they agree to
something; somebody who came online, until their consent is over (domain.md §12). After that it
takes the card again. The two certificates beside the check are shown only where the patient agreed
to that (§4).
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from sqlalchemy import Connection, select

from zaitaku.audit.model import Act
from zaitaku.audit.store import append
from zaitaku.consent.model import ConsentItem
from zaitaku.consent.patients import PatientStore
from zaitaku.consent.present import PresentConsent, PresentConsents
from zaitaku.consent.tables import credential
from zaitaku.core.clock import Clock
from zaitaku.core.database import Database
from zaitaku.core.errors import NotFound
from zaitaku.core.ids import ConsentId, FacilityId
from zaitaku.eligibility.errors import PersonUnknown
from zaitaku.eligibility.model import EligibilityResult, Identified, Insurance, Withheld
from zaitaku.eligibility.provider import EligibilityProvider
from zaitaku.records.errors import RequeryOver
from zaitaku.records.learning import keep_learnt


@dataclass(frozen=True)
class EligibilityChecks:
    """Re-queries of all facilities."""

    database: Database
    clock: Clock
    provider: EligibilityProvider

    def requery(
        self, facility_id: FacilityId, consent_id: ConsentId, *, actor: str
    ) -> EligibilityResult | Withheld:
        """Ask what holds for the patient of a consent now; that it was asked is recorded first.

        What the answer tells of the patient's name is kept. No lock waits for the provider.

        Raises:
            NotFound: the facility has no such consent.
            RequeryOver: no consent of the patient allows it any more.
            PersonUnknown: the provider does not know the patient, by key or by card.
            EligibilityFailed, EligibilityTimedOut: nobody answered; asking again may help.
            StoreUnavailable: a store is away or locked.
        """
        now = self.clock.now()
        asked = self._record(facility_id, consent_id, actor, now)
        person_key = asked.person_key or self._identify(asked, now).person_key
        answer = self.provider.check(person_key)
        identified = answer if isinstance(answer, Withheld) else answer.person
        keep_learnt(self.database, now, lambda patients: patients.learn(identified))
        if isinstance(answer, Withheld) or answer.insurance is None:
            return answer
        granted = self._granted(facility_id, consent_id)
        return replace(answer, insurance=_as_agreed(answer.insurance, granted))

    def _record(
        self, facility_id: FacilityId, consent_id: ConsentId, actor: str, now: datetime
    ) -> PresentConsent:
        with self.database.transaction() as connection:
            found = PresentConsents(connection, facility_id).find(consent_id)
            if not found.allows_requery(now):
                raise RequeryOver
            append(
                connection,
                facility_id,
                Act.CHECK_ELIGIBILITY,
                actor=actor,
                at=now,
                subject=found.reference,
            )
        return found

    def _identify(self, asked: PresentConsent, now: datetime) -> Identified:
        """Ask by the patient's cards: the check had not told who it is when they registered."""
        with self.database.reading() as connection:
            hashes = _hashes_of(connection, asked)
        for subject_hash in hashes:
            found = self.provider.find((subject_hash,))
            if found is not None:
                settle = partial(PatientStore.settle, subject_hashes=(subject_hash,), insured=found)
                keep_learnt(self.database, now, settle)
                return found
        raise PersonUnknown

    def _granted(self, facility_id: FacilityId, consent_id: ConsentId) -> Collection[ConsentItem]:
        # Read after the answer: what was withdrawn while it was on its way is not shown.
        try:
            with self.database.reading() as connection:
                present = PresentConsents(connection, facility_id).find(consent_id)
        except NotFound:
            return ()  # it went up in another consent of the same patient
        return present.granted(self.clock.now())


def _as_agreed(insurance: Insurance, granted: Collection[ConsentItem]) -> Insurance:
    if ConsentItem.HIGH_COST_LIMIT not in granted:
        insurance = replace(insurance, high_cost_limit=None)
    if ConsentItem.SPECIFIC_DISEASE not in granted:
        insurance = replace(insurance, specific_disease=None)
    return insurance


def _hashes_of(connection: Connection, asked: PresentConsent) -> list[str]:
    query = select(credential.c.subject_hash).where(credential.c.patient_id == asked.patient_id)
    return list(connection.scalars(query.order_by(credential.c.first_seen.desc())))
