"""Letters of names, indexes of the list, appointments."""

from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

revision: str = "202611220107"
down_revision: str | None = "202611220106"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_BATCH = 500
_moment = sa.DateTime(timezone=True)
_patient = sa.table(
    "patient", sa.column("id", sa.Uuid()), sa.column("search"), sa.column("kana_key")
)
_consent = sa.table(
    "consent",
    sa.column("id", sa.Uuid()),
    sa.column("patient_id", sa.Uuid()),
    sa.column("facility_id", sa.Uuid()),
    sa.column("recorded_at", _moment),
)
_gram = sa.table(
    "consent_gram",
    sa.column("consent_id", sa.Uuid()),
    sa.column("gram", sa.BigInteger()),
    sa.column("facility_id", sa.Uuid()),
    sa.column("recorded_at", _moment),
)


def upgrade() -> None:
    """Apply."""
    _add_letters()
    _add_indexes()
    _add_appointments()
    _fill_readings()
    _fill_letters()


def _add_letters() -> None:
    op.add_column("patient", sa.Column("kana_key", sa.String(length=200)))
    op.create_table(
        "consent_gram",
        sa.Column("consent_id", sa.Uuid(), nullable=False),
        sa.Column("gram", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("facility_id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", _moment, nullable=False),
        sa.ForeignKeyConstraint(
            ["consent_id"], ["consent.id"], name=op.f("fk_consent_gram_consent_id")
        ),
        sa.PrimaryKeyConstraint("consent_id", "gram", name=op.f("pk_consent_gram")),
    )


def _add_indexes() -> None:
    op.create_index(
        "ix_consent_gram_found",
        "consent_gram",
        ["facility_id", "gram", "recorded_at", "consent_id"],
    )
    op.create_index("ix_patient_birth_date_patient_kana_key", "patient", ["birth_date", "kana_key"])
    op.drop_index("ix_consent_facility_id_consent_visit_date", table_name="consent")
    op.create_index(
        "ix_consent_facility_id_consent_visit_date_consent_id",
        "consent",
        ["facility_id", "visit_date", "id"],
    )
    op.create_index(
        "ix_consent_channel_recorded_at",
        "consent",
        ["facility_id", "channel", "recorded_at", "id"],
    )
    is_withdrawn = sa.text("state = 'withdrawn'")
    op.create_index(
        "ix_consent_item_withdrawn",
        "consent_item",
        ["consent_id"],
        postgresql_where=is_withdrawn,
        sqlite_where=is_withdrawn,
    )


def _add_appointments() -> None:
    op.create_table(
        "appointment",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("facility_id", sa.Uuid(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("at", _moment, nullable=False),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("patient_number", sa.String(length=20), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("kana", sa.String(length=200), nullable=False),
        sa.Column("kana_key", sa.String(length=200), nullable=False),
        sa.Column("birth_date", sa.Date(), nullable=False),
        sa.Column("sender_key", sa.String(length=80), nullable=False),
        sa.Column("created_at", _moment, nullable=False),
        sa.ForeignKeyConstraint(
            ["facility_id"], ["facility.id"], name=op.f("fk_appointment_facility_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_appointment")),
        sa.UniqueConstraint(
            "facility_id", "sender_key", name=op.f("uq_appointment_facility_id_sender_key")
        ),
    )
    op.create_index("ix_appointment_day", "appointment", ["day", "facility_id", "at", "id"])


def _fill_readings() -> None:
    # What is searched for is the name, a line feed, and the reading in the form to compare.
    is_sqlite = op.get_context().dialect.name == "sqlite"
    search = _patient.c.search
    reading = (
        sa.func.substr(search, sa.func.instr(search, "\n") + 1)
        if is_sqlite
        else sa.func.split_part(search, "\n", 2)
    )
    op.execute(sa.update(_patient).where(search != "").values(kana_key=reading))


def _fill_letters() -> None:
    connection = op.get_bind()
    query = sa.select(
        _consent.c.id, _consent.c.facility_id, _consent.c.recorded_at, _patient.c.search
    ).join_from(_consent, _patient, _patient.c.id == _consent.c.patient_id)
    last: Any = None
    while True:
        after = query.where(_consent.c.id > last) if last else query
        batch = connection.execute(after.order_by(_consent.c.id).limit(_BATCH)).all()
        rows = [
            {"consent_id": name, "gram": gram, "facility_id": place, "recorded_at": at}
            for name, place, at, search in batch
            for gram in set(_letters(search))
        ]
        if rows:
            connection.execute(_gram.insert(), rows)
        if len(batch) < _BATCH:
            return
        last = batch[-1].id


def _letters(search: str) -> Iterator[int]:
    for part in search.split("\n"):
        for first, second in zip(part, part[1:] + "\0", strict=False):
            yield ord(first) << 21 | ord(second)


def downgrade() -> None:
    """Take back."""
    op.drop_table("appointment")
    op.drop_index("ix_consent_item_withdrawn", table_name="consent_item")
    op.drop_index("ix_consent_channel_recorded_at", table_name="consent")
    op.drop_index("ix_consent_facility_id_consent_visit_date_consent_id", table_name="consent")
    op.create_index(
        "ix_consent_facility_id_consent_visit_date", "consent", ["facility_id", "visit_date"]
    )
    op.drop_index("ix_patient_birth_date_patient_kana_key", table_name="patient")
    op.drop_table("consent_gram")
    op.drop_column("patient", "kana_key")
