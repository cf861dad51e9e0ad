"""Letters of names, indexes of the list, appointments."""

import json
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
    "patient",
    sa.column("id", sa.Uuid()),
    sa.column("search"),
    sa.column("kana_key"),
    sa.column("birth_date", sa.Date()),
)
_consent = sa.table(
    "consent",
    sa.column("id", sa.Uuid()),
    sa.column("patient_id", sa.Uuid()),
    sa.column("facility_id", sa.Uuid()),
    sa.column("channel"),
    sa.column("visit_key"),
    sa.column("recorded_at", _moment),
    sa.column("standing"),
    sa.column("is_listed", sa.Boolean()),
    sa.column("kana_key"),
    sa.column("birth_date", sa.Date()),
)
_item = sa.table("consent_item", sa.column("consent_id", sa.Uuid()), sa.column("state"))
_record = sa.table(
    "consent_record",
    sa.column("facility_id", sa.Uuid()),
    sa.column("credential_id", sa.Uuid()),
    sa.column("document"),
)
_credential = sa.table("credential", sa.column("id", sa.Uuid()), sa.column("patient_id", sa.Uuid()))
_gram = sa.table(
    "consent_gram",
    sa.column("consent_id", sa.Uuid()),
    sa.column("gram", sa.BigInteger()),
    sa.column("facility_id", sa.Uuid()),
    sa.column("recorded_at", _moment),
)
_INDEXES = {
    "ix_consent_standing": ["standing", "recorded_at"],
    "ix_consent_list": ["is_listed", "recorded_at"],
    "ix_consent_list_channel": ["is_listed", "channel", "recorded_at"],
    "ix_consent_list_visit_date": ["is_listed", "visit_date"],
    "ix_consent_list_kana_key": ["is_listed", "kana_key"],
    "ix_consent_list_birth_date": ["is_listed", "birth_date"],
    "ix_consent_list_valid_until": ["is_listed", "valid_until"],
    "ix_consent_list_reference": ["is_listed", "reference"],
}


def upgrade() -> None:
    """Apply."""
    _add_letters()
    _add_lines()
    _add_appointments()
    _fill_readings()
    _fill_letters()
    _fill_lines()
    _list_once_granted()
    _add_indexes()


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


def _add_lines() -> None:
    standing = sa.Column("standing", sa.String(12), nullable=False, server_default="refuse")
    op.add_column("consent", standing)
    op.add_column(
        "consent", sa.Column("is_listed", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    op.add_column("consent", sa.Column("kana_key", sa.String(length=200)))
    op.add_column("consent", sa.Column("birth_date", sa.Date()))


def _add_indexes() -> None:
    op.create_index(
        "ix_consent_gram_found",
        "consent_gram",
        ["facility_id", "gram", "recorded_at", "consent_id"],
    )
    op.create_index("ix_patient_birth_date_patient_kana_key", "patient", ["birth_date", "kana_key"])
    op.drop_index("ix_consent_facility_id_consent_visit_date", table_name="consent")
    op.drop_index("ix_consent_facility_id_consent_recorded_at_consent_id", table_name="consent")
    for name, columns in _INDEXES.items():
        op.create_index(name, "consent", ["facility_id", *columns, "id"])


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


def _fill_lines() -> None:
    has = {
        state: sa.exists().where(_item.c.consent_id == _consent.c.id, _item.c.state == state)
        for state in ("grant", "withdrawn")
    }
    op.execute(
        sa.update(_consent).values(
            standing=sa.case(*((found, state) for state, found in has.items()), else_="refuse"),
            is_listed=sa.or_(*has.values()),
            kana_key=_of_patient(_patient.c.kana_key),
            birth_date=_of_patient(_patient.c.birth_date),
        )
    )


def _of_patient(column: sa.ColumnElement[Any]) -> sa.ScalarSelect[Any]:
    return sa.select(column).where(_patient.c.id == _consent.c.patient_id).scalar_subquery()


def _list_once_granted() -> None:
    # Who granted once and refuses everything now stays in the list: their documents tell.
    connection = op.get_bind()
    same = (_record.c.facility_id == _consent.c.facility_id) & (
        _record.c.credential_id == _credential.c.id
    )
    query = (
        sa.select(_consent.c.id, _consent.c.channel, _consent.c.visit_key, _record.c.document)
        .join_from(_consent, _credential, _credential.c.patient_id == _consent.c.patient_id)
        .join(_record, same)
        .where(sa.not_(_consent.c.is_listed))
    )
    once = {row.id for row in connection.execute(query) if _granted(row)}
    for name in sorted(once):
        listed = sa.update(_consent).where(_consent.c.id == name).values(is_listed=True)
        connection.execute(listed)


def _granted(row: Any) -> bool:
    said = json.loads(row.document)
    place = (said["channel"], said["visit_date"] or "")
    is_same = place == (row.channel, row.visit_key)
    return is_same and any(each["decision"] == "grant" for each in said["decisions"])


def _letters(search: str) -> Iterator[int]:
    for part in search.split("\n"):
        for first, second in zip(part, part[1:] + "\0", strict=False):
            yield ord(first) << 21 | ord(second)


def downgrade() -> None:
    """Take back."""
    op.drop_table("appointment")
    for name in _INDEXES:
        op.drop_index(name, table_name="consent")
    for column in ("standing", "is_listed", "kana_key", "birth_date"):
        op.drop_column("consent", column)
    op.create_index(
        "ix_consent_facility_id_consent_recorded_at_consent_id",
        "consent",
        ["facility_id", "recorded_at", "id"],
    )
    op.create_index(
        "ix_consent_facility_id_consent_visit_date", "consent", ["facility_id", "visit_date"]
    )
    op.drop_index("ix_patient_birth_date_patient_kana_key", table_name="patient")
    op.drop_table("consent_gram")
    op.drop_column("patient", "kana_key")
