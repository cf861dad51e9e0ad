"""What a journey asks, in one question."""

from collections.abc import Sequence

revision: str = "202611230116"
down_revision: str | None = "202611230115"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Apply."""


def downgrade() -> None:
    """Take back."""
