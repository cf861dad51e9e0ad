"""The tables of consent.

``consent_record`` is the record: appended once, guarded by triggers. The others are the present
state, kept in the same transaction. A record names for ever the credential that proved it and the
patient whose that was then; a credential belongs to a patient, and may move to another when the
eligibility provider says so (``zaitaku.consent.belonging``).

On PostgreSQL some indexes hold columns besides those that they find by (``postgresql_include``): of
millions of consents most lie on the disk, and what an index answers needs no look there (ADR 64).
"""

from datetime import date
from typing import Final

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Date,
    ForeignKey,
    Index,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    false,
)

from zaitaku.consent.model import ConsentState
from zaitaku.core.append_only import guard
from zaitaku.core.database import Moment, metadata
from zaitaku.core.resealing import SealedColumn

NO_VISIT: Final = ""
"""``visit_key`` of a consent that is not tied to a 受診日: there is one for each patient."""


def visit_key(day: date | None) -> str:
    """Return ``visit_key`` of the consent for a 受診日, or for none."""
    return day.isoformat() if day else NO_VISIT


patient = Table(
    "patient",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("person_key", String(64), unique=True),
    Column("name", String(100)),
    Column("kana", String(200)),
    Column("birth_date", Date),
    Column("sex", String(8)),
    Column("search", String(400), nullable=False),
    Column("kana_key", String(200)),
    Column("insured_at", Moment),
    Column("created_at", Moment, nullable=False),
    Column("joined_into", Uuid, ForeignKey("patient.id"), index=True),
    Index(None, "birth_date", "kana_key"),
)

credential = Table(
    "credential",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("patient_id", Uuid, ForeignKey("patient.id"), nullable=False, index=True),
    Column("subject_hash", String(64), nullable=False),
    Column("first_seen", Moment, nullable=False),
    UniqueConstraint("subject_hash", postgresql_include=["patient_id"]),
)

consent_record = Table(
    "consent_record",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("facility_id", Uuid, ForeignKey("facility.id"), nullable=False),
    Column("credential_id", Uuid, ForeignKey("credential.id"), nullable=False, index=True),
    Column("url_version_id", Uuid, ForeignKey("url_version.id"), nullable=False),
    Column("journey", String(64), nullable=False, unique=True),
    Column("challenge", String(64), nullable=False, unique=True),
    Column("reference", String(15), nullable=False),
    Column("recorded_at", Moment, nullable=False),
    Column("valid_until", Moment),
    Column("facility_phone", String(20), nullable=False),
    Column("document", Text, nullable=False),
    Column("document_sha256", String(64), nullable=False),
    Column("origin", String(255), nullable=False),
    Column("nonce", LargeBinary, nullable=False),
    Column("signature", LargeBinary, nullable=False),
    Column("public_key", LargeBinary, nullable=False),
    Column("algorithm", String(40), nullable=False),
    Column("certificate_expires", Moment, nullable=False),
    Column("verified_at", Moment, nullable=False),
    Column("id_token", Text),
    Column("id_token_key", Text),
    Column("patient_id", Uuid, ForeignKey("patient.id"), index=True),
    UniqueConstraint("facility_id", "reference"),
)
guard(consent_record, resealed="id_token")
ID_TOKEN: Final = SealedColumn(consent_record.c.id_token, batch=2000)

consent = Table(
    "consent",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("facility_id", Uuid, ForeignKey("facility.id"), nullable=False),
    Column("patient_id", Uuid, ForeignKey("patient.id"), nullable=False),
    Column("channel", String(16), nullable=False),
    Column("visit_key", String(10), nullable=False),
    Column("visit_date", Date),
    Column("valid_until", Moment),
    Column("record_id", Uuid, ForeignKey("consent_record.id"), nullable=False),
    Column("recorded_at", Moment, nullable=False),
    Column("reference", String(15), nullable=False),
    Column("standing", String(12), nullable=False, server_default=ConsentState.REFUSE.value),
    Column("is_listed", Boolean, nullable=False, server_default=false()),
    Column("kana_key", String(200)),
    Column("birth_date", Date),
    UniqueConstraint("facility_id", "patient_id", "channel", "visit_key"),
    Index(None, "patient_id", postgresql_include=["id", "facility_id", "reference"]),
    Index("ix_consent_standing", "facility_id", "standing", "recorded_at", "id"),
    Index(
        "ix_consent_list",
        *("facility_id", "is_listed", "recorded_at", "id"),
        postgresql_include=["reference", "standing"],
    ),
    Index("ix_consent_list_channel", "facility_id", "is_listed", "channel", "recorded_at", "id"),
    Index("ix_consent_list_visit_date", "facility_id", "is_listed", "visit_date", "id"),
    Index("ix_consent_list_kana_key", "facility_id", "is_listed", "kana_key", "id"),
    Index("ix_consent_list_birth_date", "facility_id", "is_listed", "birth_date", "id"),
    Index("ix_consent_list_valid_until", "facility_id", "is_listed", "valid_until", "id"),
    Index("ix_consent_list_reference", "facility_id", "is_listed", "reference", "id"),
)
"""The last four columns tell again what the items and the patient tell, for the orders and states
of the list (``zaitaku.consent.lines`` keeps them)."""

consent_gram = Table(
    "consent_gram",
    metadata,
    Column("consent_id", Uuid, ForeignKey("consent.id"), primary_key=True),
    Column("gram", BigInteger, primary_key=True, autoincrement=False),
    Column("facility_id", Uuid, nullable=False),
    Column("recorded_at", Moment, nullable=False),
    Index("ix_consent_gram_found", "facility_id", "gram", "recorded_at", "consent_id"),
)
"""Pairs of letters of each consent's name and reading (``zaitaku.consent.grams``)."""

consent_item = Table(
    "consent_item",
    metadata,
    Column("consent_id", Uuid, ForeignKey("consent.id")),
    Column("item", String(20)),
    Column("state", String(12), nullable=False),
    Column("since", Moment, nullable=False),
    Column("record_id", Uuid, ForeignKey("consent_record.id"), nullable=False),
    PrimaryKeyConstraint("consent_id", "item", postgresql_include=["state"]),
)

consent_withdrawal = Table(
    "consent_withdrawal",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("facility_id", Uuid, ForeignKey("facility.id"), nullable=False),
    Column("record_id", Uuid, ForeignKey("consent_record.id"), nullable=False, index=True),
    Column("submission", String(64), nullable=False),
    Column("items", JSON, nullable=False),
    Column("requester", String(24), nullable=False),
    Column("reason", String(200), nullable=False),
    Column("actor", String(100), nullable=False),
    Column("withdrawn_at", Moment, nullable=False),
    UniqueConstraint("facility_id", "submission"),
)
"""取消し by the facility, or by the change of a card. It names the record that stood, and so the
patient, for ever; the consent of its channel and 受診日 may become another row when patients are
joined."""
guard(consent_withdrawal)
