"""Whose each record is: written beside it, so that a card that changes hands takes none along.

Only adds: processes of the version before go on writing records without it. No table is made anew.
The triggers that keep records from being changed are lifted for this transaction alone, to write
down whose the records are that stand already.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from zaitaku.core.append_only import append_only_statements

revision: str = "202611220113"
down_revision: str | None = "202611220112"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_TABLE = "consent_record"
_FOREIGN_KEY = "fk_consent_record_patient_id"
_FILL = (
    "UPDATE consent_record SET patient_id ="
    " (SELECT patient_id FROM credential WHERE credential.id = consent_record.credential_id)"
)
_PARTED = (
    "SELECT 1 FROM consent_record"
    " JOIN credential ON credential.id = consent_record.credential_id"
    " JOIN patient ON patient.id = consent_record.patient_id"
    " WHERE credential.patient_id NOT IN (patient.id, coalesce(patient.joined_into, patient.id))"
    " LIMIT 1"
)


def upgrade() -> None:
    """Apply."""
    if op.get_context().dialect.name == "sqlite":
        _add_on_sqlite()
    else:
        _add_on_postgresql()
    op.create_index("ix_consent_record_patient_id", _TABLE, ["patient_id"])
    op.create_index("ix_patient_joined_into", "patient", ["joined_into"])


def _add_on_sqlite() -> None:
    # SQLite takes a constraint only together with its column.
    reference = f"CONSTRAINT {_FOREIGN_KEY} REFERENCES patient (id)"
    op.execute(f"ALTER TABLE {_TABLE} ADD COLUMN patient_id CHAR(32) {reference}")
    for act in ("update", "delete"):
        op.execute(f"DROP TRIGGER {_TABLE}_no_{act}")
    op.execute(_FILL)
    for statement in append_only_statements("sqlite", _TABLE):
        op.execute(statement)


def _add_on_postgresql() -> None:
    op.add_column(_TABLE, sa.Column("patient_id", sa.Uuid(), nullable=True))
    trigger = f"{_TABLE}_append_only"
    op.execute(f"ALTER TABLE {_TABLE} DISABLE TRIGGER {trigger}")
    op.execute(_FILL)
    op.execute(f"ALTER TABLE {_TABLE} ENABLE TRIGGER {trigger}")
    op.create_foreign_key(_FOREIGN_KEY, _TABLE, "patient", ["patient_id"], ["id"])


def downgrade() -> None:
    """Take back.

    Raises:
        RuntimeError: a card with records has changed hands; without the column they would be
            taken for another person's.
    """
    if op.get_bind().execute(sa.text(_PARTED)).first() is not None:
        raise RuntimeError("cards have changed hands: going back would mix people up")
    op.drop_index("ix_patient_joined_into", "patient")
    op.drop_index("ix_consent_record_patient_id", _TABLE)
    if op.get_context().dialect.name != "sqlite":
        op.drop_constraint(_FOREIGN_KEY, _TABLE)
    op.drop_column(_TABLE, "patient_id")
