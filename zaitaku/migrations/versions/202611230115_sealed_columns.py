"""A record's ID token may be sealed under another key; nothing else of a record changes.

Only the triggers are made anew. Processes of the version before go on writing records, and find
their tokens plain as long as the ring of seals begins with ``plain``.
"""

from collections.abc import Sequence

from alembic import op

from zaitaku.core.append_only import append_only_statements, resealable_statements

revision: str = "202611230115"
down_revision: str | None = "202611230114"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_TABLE = "consent_record"
_OTHERS = (
    "id",
    "facility_id",
    "credential_id",
    "url_version_id",
    "journey",
    "challenge",
    "reference",
    "recorded_at",
    "valid_until",
    "facility_phone",
    "document",
    "document_sha256",
    "origin",
    "nonce",
    "signature",
    "public_key",
    "algorithm",
    "certificate_expires",
    "verified_at",
    "id_token_key",
    "patient_id",
)


def upgrade() -> None:
    """Apply."""
    dialect = op.get_context().dialect.name
    for name in _names(dialect, "append_only"):
        op.execute(_dropped(dialect, name))
    for statement in resealable_statements(dialect, _TABLE, "id_token", _OTHERS):
        op.execute(statement)


def downgrade() -> None:
    """Take back."""
    dialect = op.get_context().dialect.name
    for name in _names(dialect, "append_only", "no_update"):
        op.execute(_dropped(dialect, name))
    for statement in append_only_statements(dialect, _TABLE):
        op.execute(statement)


def _names(dialect: str, *on_postgresql: str) -> tuple[str, ...]:
    acts = ("no_update", "no_delete") if dialect == "sqlite" else on_postgresql
    return tuple(f"{_TABLE}_{act}" for act in acts)


def _dropped(dialect: str, name: str) -> str:
    return f"DROP TRIGGER {name}" if dialect == "sqlite" else f"DROP TRIGGER {name} ON {_TABLE}"
