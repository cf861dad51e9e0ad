"""Sealed columns name the key that sealed them."""

from collections.abc import Sequence

revision: str = "202611230115"
down_revision: str | None = "202611230114"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Apply."""


def downgrade() -> None:
    """Take back."""
