"""Going back a version never destroys what proves a consent."""

import pytest

from tests.consent.test_id_token_evidence import recorded
from tests.consent.world import World
from tests.migrating import downgrade
from zaitaku.core.database import Database
from zaitaku.schema import is_current, upgrade

BEFORE_TOKENS = "202611210100"


def test_tables_go_back_while_no_token_stands(any_database: Database) -> None:
    downgrade(any_database, BEFORE_TOKENS)
    assert not is_current(any_database)
    upgrade(any_database)
    assert is_current(any_database)


def test_tables_do_not_go_back_over_a_token(any_world: World) -> None:
    record = recorded(any_world)
    with pytest.raises(RuntimeError, match="evidence"):
        downgrade(any_world.database, BEFORE_TOKENS)
    upgrade(any_world.database)
    assert record.evidence.id_token
    assert any_world.record(record.journey) == record
