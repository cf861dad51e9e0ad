"""One consented patient: who it is, what stands, and all that was ever said here (domain.md §8)."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import Connection, RowMapping, Select, func, select

from zaitaku.consent.belonging import is_of
from zaitaku.consent.model import Receipt
from zaitaku.consent.patients import is_withheld
from zaitaku.consent.present import PresentConsent, PresentConsents
from zaitaku.consent.receipts import receipt_from
from zaitaku.consent.store import ConsentStore
from zaitaku.consent.tables import consent, consent_record, patient
from zaitaku.consent.withdrawal import Withdrawal
from zaitaku.consent.withdrawing import WithdrawalStore
from zaitaku.consent.wording import Wordings
from zaitaku.core.errors import NotFound
from zaitaku.core.ids import ConsentId, FacilityId, PatientId
from zaitaku.eligibility.model import Sex
from zaitaku.facilities.model import Channel

HISTORY_SIZE: Final = 50
"""Records that one page of a patient's history shows."""
MOST_PLACES: Final = 100
"""Other consents of the patient that the page names; the list finds all of them."""


@dataclass(frozen=True)
class Person:
    """The patient as the eligibility check told; everything ``None``: not told, or withheld."""

    name: str | None
    kana: str | None
    birth_date: date | None
    sex: Sex | None
    is_withheld: bool = False
    """Nothing may be shown of the patient (自己情報提供不可)."""


@dataclass(frozen=True)
class Place:
    """Another consent of the same patient at this facility."""

    consent_id: ConsentId
    channel: Channel
    visit_date: date | None
    recorded_at: datetime


@dataclass(frozen=True)
class Statement:
    """One record: what was said, on which words, and how."""

    receipt: Receipt
    is_by_app: bool
    """Read by an app of the patient's phone; otherwise the card signed."""


@dataclass(frozen=True)
class PatientDetail:
    """What the page of one consent shows."""

    person: Person
    consent: PresentConsent
    others: tuple[Place, ...]
    statements: tuple[Statement, ...]
    """One page of them, newest first."""
    total: int
    """Of the statements."""
    withdrawals: tuple[Withdrawal, ...]


PERSON: Final = (
    patient.c.name,
    patient.c.kana,
    patient.c.birth_date,
    patient.c.sex,
    patient.c.person_key,
)
"""The columns that ``person_from`` reads."""


class PatientDetails:
    """The patients of one facility, one by one."""

    def __init__(self, connection: Connection, facility_id: FacilityId, wordings: Wordings) -> None:
        self._connection = connection
        self._facility_id = facility_id
        self._wordings = wordings

    def find(self, consent_id: ConsentId, *, page: int = 1) -> PatientDetail:
        """Return the patient of a consent, with one page of the history.

        Raises:
            NotFound: this facility has no such consent.
        """
        present = PresentConsents(self._connection, self._facility_id).find(consent_id)
        withdrawals = WithdrawalStore(self._connection, self._facility_id)
        return PatientDetail(
            person=self.person(present.patient_id),
            consent=present,
            others=tuple(self._others(present)),
            statements=tuple(self._statements(present.patient_id, page)),
            total=self._total(present.patient_id),
            withdrawals=tuple(withdrawals.of_patient(present.patient_id)),
        )

    def statement(self, consent_id: ConsentId, reference: str) -> Statement:
        """Return one record of the patient of a consent.

        Raises:
            NotFound: this facility has no such consent, or its patient no such record.
        """
        present = PresentConsents(self._connection, self._facility_id).find(consent_id)
        query = self._of(present.patient_id).with_only_columns(consent_record.c.reference)
        own = query.where(consent_record.c.reference == reference)
        if self._connection.scalars(own).one_or_none() is None:
            raise NotFound("record")
        return self._statement(reference)

    def person(self, patient_id: PatientId) -> Person:
        """Return what may be shown of a patient."""
        query = select(*PERSON).where(patient.c.id == patient_id)
        return person_from(self._connection.execute(query).mappings().one())

    def _others(self, present: PresentConsent) -> list[Place]:
        query = (
            select(consent)
            .where(
                consent.c.facility_id == self._facility_id,
                consent.c.patient_id == present.patient_id,
                consent.c.id != present.id,
            )
            .order_by(consent.c.recorded_at.desc(), consent.c.id)
            .limit(MOST_PLACES)
        )
        return [_place(row) for row in self._connection.execute(query).mappings()]

    def _statements(self, patient_id: PatientId, page: int) -> list[Statement]:
        query = self._of(patient_id).with_only_columns(consent_record.c.reference)
        newest = query.order_by(consent_record.c.recorded_at.desc(), consent_record.c.id.desc())
        chosen = newest.limit(HISTORY_SIZE).offset((page - 1) * HISTORY_SIZE)
        return [self._statement(reference) for reference in self._connection.scalars(chosen)]

    def _total(self, patient_id: PatientId) -> int:
        query = self._of(patient_id).with_only_columns(func.count())
        return self._connection.execute(query).scalar_one()

    def _of(self, patient_id: PatientId) -> Select[Any]:
        # The facility is asked of what is the patient's; its own index has all of its records.
        facility = func.coalesce(consent_record.c.facility_id, consent_record.c.id)
        return select(consent_record).where(is_of(patient_id), facility == self._facility_id)

    def _statement(self, reference: str) -> Statement:
        record = ConsentStore(self._connection, self._facility_id).find(reference)
        if record is None:
            raise NotFound("record")
        is_by_app = record.evidence.id_token is not None
        return Statement(receipt_from(record, self._wordings), is_by_app)


def person_from(row: RowMapping) -> Person:
    """Return the person in a row that has the columns of ``PERSON``."""
    sex = Sex(row["sex"]) if row["sex"] else None
    return Person(row["name"], row["kana"], row["birth_date"], sex, is_withheld(row))


def _place(row: RowMapping) -> Place:
    return Place(
        consent_id=ConsentId(row["id"]),
        channel=Channel(row["channel"]),
        visit_date=row["visit_date"],
        recorded_at=row["recorded_at"],
    )
