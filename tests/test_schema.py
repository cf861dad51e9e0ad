"""Migrations and tables agree, on both engines."""

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from zaitaku.core.database import Database
from zaitaku.schema import all_tables, is_current, upgrade


def test_migrations_make_exactly_the_tables_of_the_code(any_database: Database) -> None:
    with any_database.reading() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, all_tables()) == []


def test_upgrading_twice_changes_nothing(any_database: Database) -> None:
    upgrade(any_database)
    assert is_current(any_database)
