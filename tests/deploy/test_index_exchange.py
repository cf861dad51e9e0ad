"""Indexes that hold more are made beside writers, once, and put in the place of the others."""

import re
from collections.abc import Iterator

import pytest
from sqlalchemy import event, text

from tests.databases import new_postgres_database
from tests.migrating import downgrade
from zaitaku import schema
from zaitaku.core.database import Database
from zaitaku.schema import TablesInUse, upgrade

BEFORE = "202611230118"
HELD = {
    "uq_credential_subject_hash": "(subject_hash) INCLUDE (patient_id)",
    "pk_consent_item": "(consent_id, item) INCLUDE (state)",
    "ix_consent_patient_id": "(patient_id) INCLUDE (id, facility_id, reference)",
    "ix_consent_list": ("(facility_id, is_listed, recorded_at, id) INCLUDE (reference, standing)"),
}
CONSTRAINTS = {"uq_credential_subject_hash": "u", "pk_consent_item": "p"}


@pytest.fixture
def database(postgres_address: str) -> Iterator[Database]:
    with new_postgres_database(postgres_address) as opened:
        yield opened


def _definitions(database: Database) -> dict[str, str]:
    with database.reading() as connection:
        rows = connection.execute(
            text(
                "SELECT relname, substring(pg_get_indexdef(indexrelid) FROM 'btree (.*)')"
                " FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid WHERE indisvalid"
            )
        )
        return {row[0]: row[1] for row in rows}


def _is_as_meant(database: Database) -> bool:
    found = _definitions(database)
    with database.reading() as connection:
        query = text("SELECT conname, contype::text FROM pg_constraint WHERE conname = ANY(:names)")
        rows = connection.execute(query, {"names": list(CONSTRAINTS)})
        kept = {row[0]: row[1] for row in rows}
    is_clean = not any(name.endswith("_next") for name in found)
    return is_clean and kept == CONSTRAINTS and {**found, **HELD} == found


def test_they_hold_what_is_asked_for_and_the_constraints_stay(database: Database) -> None:
    assert _is_as_meant(database)
    downgrade(database, BEFORE)
    assert {name: _definitions(database)[name] for name in HELD} == {
        name: definition.split(" INCLUDE")[0] for name, definition in HELD.items()
    }
    upgrade(database)
    assert _is_as_meant(database)


def test_what_is_whole_is_not_made_again_when_its_table_was_in_use(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    downgrade(database, BEFORE)
    made: list[str] = []

    def note(*arguments: object) -> None:
        made.extend(re.findall(r"INDEX CONCURRENTLY (\w+_next) ON", str(arguments[2])))

    event.listen(database.engine, "before_cursor_execute", note)
    with database.engine.connect() as writer:

        def hold(*arguments: object) -> None:
            # Somebody writes as soon as the index is there, and does not come to an end.
            if "DROP CONSTRAINT pk_consent_item" in str(arguments[2]):
                writer.exec_driver_sql("LOCK TABLE consent_item IN ROW EXCLUSIVE MODE")

        event.listen(database.engine, "before_cursor_execute", hold)
        with monkeypatch.context() as impatient, pytest.raises(TablesInUse):
            impatient.setattr(schema, "LOCK_SECONDS", 1)
            impatient.setattr(schema, "ATTEMPTS", 1)
            upgrade(database)
        event.remove(database.engine, "before_cursor_execute", hold)
    # The lock of the connection that broke off goes a moment later: patience is as it always is.
    upgrade(database)
    assert _is_as_meant(database)
    assert sorted(made) == sorted(f"{name}_next" for name in HELD)


def test_one_that_was_broken_off_is_made_anew(database: Database) -> None:
    downgrade(database, BEFORE)
    with database.transaction() as connection:
        connection.execute(text("CREATE INDEX ix_consent_list_next ON consent (facility_id)"))
        connection.execute(
            text(
                "UPDATE pg_index SET indisvalid = false"
                " WHERE indexrelid = 'ix_consent_list_next'::regclass"
            )
        )
    upgrade(database)
    assert _is_as_meant(database)


def test_an_answer_is_read_from_them_alone(database: Database) -> None:
    with database.engine.connect() as connection:
        connection.execute(text("SET enable_seqscan = off"))
        connection.execute(text("SET enable_bitmapscan = off"))
        plan = "\n".join(
            row[0]
            for query in (
                "SELECT c.facility_id, c.reference, i.item, i.state FROM credential"
                " JOIN consent AS c USING (patient_id)"
                " JOIN consent_item AS i ON i.consent_id = c.id WHERE subject_hash = 'x'",
                "SELECT id, reference, standing FROM consent WHERE is_listed"
                " AND facility_id = '00000000-0000-7000-8000-0000000000f0'"
                " ORDER BY recorded_at, id LIMIT 100",
            )
            for row in connection.execute(text(f"EXPLAIN (COSTS OFF) {query}"))
        )
    assert {name for name in HELD if f"Index Only Scan using {name} on" in plan} == set(HELD), plan
