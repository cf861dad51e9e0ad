"""資格情報の再照会: what the eligibility check tells now of somebody who consented here.

A home-visit patient is asked about anew at any visit, without the card; somebody who came online,
until their consent is over (domain.md §12). The check is a lawful duty and needs no consent of its
own; the two certificates beside it are shown only where the patient agreed to that (§4).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from sqlalchemy import Connection, select
from sqlalchemy.exc import IntegrityError

from zaitaku.audit.model import Act
from zaitaku.audit.store import append
from zaitaku.consent.model import ConsentItem
from zaitaku.consent.patients import PatientMoved, PatientStore
from zaitaku.consent.present import PresentConsent, PresentConsents
from zaitaku.consent.tables import credential
from zaitaku.core.clock import Clock
from zaitaku.core.database import Database
from zaitaku.core.errors import StoreUnavailable
from zaitaku.core.ids import ConsentId, FacilityId
from zaitaku.eligibility.errors import PersonUnknown
from zaitaku.eligibility.model import EligibilityResult, Identified, Withheld
from zaitaku.eligibility.provider import EligibilityProvider
from zaitaku.facilities.model import Channel
from zaitaku.records.errors import RequeryOver

ATTEMPTS: Final = 5
"""How often what was learnt is written when others write of the same patient."""


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
            RequeryOver: the patient came online, and the consent is over.
            PersonUnknown: the provider does not know the patient, by key or by card.
            EligibilityFailed, EligibilityTimedOut: nobody answered; asking again may help.
            StoreUnavailable: a store is away or locked.
        """
        asked = self._record(facility_id, consent_id, actor)
        person_key = asked.person_key or self._identify(asked).person_key
        answer = self.provider.check(person_key)
        identified = answer if isinstance(answer, Withheld) else answer.person
        self._write(lambda patients: patients.learn(identified))
        return self._as_agreed(answer, asked)

    def _record(self, facility_id: FacilityId, consent_id: ConsentId, actor: str) -> PresentConsent:
        now = self.clock.now()
        with self.database.transaction() as connection:
            found = PresentConsents(connection, facility_id).find(consent_id)
            if found.channel is not Channel.HOME_VISIT and found.is_expired(now):
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

    def _identify(self, asked: PresentConsent) -> Identified:
        """Ask by the patient's cards: the check had not told who it is when they registered."""
        with self.database.reading() as connection:
            hashes = _hashes_of(connection, asked)
        for subject_hash in hashes:
            found = self.provider.find((subject_hash,))
            if found is not None:
                self._settle(subject_hash, found)
                return found
        raise PersonUnknown

    def _settle(self, subject_hash: str, found: Identified) -> None:
        self._write(lambda patients: patients.settle((subject_hash,), found))

    def _write(self, act: Callable[[PatientStore], object]) -> None:
        for _ in range(ATTEMPTS):
            try:
                with self.database.transaction() as connection:
                    act(PatientStore(connection, self.clock.now()))
                    return
            except (IntegrityError, PatientMoved):
                continue  # another transaction joined the patient meanwhile
        raise StoreUnavailable("what was learnt of a patient kept colliding")

    def _as_agreed(
        self, answer: EligibilityResult | Withheld, asked: PresentConsent
    ) -> EligibilityResult | Withheld:
        if isinstance(answer, Withheld) or answer.insurance is None:
            return answer
        granted = asked.granted(self.clock.now())
        insurance = answer.insurance
        if ConsentItem.HIGH_COST_LIMIT not in granted:
            insurance = replace(insurance, high_cost_limit=None)
        if ConsentItem.SPECIFIC_DISEASE not in granted:
            insurance = replace(insurance, specific_disease=None)
        return replace(answer, insurance=insurance)


def _hashes_of(connection: Connection, asked: PresentConsent) -> list[str]:
    query = select(credential.c.subject_hash).where(credential.c.patient_id == asked.patient_id)
    return list(connection.scalars(query.order_by(credential.c.first_seen.desc())))
