"""sign in."""

from collections.abc import Sequence

revision: str = "202611220103"
down_revision: str | None = "202611220102"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Apply."""


def downgrade() -> None:
    """Take back."""
