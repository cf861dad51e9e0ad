"""eligibility sandbox."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "202611220108"
down_revision: str | None = "202611220107"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "sandbox_binding",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("facility_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=30), nullable=False),
        sa.Column("is_insurance_card", sa.Boolean(), nullable=False),
        sa.Column("pmh_id", sa.String(length=20), nullable=False),
        sa.Column("has_timed_out", sa.Boolean(), nullable=False),
        sa.Column("bound_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("person_key", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("kana", sa.String(length=200), nullable=False),
        sa.Column("birth_date", sa.Date(), nullable=False),
        sa.Column("sex", sa.String(length=8), nullable=False),
        sa.ForeignKeyConstraint(
            ["facility_id"], ["facility.id"], name=op.f("fk_sandbox_binding_facility_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sandbox_binding")),
    )
    for column in ("facility_id", "person_key"):
        op.create_index(op.f(f"ix_sandbox_binding_{column}"), "sandbox_binding", [column])
    op.create_table(
        "sandbox_card",
        sa.Column("subject_hash", sa.String(length=64), nullable=False),
        sa.Column("binding_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["binding_id"], ["sandbox_binding.id"], name=op.f("fk_sandbox_card_binding_id")
        ),
        sa.PrimaryKeyConstraint("subject_hash", name=op.f("pk_sandbox_card")),
    )
    op.create_index(op.f("ix_sandbox_card_binding_id"), "sandbox_card", ["binding_id"])
    op.create_table(
        "sandbox_data",
        sa.Column("facility_id", sa.Uuid(), nullable=False),
        sa.Column("category", sa.String(length=20), nullable=False),
        sa.Column("person_key", sa.String(length=64), nullable=False),
        sa.Column("is_registered", sa.Boolean(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["facility_id"], ["facility.id"], name=op.f("fk_sandbox_data_facility_id")
        ),
        sa.PrimaryKeyConstraint(
            "facility_id", "category", "person_key", name=op.f("pk_sandbox_data")
        ),
    )


def downgrade() -> None:
    """Take back."""
    op.drop_table("sandbox_data")
    op.drop_table("sandbox_card")
    op.drop_table("sandbox_binding")
