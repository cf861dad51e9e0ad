"""The database knows the keys that it was written with, by a value that tells nothing of them."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "202611230118"
down_revision: str | None = "202611230117"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "key_check",
        sa.Column("ring", sa.String(length=16), nullable=False),
        sa.Column("value", sa.String(length=64), nullable=False),
        sa.Column("noted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("noted_by", sa.String(length=100), nullable=False),
        sa.PrimaryKeyConstraint("ring", "value", name=op.f("pk_key_check")),
    )


def downgrade() -> None:
    """Take back."""
    op.drop_table("key_check")
