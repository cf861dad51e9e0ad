"""posters."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from zaitaku.core.append_only import append_only_statements

revision: str = "202611220106"
down_revision: str | None = "202611220105"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "poster",
        sa.Column("facility_id", sa.Uuid(), nullable=False),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=20), nullable=False),
        sa.Column("note", sa.String(length=100), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["facility_id", "channel"],
            ["reception_url.facility_id", "reception_url.channel"],
            name=op.f("fk_poster_facility_id"),
        ),
        sa.PrimaryKeyConstraint("facility_id", "channel", "number", name=op.f("pk_poster")),
    )
    op.create_table(
        "url_print",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("facility_id", sa.Uuid(), nullable=False),
        sa.Column("version_id", sa.Uuid(), nullable=False),
        sa.Column("poster_number", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String(length=100), nullable=False),
        sa.ForeignKeyConstraint(
            ["facility_id"], ["facility.id"], name=op.f("fk_url_print_facility_id")
        ),
        sa.ForeignKeyConstraint(
            ["version_id"], ["url_version.id"], name=op.f("fk_url_print_version_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_url_print")),
    )
    op.create_index(
        "ix_url_print_version_id_url_print_poster_number",
        "url_print",
        ["version_id", "poster_number"],
    )
    op.create_table(
        "url_use",
        sa.Column("version_id", sa.Uuid(), nullable=False),
        sa.Column("poster_number", sa.Integer(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("scans", sa.Integer(), nullable=False),
        sa.Column("completions", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["version_id"], ["url_version.id"], name=op.f("fk_url_use_version_id")
        ),
        sa.PrimaryKeyConstraint("version_id", "poster_number", "day", name=op.f("pk_url_use")),
    )
    for statement in append_only_statements(op.get_context().dialect.name, "url_print"):
        op.execute(statement)


def downgrade() -> None:
    """Take back."""
    op.drop_table("url_use")
    op.drop_table("url_print")
    op.drop_table("poster")
