"""The consents that could belong to a day's appointments: one look into an index for each."""

from datetime import date

from sqlalchemy import Connection, RowMapping, and_, select

from zaitaku.consent.model import ConsentItem, ConsentState
from zaitaku.consent.tables import NO_VISIT, consent, patient, visit_key
from zaitaku.core.ids import ConsentId, FacilityId, PatientId
from zaitaku.records.appointments.matching import Match
from zaitaku.records.appointments.model import AppointmentId
from zaitaku.records.appointments.store import appointment
from zaitaku.records.conditions import state_of


def matches_on(connection: Connection, facility_id: FacilityId, day: date) -> tuple[Match, ...]:
    """Return the facility's consents that fit the day's appointments by reading and birth date.

    A home-visit consent holds for any day until it is withdrawn; an online one fits only its own
    受診日, because it is taken anew each time (domain.md §12).
    """
    same_person = and_(
        patient.c.birth_date == appointment.c.birth_date,
        patient.c.kana_key == appointment.c.kana_key,
    )
    fits = and_(
        consent.c.facility_id == appointment.c.facility_id,
        consent.c.patient_id == patient.c.id,
        consent.c.channel == appointment.c.channel,
        consent.c.visit_key.in_([NO_VISIT, visit_key(day)]),
    )
    query = (
        select(
            appointment.c.id.label("appointment_id"),
            consent.c.id.label("consent_id"),
            patient.c.id.label("patient_id"),
            patient.c.name,
            *(state_of(item) for item in ConsentItem),
        )
        .select_from(appointment.join(patient, same_person).join(consent, fits))
        .where(appointment.c.facility_id == facility_id, appointment.c.day == day)
        .order_by(appointment.c.id, consent.c.id)
    )
    return tuple(_match(row) for row in connection.execute(query).mappings())


def _match(row: RowMapping) -> Match:
    states = {item: row[item.value] for item in ConsentItem}
    return Match(
        appointment_id=AppointmentId(row["appointment_id"]),
        consent_id=ConsentId(row["consent_id"]),
        patient_id=PatientId(row["patient_id"]),
        name=row["name"] or "",
        granted=tuple(item for item in states if states[item] == ConsentState.GRANT),
        is_withdrawn=ConsentState.WITHDRAWN in states.values(),
    )
