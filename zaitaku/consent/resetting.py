"""Taking back, in the sandbox, what was withdrawn in a test (domain.md §9)."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, exists, select

from zaitaku.audit.model import Act
from zaitaku.audit.store import append
from zaitaku.consent.lines import keep_lines
from zaitaku.consent.model import ConsentState
from zaitaku.consent.tables import consent, consent_item, consent_record, credential, patient
from zaitaku.core.clock import Clock
from zaitaku.core.database import Database
from zaitaku.core.ids import FacilityId


@dataclass(frozen=True)
class WithdrawnReset:
    """Made for the sandbox alone: a real patient's withdrawal is taken back by nobody."""

    database: Database
    clock: Clock

    def count(self, facility_id: FacilityId) -> int:
        """Return how many consents of a facility have something withdrawn."""
        with self.database.reading() as connection:
            query = select(consent_item.c.consent_id).distinct()
            return len(connection.execute(query.where(_withdrawn(facility_id))).all())

    def reset(self, facility_id: FacilityId, *, actor: str) -> int:
        """Let every withdrawn item of a facility stand again, and return how many there were.

        The records of the withdrawals stay, and so does what ended because a card is another
        patient's now, what the patient has said something after, and whatever is withdrawn of
        patients who were joined.
        """
        now = self.clock.now()
        values = {"state": ConsentState.GRANT.value, "since": now}
        chosen = consent_item.update().where(_withdrawn(facility_id)).values(values)
        with self.database.transaction() as connection:
            count = connection.execute(chosen).rowcount
            withdrawn = consent.c.standing == ConsentState.WITHDRAWN.value
            keep_lines(connection, withdrawn & (consent.c.facility_id == facility_id))
            act, detail = Act.RESET_TEST_CONSENTS, {"件数": f"{count}件"}
            append(connection, facility_id, act, actor=actor, at=now, detail=detail)
        return count


def _withdrawn(facility_id: FacilityId) -> ColumnElement[bool]:
    former = patient.alias()
    own = (
        select(consent.c.id)
        .join(credential, credential.c.patient_id == consent.c.patient_id)
        .join(consent_record, consent_record.c.credential_id == credential.c.id)
        .where(
            consent.c.facility_id == facility_id,
            consent.c.id == consent_item.c.consent_id,
            consent_record.c.id == consent_item.c.record_id,
            # Who refuses all that is asked ends what is not asked as well.
            consent.c.recorded_at <= consent_item.c.since,
            # What several cards said is told only as it was joined: nobody knows what stood.
            ~exists().where(former.c.joined_into == consent.c.patient_id),
        )
        .correlate(consent_item)
    )
    return (consent_item.c.state == ConsentState.WITHDRAWN.value) & own.exists()
