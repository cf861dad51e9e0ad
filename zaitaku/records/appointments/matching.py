"""Which of the expected patients have consented: by reading and birth date, never by guessing.

What the facility writes and what the eligibility check tells may differ in the characters of a
name (髙 and 高) and not in its reading. Where reading and birth date fit more than one person, or
the name is written otherwise, the line says that somebody must look, and is never taken for done.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final

from zaitaku.consent.model import ConsentItem
from zaitaku.consent.search import search_form
from zaitaku.core.ids import ConsentId, PatientId
from zaitaku.records.appointments.model import Appointment, AppointmentId


class Standing(StrEnum):
    """What is known of an expected patient's consent, for that day and channel."""

    MISSING = "missing"
    """Nothing is registered yet."""
    WITHDRAWN = "withdrawn"
    """What was granted was taken back."""
    REFUSED = "refused"
    """The patient answered, and agreed to nothing."""
    UNSURE = "unsure"
    """Somebody must look; ``doubt`` tells why."""
    CERTIFICATES = "certificates"
    """The patient agreed to certificates alone, to no medical information."""
    CONSENTED = "consented"
    """Something of ``MEDICAL_ITEMS`` may be viewed."""


MEDICAL_ITEMS: Final = frozenset(
    {ConsentItem.SURGERY, ConsentItem.CLINICAL, ConsentItem.MEDICATION, ConsentItem.CHECKUP}
)
"""The items that let the facility view medical information; the others are certificates."""


class Doubt(StrEnum):
    """Why a consent that fits is not taken for the patient's."""

    SEVERAL_PATIENTS = "several-patients"
    """More than one person who consented here has this reading and birth date."""
    SEVERAL_APPOINTMENTS = "several-appointments"
    """More than one person who is expected has this reading and birth date."""
    NAME_DIFFERS = "name-differs"
    """Who consented writes the name otherwise."""


@dataclass(frozen=True)
class Match:
    """A consent for the day and channel of an appointment, of somebody who could be meant."""

    appointment_id: AppointmentId
    consent_id: ConsentId
    patient_id: PatientId
    name: str
    granted: tuple[ConsentItem, ...]
    is_withdrawn: bool


@dataclass(frozen=True)
class Expected:
    """An appointment, and what is known of the patient's consent."""

    appointment: Appointment
    standing: Standing
    doubt: Doubt | None
    consents: tuple[ConsentId, ...]
    """What could be the patient's: one, or more where that is the doubt."""
    granted: tuple[ConsentItem, ...] = ()
    """What the patient agreed to, where that is known."""

    @property
    def is_open(self) -> bool:
        """Whether somebody has to do something before the patient comes.

        Who refused or took back has answered, and is not asked again (domain.md §12: insured care
        does not depend on it).
        """
        return self.standing in {Standing.MISSING, Standing.UNSURE}


Person = tuple[str, date]


def expected_of(
    appointments: Iterable[Appointment], matches: Iterable[Match]
) -> tuple[Expected, ...]:
    """Return the appointments in their order, each with what is known."""
    listed = tuple(appointments)
    by_appointment: dict[AppointmentId, list[Match]] = defaultdict(list)
    for match in matches:
        by_appointment[match.appointment_id].append(match)
    shared = _shared(listed)
    return tuple(
        _expected(each, by_appointment[each.id], is_shared=shared[_person(each)]) for each in listed
    )


def _expected(appointment: Appointment, found: list[Match], *, is_shared: bool) -> Expected:
    consents = tuple(match.consent_id for match in found)
    if not found:
        return Expected(appointment, Standing.MISSING, None, consents)
    doubt = _doubt(appointment, found, is_shared=is_shared)
    if doubt:
        return Expected(appointment, Standing.UNSURE, doubt, consents)
    return Expected(appointment, _standing(found[0]), None, consents, found[0].granted)


def _doubt(appointment: Appointment, found: list[Match], *, is_shared: bool) -> Doubt | None:
    if len({match.patient_id for match in found}) > 1:
        return Doubt.SEVERAL_PATIENTS
    if is_shared:
        return Doubt.SEVERAL_APPOINTMENTS
    is_same = search_form(found[0].name) == search_form(appointment.name)
    return None if is_same else Doubt.NAME_DIFFERS


def _standing(match: Match) -> Standing:
    if match.granted:
        is_medical = not MEDICAL_ITEMS.isdisjoint(match.granted)
        return Standing.CONSENTED if is_medical else Standing.CERTIFICATES
    return Standing.WITHDRAWN if match.is_withdrawn else Standing.REFUSED


def _shared(appointments: tuple[Appointment, ...]) -> Mapping[Person, bool]:
    # One person may come twice a day; two who share reading and birth date are told apart by the
    # facility's number, or by how the name is written.
    names: dict[Person, set[str]] = defaultdict(set)
    numbers: dict[Person, set[str]] = defaultdict(set)
    for each in appointments:
        names[_person(each)].add(search_form(each.name))
        if each.patient_number:
            numbers[_person(each)].add(each.patient_number)
    return {who: len(names[who]) > 1 or len(numbers[who]) > 1 for who in names}


def _person(appointment: Appointment) -> Person:
    return appointment.kana_key, appointment.birth_date
