"""ID tokens as evidence, beside the record that they prove.

Only adds: processes of the version before go on writing records without them. No table is made
anew, so the triggers that keep records from being changed stay as they are.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "202611210351"
down_revision: str | None = "202611210100"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_COLUMNS = ("id_token", "id_token_key")


def upgrade() -> None:
    """Apply."""
    for name in _COLUMNS:
        op.add_column("consent_record", sa.Column(name, sa.Text(), nullable=True))


def downgrade() -> None:
    """Take back.

    Raises:
        RuntimeError: a record has a token; without it nothing would prove that consent any more.
    """
    kept = sa.text("SELECT 1 FROM consent_record WHERE id_token IS NOT NULL LIMIT 1")
    if op.get_bind().execute(kept).first() is not None:
        message = "records have ID tokens as evidence: going back would destroy it"
        raise RuntimeError(message)
    for name in reversed(_COLUMNS):
        op.drop_column("consent_record", name)
