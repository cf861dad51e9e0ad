"""Records and the present state of consents, in the durable store."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Select, bindparam, exists, select

from zaitaku.consent.belonging import owners_of
from zaitaku.consent.document import ConsentDocument
from zaitaku.consent.model import STATES, ConsentRecord, ConsentState, Evidence, IdToken
from zaitaku.consent.tables import consent, consent_item, consent_record, credential, visit_key
from zaitaku.core.asking import Question, Row
from zaitaku.core.database import Database
from zaitaku.core.ids import (
    CredentialId,
    FacilityId,
    JourneyId,
    RecordId,
    UrlVersionId,
)
from zaitaku.reception.model import ReceptionContext
from zaitaku.reception.store import context_beside, context_found, contexts_of

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
_PREFIX: Final = "of_record_"
_PLACED_RECORD: Final = Question(
    contexts_of(consent_record)
    .add_columns(*(column.label(_PREFIX + column.name) for column in consent_record.c))
    .where(consent_record.c.journey == bindparam("name"))
)
_PLACE_OF_JOURNEY: Final = context_beside(
    exists().where(consent_record.c.journey == bindparam("name")).label("is_registered")
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


def placed_record(
    database: Database, journey: JourneyId
) -> tuple[ConsentRecord, ReceptionContext] | None:
    """Return the record of a journey and where its version leads, in a single question."""
    rows = database.ask(_PLACED_RECORD, name=journey)
    place = context_found(rows)
    if place is None:
        return None
    own = {name.removeprefix(_PREFIX): rows[0][name] for name in rows[0] if _PREFIX in name}
    return record_from(own), place


def place_of_journey(
    database: Database, journey: JourneyId, version: UrlVersionId
) -> tuple[bool, Sequence[Row]]:
    """Tell whether a journey has a record, and what is found of its version, in one question."""
    rows = database.ask(_PLACE_OF_JOURNEY, name=journey, version=version)
    return any(row["is_registered"] for row in rows), rows


def present_states(
    database: Database, record: ConsentRecord, document: ConsentDocument
) -> Mapping[str, ConsentState]:
    """Return the present state of every item where a record belongs, in a single question.

    That is: its facility, the patient whose record it is, channel and 受診日.
    """
    rows = database.ask(
        _STATES_BESIDE_RECORD,
        record=record.id,
        facility=record.facility_id,
        channel_word=document.channel.value,
        visit=visit_key(document.visit_date),
    )
    return {row["item"]: STATES[row["state"]] for row in rows}


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
        return None if row is None else HeldRecord(record_from(row), row["subject_hash"])

    def held_after(self, reference: str, most: int) -> list[HeldRecord]:
        """Return up to ``most`` records, by reference number, that come after ``reference``."""
        query = self._held().where(consent_record.c.reference > reference)
        ordered = query.order_by(consent_record.c.reference).limit(most)
        rows = self._connection.execute(ordered).mappings()
        return [HeldRecord(record_from(row), row["subject_hash"]) for row in rows]

    def _held(self) -> Select[Any]:
        return (
            select(consent_record, credential.c.subject_hash)
            .join(credential, credential.c.id == consent_record.c.credential_id)
            .where(consent_record.c.facility_id == self._facility_id)
        )


def _record_or_none(row: Row | None) -> ConsentRecord | None:
    return None if row is None else record_from(row)


def record_from(row: Row) -> ConsentRecord:
    """Return the record of a row."""
    values = {name: row[name] for name in _RECORD}
    values["id"] = RecordId(row["id"])
    values["credential_id"] = CredentialId(row["credential_id"])
    return ConsentRecord(**values, evidence=_evidence(row))


def record_row(record: ConsentRecord) -> dict[str, Any]:
    """Return what a row keeps of a record; its patient and URL version stand beside."""
    return {name: getattr(record, name) for name in _RECORD} | _evidence_row(record.evidence)


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
