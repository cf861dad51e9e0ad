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
_GROWING = ("consent_record", "consent", "consent_item", "consent_gram")
_UPKEEP = ("vacuum_insert_scale_factor", "vacuum_scale_factor", "analyze_scale_factor")


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
    # Lists read indexes alone, which holds for what was vacuumed; and what is newest is asked most.
    # A fifth of a hundred million rows (PostgreSQL's own measure) is too long to wait.
    _keep_up([f"autovacuum_{each} = 0.02" for each in _UPKEEP], "SET")


def _keep_up(settings: Sequence[str], verb: str) -> None:
    if op.get_context().dialect.name == "postgresql":
        for table in _GROWING:
            op.execute(f"ALTER TABLE {table} {verb} ({', '.join(settings)})")


def downgrade() -> None:
    """Take back."""
    _keep_up([f"autovacuum_{each}" for each in _UPKEEP], "RESET")
    op.drop_index("ix_url_use_day", "url_use")
    op.drop_index("ix_audit_head_untold", "audit_head")
    op.drop_column("audit_head", "told")
