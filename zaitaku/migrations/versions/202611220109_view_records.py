"""view records."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from zaitaku.core.append_only import append_only_statements

revision: str = "202611220109"
down_revision: str | None = "202611220108"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Apply."""
    _make_withdrawals()
    _make_view_records()
    dialect = op.get_context().dialect.name
    for table in ("consent_withdrawal", "view_record"):
        for statement in append_only_statements(dialect, table):
            op.execute(statement)
    _change_state(sa.String(8), sa.String(12))


def _make_withdrawals() -> None:
    op.create_table(
        "consent_withdrawal",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("facility_id", sa.Uuid(), nullable=False),
        sa.Column("record_id", sa.Uuid(), nullable=False),
        sa.Column("submission", sa.String(length=64), nullable=False),
        sa.Column("items", sa.JSON(), nullable=False),
        sa.Column("requester", sa.String(length=24), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("actor", sa.String(length=100), nullable=False),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["facility_id"], ["facility.id"], name=op.f("fk_consent_withdrawal_facility_id")
        ),
        sa.ForeignKeyConstraint(
            ["record_id"], ["consent_record.id"], name=op.f("fk_consent_withdrawal_record_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consent_withdrawal")),
        sa.UniqueConstraint(
            "facility_id", "submission", name=op.f("uq_consent_withdrawal_facility_id_submission")
        ),
    )
    op.create_index("ix_consent_withdrawal_record_id", "consent_withdrawal", ["record_id"])


def _make_view_records() -> None:
    op.create_table(
        "view_record",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("facility_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("actor", sa.String(length=100), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("record_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("parts", sa.JSON(), nullable=False),
        sa.Column("first_month", sa.String(length=7), nullable=False),
        sa.Column("last_month", sa.String(length=7), nullable=False),
        sa.Column("viewed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["facility_id"], ["facility.id"], name=op.f("fk_view_record_facility_id")
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_view_record_account_id")
        ),
        sa.ForeignKeyConstraint(
            ["patient_id"], ["patient.id"], name=op.f("fk_view_record_patient_id")
        ),
        sa.ForeignKeyConstraint(
            ["record_id"], ["consent_record.id"], name=op.f("fk_view_record_record_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_view_record")),
    )
    for column in ("patient_id", "record_id"):
        op.create_index(f"ix_view_record_{column}", "view_record", [column])
    op.create_index(
        "ix_view_record_facility_id_view_record_viewed_at_view_record_id",
        "view_record",
        ["facility_id", "viewed_at", "id"],
    )


def _change_state(present: sa.String, wanted: sa.String) -> None:
    with op.batch_alter_table("consent_item") as batch:
        batch.alter_column("state", existing_type=present, type_=wanted, existing_nullable=False)


def downgrade() -> None:
    """Take back."""
    _change_state(sa.String(12), sa.String(8))
    op.drop_table("view_record")
    op.drop_table("consent_withdrawal")
