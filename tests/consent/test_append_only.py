"""Records are appended and never changed: by no code of ours, and by nobody else."""

import re
from pathlib import Path
from typing import Any

import pytest
from psycopg import Cursor
from sqlalchemy import event, text
from sqlalchemy.exc import IntegrityError

from tests.consent.world import TARO, Card, World
from zaitaku.consent.model import ConsentItem, Decision
from zaitaku.consent.tables import consent_record
from zaitaku.core.database import Database
from zaitaku.core.languages import Language
from zaitaku.eligibility.sandbox import SandboxEligibility
from zaitaku.facilities.model import Channel
from zaitaku.records.consented import ConsentedPatients
from zaitaku.records.listing import ListQuery
from zaitaku.schema import all_tables

CHANGE = re.compile(r"\b(UPDATE|DELETE\s+FROM|TRUNCATE|REPLACE\s+INTO)\s+\"?(\w+)", re.IGNORECASE)


def test_no_service_ever_changes_a_record(
    any_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    statements: list[str] = []
    execute = Cursor.execute

    def hear(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        statements.append(statement)

    def hear_driver(cursor: Any, statement: str, *rest: Any, **options: Any) -> Any:
        statements.append(statement)
        return execute(cursor, statement, *rest, **options)

    event.listen(any_world.database.engine, "before_cursor_execute", hear)
    monkeypatch.setattr(Cursor, "execute", hear_driver)
    _everything(any_world)
    changed = {match[2].lower() for line in statements for match in CHANGE.finditer(line)}
    assert {"consent", "consent_item", "credential", "patient"} <= changed
    assert "consent_record" not in changed
    assert any("INSERT INTO consent_record" in line for line in statements)


def _everything(world: World) -> None:
    """Every act there is on consents: first, again, changed, retried, re-keyed, joined, listed."""
    first = world.register(decisions={ConsentItem.SURGERY: Decision.REFUSE})
    world.register(language=Language.ENGLISH)
    card = world.sign(world.document(Channel.ONLINE))
    for _ in range(2):
        world.consent.register(card)
    world.register(card=Card.named("newer", "taro"))
    renewed = Card.named("renewed")
    world.register(card=renewed)
    SandboxEligibility(world.database).bind(renewed.subject_hashes[0], TARO)
    world.register(card=renewed)
    assert world.consent.standing_of(card.journey)
    with world.database.reading() as connection:
        page = ConsentedPatients(connection, world.facility.id).page(
            ListQuery(search=first.receipt.reference), now=world.clock.now()
        )
    assert page.total >= 1


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE consent_record SET document = document",
        "UPDATE consent_record SET reference = '261120-000-0000'",
        "DELETE FROM consent_record",
    ],
)
def test_the_database_itself_refuses_changes(any_world: World, statement: str) -> None:
    any_world.register()
    before = any_world.rows(consent_record)
    with (
        pytest.raises(IntegrityError, match="append-only"),
        any_world.database.transaction() as connection,
    ):
        connection.execute(text(statement))
    assert any_world.rows(consent_record) == before


def test_tables_made_without_a_migration_are_guarded_too(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'bare.db'}")
    with database.transaction() as connection:
        all_tables().create_all(connection)
        names = connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        assert set(names.scalars()) >= {"consent_record_no_update", "consent_record_no_delete"}
    database.close()
