"""audit."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from zaitaku.core.append_only import append_only_statements

revision: str = "202611220101"
down_revision: str | None = "202611210351"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "audit_entry",
        sa.Column("facility_id", sa.Uuid(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("act", sa.String(length=30), nullable=False),
        sa.Column("actor", sa.String(length=100), nullable=False),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.Column("previous", sa.String(length=64), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["facility_id"], ["facility.id"], name=op.f("fk_audit_entry_facility_id")
        ),
        sa.PrimaryKeyConstraint("facility_id", "sequence", name=op.f("pk_audit_entry")),
    )
    op.create_index(
        "ix_audit_entry_facility_id_audit_entry_at", "audit_entry", ["facility_id", "at"]
    )
    op.create_table(
        "audit_head",
        sa.Column("facility_id", sa.Uuid(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["facility_id"], ["facility.id"], name=op.f("fk_audit_head_facility_id")
        ),
        sa.PrimaryKeyConstraint("facility_id", name=op.f("pk_audit_head")),
    )
    for statement in append_only_statements(op.get_context().dialect.name, "audit_entry"):
        op.execute(statement)


def downgrade() -> None:
    """Take back."""
    op.drop_table("audit_head")
    op.drop_table("audit_entry")
