"""first tables."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from zaitaku.core.append_only import append_only_statements

revision: str = "202611210100"
down_revision: str | None = None
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "facility",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.String(length=10), nullable=False),
        sa.Column("registered_name", sa.String(length=60), nullable=False),
        sa.Column("phone", sa.String(length=20), nullable=False),
        sa.Column("hours", sa.String(length=80), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_facility")),
        sa.UniqueConstraint("code", name=op.f("uq_facility_code")),
    )
    op.create_table(
        "patient",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("person_key", sa.String(length=64), nullable=True),
        sa.Column("name", sa.String(length=100), nullable=True),
        sa.Column("kana", sa.String(length=200), nullable=True),
        sa.Column("birth_date", sa.Date(), nullable=True),
        sa.Column("sex", sa.String(length=8), nullable=True),
        sa.Column("search", sa.String(length=400), nullable=False),
        sa.Column("insured_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("joined_into", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(
            ["joined_into"], ["patient.id"], name=op.f("fk_patient_joined_into")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_patient")),
        sa.UniqueConstraint("person_key", name=op.f("uq_patient_person_key")),
    )
    op.create_table(
        "sandbox_person",
        sa.Column("subject_hash", sa.String(length=64), nullable=False),
        sa.Column("person_key", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("kana", sa.String(length=200), nullable=False),
        sa.Column("birth_date", sa.Date(), nullable=False),
        sa.Column("sex", sa.String(length=8), nullable=False),
        sa.PrimaryKeyConstraint("subject_hash", name=op.f("pk_sandbox_person")),
    )
    op.create_table(
        "account",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("facility_id", sa.Uuid(), nullable=False),
        sa.Column("user_key", sa.String(length=8), nullable=False),
        sa.Column("user_id", sa.String(length=8), nullable=False),
        sa.Column("role", sa.String(length=20), nullable=False),
        sa.Column("name", sa.String(length=20), nullable=False),
        sa.Column("kana", sa.String(length=40), nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=True),
        sa.Column("ends_on", sa.Date(), nullable=True),
        sa.Column("is_enabled", sa.Boolean(), nullable=False),
        sa.Column("password_hash", sa.String(length=200), nullable=False),
        sa.Column("password_changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("must_change_password", sa.Boolean(), nullable=False),
        sa.Column("wrong_passwords", sa.Integer(), nullable=False),
        sa.Column("locked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["facility_id"], ["facility.id"], name=op.f("fk_account_facility_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account")),
        sa.UniqueConstraint(
            "facility_id", "user_key", name=op.f("uq_account_facility_id_user_key")
        ),
    )
    op.create_table(
        "credential",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("subject_hash", sa.String(length=64), nullable=False),
        sa.Column("first_seen", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["patient_id"], ["patient.id"], name=op.f("fk_credential_patient_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_credential")),
        sa.UniqueConstraint("subject_hash", name=op.f("uq_credential_subject_hash")),
    )
    with op.batch_alter_table("credential", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_credential_patient_id"), ["patient_id"], unique=False)

    op.create_table(
        "environment_settings",
        sa.Column("facility_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_by", sa.String(length=100), nullable=False),
        sa.ForeignKeyConstraint(
            ["facility_id"], ["facility.id"], name=op.f("fk_environment_settings_facility_id")
        ),
        sa.PrimaryKeyConstraint("facility_id", "version", name=op.f("pk_environment_settings")),
    )
    op.create_table(
        "url_version",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("facility_id", sa.Uuid(), nullable=False),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("handle", sa.String(length=11), nullable=False),
        sa.Column("predecessor", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["facility_id"], ["facility.id"], name=op.f("fk_url_version_facility_id")
        ),
        sa.ForeignKeyConstraint(
            ["predecessor"], ["url_version.id"], name=op.f("fk_url_version_predecessor")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_url_version")),
        sa.UniqueConstraint(
            "facility_id",
            "channel",
            "number",
            name=op.f("uq_url_version_facility_id_channel_number"),
        ),
        sa.UniqueConstraint("handle", name=op.f("uq_url_version_handle")),
    )
    op.create_table(
        "account_event",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=True),
        sa.Column("act", sa.String(length=20), nullable=False),
        sa.Column("actor", sa.String(length=100), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_account_event_account_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account_event")),
    )
    with op.batch_alter_table("account_event", schema=None) as batch_op:
        batch_op.create_index("ix_account_event_account", ["account_id", "at"], unique=False)

    op.create_table(
        "consent_record",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("facility_id", sa.Uuid(), nullable=False),
        sa.Column("credential_id", sa.Uuid(), nullable=False),
        sa.Column("url_version_id", sa.Uuid(), nullable=False),
        sa.Column("journey", sa.String(length=64), nullable=False),
        sa.Column("challenge", sa.String(length=64), nullable=False),
        sa.Column("reference", sa.String(length=15), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("facility_phone", sa.String(length=20), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("document_sha256", sa.String(length=64), nullable=False),
        sa.Column("origin", sa.String(length=255), nullable=False),
        sa.Column("nonce", sa.LargeBinary(), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("algorithm", sa.String(length=40), nullable=False),
        sa.Column("certificate_expires", sa.DateTime(timezone=True), nullable=False),
        sa.Column("verified_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["credential_id"], ["credential.id"], name=op.f("fk_consent_record_credential_id")
        ),
        sa.ForeignKeyConstraint(
            ["facility_id"], ["facility.id"], name=op.f("fk_consent_record_facility_id")
        ),
        sa.ForeignKeyConstraint(
            ["url_version_id"], ["url_version.id"], name=op.f("fk_consent_record_url_version_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consent_record")),
        sa.UniqueConstraint("challenge", name=op.f("uq_consent_record_challenge")),
        sa.UniqueConstraint(
            "facility_id", "reference", name=op.f("uq_consent_record_facility_id_reference")
        ),
        sa.UniqueConstraint("journey", name=op.f("uq_consent_record_journey")),
    )
    with op.batch_alter_table("consent_record", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_consent_record_credential_id"), ["credential_id"], unique=False
        )

    op.create_table(
        "reception_url",
        sa.Column("facility_id", sa.Uuid(), nullable=False),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("current_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["current_id"], ["url_version.id"], name=op.f("fk_reception_url_current_id")
        ),
        sa.ForeignKeyConstraint(
            ["facility_id"], ["facility.id"], name=op.f("fk_reception_url_facility_id")
        ),
        sa.PrimaryKeyConstraint("facility_id", "channel", name=op.f("pk_reception_url")),
    )
    op.create_table(
        "url_image",
        sa.Column("version_id", sa.Uuid(), nullable=False),
        sa.Column("address", sa.String(length=512), nullable=False),
        sa.Column("png", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["version_id"], ["url_version.id"], name=op.f("fk_url_image_version_id")
        ),
        sa.PrimaryKeyConstraint("version_id", "address", name=op.f("pk_url_image")),
    )
    op.create_table(
        "consent",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("facility_id", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("visit_key", sa.String(length=10), nullable=False),
        sa.Column("visit_date", sa.Date(), nullable=True),
        sa.Column("valid_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("record_id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reference", sa.String(length=15), nullable=False),
        sa.ForeignKeyConstraint(
            ["facility_id"], ["facility.id"], name=op.f("fk_consent_facility_id")
        ),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], name=op.f("fk_consent_patient_id")),
        sa.ForeignKeyConstraint(
            ["record_id"], ["consent_record.id"], name=op.f("fk_consent_record_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consent")),
        sa.UniqueConstraint(
            "facility_id",
            "patient_id",
            "channel",
            "visit_key",
            name=op.f("uq_consent_facility_id_patient_id_channel_visit_key"),
        ),
    )
    with op.batch_alter_table("consent", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_consent_facility_id_consent_recorded_at_consent_id"),
            ["facility_id", "recorded_at", "id"],
            unique=False,
        )
        batch_op.create_index(
            batch_op.f("ix_consent_facility_id_consent_visit_date"),
            ["facility_id", "visit_date"],
            unique=False,
        )
        batch_op.create_index(batch_op.f("ix_consent_patient_id"), ["patient_id"], unique=False)

    op.create_table(
        "url_event",
        sa.Column("facility_id", sa.Uuid(), nullable=False),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("act", sa.String(length=16), nullable=False),
        sa.Column("from_number", sa.Integer(), nullable=True),
        sa.Column("to_number", sa.Integer(), nullable=False),
        sa.Column("actor", sa.String(length=100), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(
            ["facility_id", "channel"],
            ["reception_url.facility_id", "reception_url.channel"],
            name=op.f("fk_url_event_facility_id_channel"),
        ),
        sa.PrimaryKeyConstraint("facility_id", "channel", "sequence", name=op.f("pk_url_event")),
    )
    op.create_table(
        "consent_item",
        sa.Column("consent_id", sa.Uuid(), nullable=False),
        sa.Column("item", sa.String(length=20), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("record_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["consent_id"], ["consent.id"], name=op.f("fk_consent_item_consent_id")
        ),
        sa.ForeignKeyConstraint(
            ["record_id"], ["consent_record.id"], name=op.f("fk_consent_item_record_id")
        ),
        sa.PrimaryKeyConstraint("consent_id", "item", name=op.f("pk_consent_item")),
    )
    dialect = op.get_context().dialect.name
    for table in (
        "account_event",
        "consent_record",
        "environment_settings",
        "url_event",
        "url_version",
    ):
        for statement in append_only_statements(dialect, table):
            op.execute(statement)


def downgrade() -> None:
    """Take back."""
    op.drop_table("consent_item")
    op.drop_table("url_event")
    with op.batch_alter_table("consent", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_consent_patient_id"))
        batch_op.drop_index(batch_op.f("ix_consent_facility_id_consent_visit_date"))
        batch_op.drop_index(batch_op.f("ix_consent_facility_id_consent_recorded_at_consent_id"))

    op.drop_table("consent")
    op.drop_table("url_image")
    op.drop_table("reception_url")
    with op.batch_alter_table("consent_record", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_consent_record_credential_id"))

    op.drop_table("consent_record")
    with op.batch_alter_table("account_event", schema=None) as batch_op:
        batch_op.drop_index("ix_account_event_account")

    op.drop_table("account_event")
    op.drop_table("url_version")
    op.drop_table("environment_settings")
    with op.batch_alter_table("credential", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_credential_patient_id"))

    op.drop_table("credential")
    op.drop_table("account")
    op.drop_table("sandbox_person")
    op.drop_table("patient")
    op.drop_table("facility")
