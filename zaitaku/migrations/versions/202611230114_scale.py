"""What the lists and look-ups need at ten million consents.

Only adds: processes of the version before go on as they are. They never say that an end was told,
so it is told again by whoever does.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "202611230114"
down_revision: str | None = "202611220113"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_IS_UNTOLD = sa.text("told != digest")


def upgrade() -> None:
    """Apply."""
    told = sa.Column("told", sa.String(64), nullable=False, server_default="")
    op.add_column("audit_head", told)
    op.create_index(
        "ix_audit_head_untold",
        "audit_head",
        ["facility_id"],
        postgresql_where=_IS_UNTOLD,
        sqlite_where=_IS_UNTOLD,
    )
    op.create_index("ix_url_use_day", "url_use", ["day"])


def downgrade() -> None:
    """Take back."""
    op.drop_index("ix_url_use_day", "url_use")
    op.drop_index("ix_audit_head_untold", "audit_head")
    op.drop_column("audit_head", "told")
