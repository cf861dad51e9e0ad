"""When the initial passwords of a bulk registration were told first."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "202611220112"
down_revision: str | None = "202611220111"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Apply."""
    op.add_column("job", sa.Column("secret_told_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    """Take back."""
    op.drop_column("job", "secret_told_at")
