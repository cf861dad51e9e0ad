"""Whose a record is: of who held the credential when it was registered, for ever (domain.md §11).

A credential may move to another patient, when the eligibility provider names another person for
it; what was said with it before stays with the patient of that day. A record without a patient was
written by a process of the version before: it is of whoever holds its credential.
"""

from sqlalchemy import ColumnElement, FromClause, Select, func, select, union_all

from zaitaku.consent.tables import consent_record, credential, patient
from zaitaku.core.ids import PatientId


def is_of(patient_id: PatientId) -> ColumnElement[bool]:
    """Return what holds of the records of a patient and of everybody joined into it."""
    record, former, card = consent_record.alias(), patient.alias(), credential.alias()
    own = select(record.c.id).where(record.c.patient_id == patient_id)
    joined = select(record.c.id).join(former, former.c.id == record.c.patient_id)
    unsigned = select(record.c.id).join(card, card.c.id == record.c.credential_id)
    # Written so that it is found by the credential, not among all records without a patient.
    named = func.coalesce(record.c.patient_id, card.c.patient_id)
    return consent_record.c.id.in_(
        union_all(
            own,
            joined.where(former.c.joined_into == patient_id),
            unsigned.where(card.c.patient_id == patient_id, named == patient_id),
        )
    )


def owners_of(records: FromClause) -> Select[tuple[PatientId]]:
    """Return the patients, as they are joined now, of rows with a record's two columns for it."""
    then = func.coalesce(records.c.patient_id, credential.c.patient_id)
    now = func.coalesce(patient.c.joined_into, patient.c.id)
    joined = records.join(credential, credential.c.id == records.c.credential_id)
    return select(now).select_from(joined.join(patient, patient.c.id == then))
