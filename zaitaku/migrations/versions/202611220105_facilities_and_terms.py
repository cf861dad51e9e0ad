"""facilities and terms."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

from zaitaku.core.append_only import append_only_statements

revision: str = "202611220105"
down_revision: str | None = "202611220104"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_APPEND_ONLY = ("terms_acceptance", "institution_code_change")


def upgrade() -> None:
    """Apply."""
    for column in _facts():
        op.add_column("facility", column)
    _make_acceptances()
    _make_code_changes()
    _make_related_facilities()
    dialect = op.get_context().dialect.name
    for table in _APPEND_ONLY:
        for statement in append_only_statements(dialect, table):
            op.execute(statement)


def _facts() -> tuple[sa.Column[Any], ...]:
    return (
        sa.Column("starts_on", sa.Date(), nullable=True),
        sa.Column("subsidy_pilot", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("chart_sharing_from", sa.Date(), nullable=True),
        sa.Column("revision", sa.Integer(), server_default="1", nullable=False),
    )


def _make_acceptances() -> None:
    op.create_table(
        "terms_acceptance",
        sa.Column("facility_id", sa.Uuid(), nullable=False),
        sa.Column("settings_version", sa.Integer(), nullable=False),
        sa.Column("channel", sa.String(length=20), nullable=False),
        sa.Column("terms_version", sa.Integer(), nullable=False),
        sa.Column("terms_digest", sa.String(length=64), nullable=False),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("accepted_by", sa.String(length=100), nullable=False),
        _to_facility("terms_acceptance"),
        sa.PrimaryKeyConstraint(
            "facility_id", "settings_version", "channel", name=op.f("pk_terms_acceptance")
        ),
    )


def _make_code_changes() -> None:
    op.create_table(
        "institution_code_change",
        sa.Column("facility_id", sa.Uuid(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("former_code", sa.String(length=10), nullable=False),
        sa.Column("code", sa.String(length=10), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("effective_on", sa.Date(), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_by", sa.String(length=100), nullable=False),
        _to_facility("institution_code_change"),
        sa.PrimaryKeyConstraint("facility_id", "sequence", name=op.f("pk_institution_code_change")),
    )
    op.create_index(
        "ix_institution_code_change_former_code", "institution_code_change", ["former_code"]
    )


def _make_related_facilities() -> None:
    op.create_table(
        "related_facility",
        sa.Column("facility_id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.String(length=10), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("relation", sa.String(length=20), nullable=False),
        sa.Column("opened_on", sa.Date(), nullable=True),
        sa.Column("closed_on", sa.Date(), nullable=True),
        _to_facility("related_facility"),
        sa.PrimaryKeyConstraint("facility_id", "code", name=op.f("pk_related_facility")),
    )


def _to_facility(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["facility_id"], ["facility.id"], name=op.f(f"fk_{table}_facility_id")
    )


def downgrade() -> None:
    """Take back."""
    for table in ("related_facility", *_APPEND_ONLY):
        op.drop_table(table)
    for column in _facts():
        op.drop_column("facility", column.name)
