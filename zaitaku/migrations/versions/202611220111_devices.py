"""devices."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "202611220111"
down_revision: str | None = "202611220110"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "activation_code",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("facility_id", sa.Uuid(), nullable=False),
        sa.Column("digits", sa.String(length=12), nullable=False),
        sa.Column("memo", sa.String(length=40), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("registered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("invalidated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["facility_id"], ["facility.id"], name=op.f("fk_activation_code_facility_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_activation_code")),
        sa.UniqueConstraint("digits", name=op.f("uq_activation_code_digits")),
    )
    op.create_index(
        op.f("ix_activation_code_facility_id_activation_code_updated_at"),
        "activation_code",
        ["facility_id", "updated_at"],
    )
    op.create_table(
        "device",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("facility_id", sa.Uuid(), nullable=False),
        sa.Column("code_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("key_sha256", sa.String(length=64), nullable=False),
        sa.Column("registered_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_device_account_id")),
        sa.ForeignKeyConstraint(
            ["code_id"], ["activation_code.id"], name=op.f("fk_device_code_id")
        ),
        sa.ForeignKeyConstraint(
            ["facility_id"], ["facility.id"], name=op.f("fk_device_facility_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_device")),
        sa.UniqueConstraint("code_id", name=op.f("uq_device_code_id")),
        sa.UniqueConstraint("key_sha256", name=op.f("uq_device_key_sha256")),
    )


def downgrade() -> None:
    """Take back."""
    op.drop_table("device")
    op.drop_table("activation_code")
