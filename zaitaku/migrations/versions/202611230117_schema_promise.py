"""The tables name the oldest version that can serve on them."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "202611230117"
down_revision: str | None = "202611230115"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Apply."""
    promise = op.create_table(
        "schema_promise",
        sa.Column("serves_from", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("serves_from", name=op.f("pk_schema_promise")),
    )
    op.bulk_insert(promise, [{"serves_from": revision}])


def downgrade() -> None:
    """Take back."""
    op.drop_table("schema_promise")
