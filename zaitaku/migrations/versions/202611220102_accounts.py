"""accounts: revisions, first logins; the audit chain takes the place of the events."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from zaitaku.core.append_only import append_only_statements

revision: str = "202611220102"
down_revision: str | None = "202611220101"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Apply. The rows of ``account_event`` are not carried over: no release ever wrote any."""
    op.drop_table("account_event")
    op.add_column("account", sa.Column("last_login_at", sa.DateTime(timezone=True)))
    op.add_column(
        "account", sa.Column("revision", sa.Integer(), nullable=False, server_default="0")
    )


def downgrade() -> None:
    """Take back; the events begin anew."""
    op.drop_column("account", "revision")
    op.drop_column("account", "last_login_at")
    op.create_table(
        "account_event",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid()),
        sa.Column("act", sa.String(length=20), nullable=False),
        sa.Column("actor", sa.String(length=100), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_account_event_account_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account_event")),
    )
    op.create_index("ix_account_event_account", "account_event", ["account_id", "at"])
    for statement in append_only_statements(op.get_context().dialect.name, "account_event"):
        op.execute(statement)
