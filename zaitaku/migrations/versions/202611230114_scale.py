"""What the lists and look-ups need at ten million consents."""

from collections.abc import Sequence

revision: str = "202611230114"
down_revision: str | None = "202611220113"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Apply."""


def downgrade() -> None:
    """Take back."""
