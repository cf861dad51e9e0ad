"""Records and the present state of consents, in the durable store."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Select, bindparam, or_, select

from zaitaku.consent.belonging import owners_of
from zaitaku.consent.document import ConsentDocument
from zaitaku.consent.grams import index_names
from zaitaku.consent.model import ConsentRecord, ConsentState, Decision, Evidence, IdToken
from zaitaku.consent.state import implied_decisions, withdrawn_by
from zaitaku.consent.tables import NO_VISIT, consent, consent_item, consent_record, credential
from zaitaku.core.asking import Question, Row
from zaitaku.core.database import Database
from zaitaku.core.ids import (
    ChallengeId,
    ConsentId,
    CredentialId,
    FacilityId,
    JourneyId,
    PatientId,
    RecordId,
    new_uuid,
)

_EVIDENCE: Final = (
    "origin",
    "nonce",
    "signature",
    "public_key",
    "algorithm",
    "certificate_expires",
    "verified_at",
)
_RECORD: Final = (
    "id",
    "facility_id",
    "credential_id",
    "journey",
    "challenge",
    "reference",
    "recorded_at",
    "valid_until",
    "facility_phone",
    "document",
    "document_sha256",
)


_RECORD_OF_JOURNEY: Final = Question(
    select(consent_record).where(consent_record.c.journey == bindparam("name"))
)
_ONE_RECORD: Final = (
    select(consent_record).where(consent_record.c.id == bindparam("record")).subquery()
)
_STATES_BESIDE_RECORD: Final = Question(
    select(consent_item.c.item, consent_item.c.state)
    .join(consent, consent.c.id == consent_item.c.consent_id)
    .where(
        consent.c.facility_id == bindparam("facility"),
        consent.c.patient_id == owners_of(_ONE_RECORD).scalar_subquery(),
        consent.c.channel == bindparam("channel_word"),
        consent.c.visit_key == bindparam("visit"),
    )
)


def record_of_journey(connection: Connection, journey: JourneyId) -> ConsentRecord | None:
    """Return the record of a journey; the journey's unguessable name is what opens it."""
    query = select(consent_record).where(consent_record.c.journey == journey)
    return _record_or_none(connection.execute(query).mappings().one_or_none())


def registered_record(database: Database, journey: JourneyId) -> ConsentRecord | None:
    """Return the record of a journey in a single question, as every page after the card asks it."""
    rows = database.ask(_RECORD_OF_JOURNEY, name=journey)
    return _record_or_none(next(iter(rows), None))


def present_states(
    database: Database, record: ConsentRecord, document: ConsentDocument
) -> Mapping[str, ConsentState]:
    """Return the present state of every item where a record belongs, in a single question.

    That is: its facility, the patient whose record it is, channel and 受診日.
    """
    day = document.visit_date
    rows = database.ask(
        _STATES_BESIDE_RECORD,
        record=record.id,
        facility=record.facility_id,
        channel_word=document.channel.value,
        visit=day.isoformat() if day else NO_VISIT,
    )
    return {row["item"]: ConsentState(row["state"]) for row in rows}


def records_of(
    connection: Connection, journey: JourneyId, challenge: ChallengeId
) -> list[ConsentRecord]:
    """Return the records of a journey or of a challenge, both from one moment."""
    query = select(consent_record).where(
        or_(consent_record.c.journey == journey, consent_record.c.challenge == challenge)
    )
    return [_record(row) for row in connection.execute(query).mappings()]


@dataclass(frozen=True)
class HeldRecord:
    """A record, and who holds it."""

    record: ConsentRecord
    holder: str
    """The keyed hash under which its credential is known now."""


class ConsentStore:
    """Consents of one facility."""

    def __init__(self, connection: Connection, facility_id: FacilityId) -> None:
        self._connection = connection
        self._facility_id = facility_id

    def append(
        self, record: ConsentRecord, document: ConsentDocument, patient_id: PatientId
    ) -> None:
        """Add a record of the patient whose credential proved it.

        Raises:
            IntegrityError: its journey, challenge or reference stands in another record.
        """
        values = {name: getattr(record, name) for name in _RECORD}
        evidence = _evidence_row(record.evidence)
        own = {
            "facility_id": self._facility_id,
            "url_version_id": document.url_version,
            "patient_id": patient_id,
        }
        self._connection.execute(consent_record.insert().values({**values, **evidence, **own}))

    def find(self, reference: str) -> ConsentRecord | None:
        """Return the facility's record under a reference number."""
        query = select(consent_record).where(
            consent_record.c.facility_id == self._facility_id,
            consent_record.c.reference == reference,
        )
        return _record_or_none(self._connection.execute(query).mappings().one_or_none())

    def held(self, reference: str) -> HeldRecord | None:
        """Return the facility's record under a reference number, with its credential's hash."""
        query = self._held().where(consent_record.c.reference == reference)
        row = self._connection.execute(query).mappings().one_or_none()
        return None if row is None else HeldRecord(_record(row), row["subject_hash"])

    def held_after(self, reference: str, most: int) -> list[HeldRecord]:
        """Return up to ``most`` records, by reference number, that come after ``reference``."""
        query = self._held().where(consent_record.c.reference > reference)
        ordered = query.order_by(consent_record.c.reference).limit(most)
        rows = self._connection.execute(ordered).mappings()
        return [HeldRecord(_record(row), row["subject_hash"]) for row in rows]

    def _held(self) -> Select[Any]:
        return (
            select(consent_record, credential.c.subject_hash)
            .join(credential, credential.c.id == consent_record.c.credential_id)
            .where(consent_record.c.facility_id == self._facility_id)
        )

    def apply(
        self, record: ConsentRecord, document: ConsentDocument, patient_id: PatientId
    ) -> None:
        """Bring the patient's present state up to a record; the patient's row is locked."""
        consent_id = self._keep_consent(record, document, patient_id)
        stated = {answer.item: answer.decision for answer in document.decisions}
        standing = self._states(consent_id)
        effects = {**withdrawn_by(stated, standing), **implied_decisions(stated)}
        rows = [_item_row(record, consent_id, item, decision) for item, decision in effects.items()]
        replaced = consent_item.c.item.in_([row["item"] for row in rows])
        of_consent = consent_item.c.consent_id == consent_id
        if standing:
            self._connection.execute(consent_item.delete().where(of_consent & replaced))
        self._connection.execute(consent_item.insert(), rows)
        index_names(self._connection, consent.c.id == consent_id)

    def _keep_consent(
        self, record: ConsentRecord, document: ConsentDocument, patient_id: PatientId
    ) -> ConsentId:
        place = self._place(document, patient_id)
        latest = _latest(record)
        query = select(consent.c.id).filter_by(**place)
        found = self._connection.execute(query).scalar_one_or_none()
        if found is not None:
            self._connection.execute(consent.update().where(consent.c.id == found).values(latest))
            return ConsentId(found)
        name = ConsentId(new_uuid())
        values = {"id": name, **place, "visit_date": document.visit_date, **latest}
        self._connection.execute(consent.insert().values(values))
        return name

    def _place(self, document: ConsentDocument, patient_id: PatientId) -> dict[str, Any]:
        day = document.visit_date
        return {
            "facility_id": self._facility_id,
            "patient_id": patient_id,
            "channel": document.channel.value,
            "visit_key": day.isoformat() if day else NO_VISIT,
        }

    def _states(self, consent_id: ConsentId) -> Mapping[str, ConsentState]:
        query = select(consent_item.c.item, consent_item.c.state)
        rows = self._connection.execute(query.where(consent_item.c.consent_id == consent_id))
        return {item: ConsentState(state) for item, state in rows}


def _latest(record: ConsentRecord) -> dict[str, Any]:
    return {
        "valid_until": record.valid_until,
        "record_id": record.id,
        "recorded_at": record.recorded_at,
        "reference": record.reference,
    }


def _item_row(
    record: ConsentRecord, consent_id: ConsentId, item: str, decision: Decision
) -> dict[str, Any]:
    return {
        "consent_id": consent_id,
        "item": item,
        "state": decision.value,
        "since": record.recorded_at,
        "record_id": record.id,
    }


def _record_or_none(row: Row | None) -> ConsentRecord | None:
    return None if row is None else _record(row)


def _record(row: Row) -> ConsentRecord:
    values = {name: row[name] for name in _RECORD}
    values["id"] = RecordId(row["id"])
    values["credential_id"] = CredentialId(row["credential_id"])
    return ConsentRecord(**values, evidence=_evidence(row))


def _evidence_row(evidence: Evidence) -> dict[str, Any]:
    token = evidence.id_token
    return {
        **{name: getattr(evidence, name) for name in _EVIDENCE},
        "id_token": token.token if token else None,
        "id_token_key": token.key if token else None,
    }


def _evidence(row: Row) -> Evidence:
    token = None if row["id_token"] is None else IdToken(row["id_token"], row["id_token_key"])
    return Evidence(**{name: row[name] for name in _EVIDENCE}, id_token=token)
