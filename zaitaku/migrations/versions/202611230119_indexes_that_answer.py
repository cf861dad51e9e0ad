"""Indexes of PostgreSQL that hold what is asked for, not only where it stands (ADR 64).

Each is made beside writers and then put in the place of the one that held less. Nothing is made
twice when an exchange finds its table in use and all of this is done again.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import sqlalchemy as sa
from alembic import op

revision: str = "202611230119"
down_revision: str | None = "202611230118"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


@dataclass(frozen=True)
class _Index:
    name: str
    table: str
    columns: str
    held: tuple[str, ...]
    """What it holds besides the columns that it finds by."""
    constraint: str = ""
    """The kind of the constraint that it serves."""

    @property
    def next(self) -> str:
        """Its name until it is in its place."""
        return f"{self.name}_next"


_INDEXES = (
    _Index("uq_credential_subject_hash", "credential", "subject_hash", ("patient_id",), "UNIQUE"),
    _Index("pk_consent_item", "consent_item", "consent_id, item", ("state",), "PRIMARY KEY"),
    _Index("ix_consent_patient_id", "consent", "patient_id", ("id", "facility_id", "reference")),
    _Index(
        "ix_consent_list",
        "consent",
        "facility_id, is_listed, recorded_at, id",
        ("reference", "standing"),
    ),
)
_UPKEEP = (
    "autovacuum_vacuum_insert_scale_factor",
    "autovacuum_vacuum_scale_factor",
    "autovacuum_analyze_scale_factor",
)
"""What is not vacuumed yet is looked up in the table all the same (as migration 202611230114)."""


def upgrade() -> None:
    """Apply."""
    if op.get_context().dialect.name == "postgresql":
        for index in _INDEXES:
            _have(index, index.held)
        op.execute(
            f"ALTER TABLE credential SET ({', '.join(f'{each} = 0.02' for each in _UPKEEP)})"
        )


def downgrade() -> None:
    """Take back."""
    if op.get_context().dialect.name == "postgresql":
        op.execute(f"ALTER TABLE credential RESET ({', '.join(_UPKEEP)})")
        for index in _INDEXES:
            _have(index, ())


def _have(index: _Index, held: tuple[str, ...]) -> None:
    """Have ``index`` hold these columns besides its own."""
    with op.get_context().autocommit_block():
        if _count_held(index.name) != len(held):
            _make(index, held)
            _put_in_place(index)


def _make(index: _Index, held: tuple[str, ...]) -> None:
    if _count_held(index.next) == len(held):
        return
    kind = "UNIQUE INDEX" if index.constraint else "INDEX"
    include = f" INCLUDE ({', '.join(held)})" if held else ""
    with _patiently():
        op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {index.next}")
        op.execute(
            f"CREATE {kind} CONCURRENTLY {index.next} ON {index.table} ({index.columns}){include}"
        )


def _put_in_place(index: _Index) -> None:
    if index.constraint:
        op.execute(
            f"ALTER TABLE {index.table} DROP CONSTRAINT {index.name},"
            f" ADD CONSTRAINT {index.name} {index.constraint} USING INDEX {index.next}"
        )
        return
    with _patiently():
        op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {index.name}")
    op.execute(f"ALTER INDEX {index.next} RENAME TO {index.name}")


@contextmanager
def _patiently() -> Iterator[None]:
    # What is done concurrently waits for long readers (a copy of the whole database is one), and
    # nobody waits behind it.
    patience = op.get_bind().exec_driver_sql("SHOW lock_timeout").scalar_one()
    op.execute("SET lock_timeout = '30min'")
    yield
    op.execute(f"SET lock_timeout = '{patience}'")


def _count_held(name: str) -> int | None:
    """Return how many columns a whole index holds besides its own; None: there is none."""
    query = "SELECT indnatts - indnkeyatts FROM pg_index WHERE indisvalid AND indexrelid"
    found: int | None = op.get_bind().scalar(
        sa.text(f"{query} = to_regclass(:name)"), {"name": name}
    )
    return found
