"""posters."""

from collections.abc import Sequence

revision: str = "202611220106"
down_revision: str | None = "202611220105"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Apply."""


def downgrade() -> None:
    """Take back."""
