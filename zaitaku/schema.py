"""The tables of all rooms together, and the way from any earlier version to this one."""

from importlib import import_module
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import MetaData

from zaitaku.core.database import Database, metadata

_ROOMS: Final = (
    "audit",
    "jobs",
    "facilities",
    "reception",
    "reception.posters",
    "eligibility",
    "consent",
    "accounts",
    "devices",
    "records.appointments",
    "records",
)


def all_tables() -> MetaData:
    """Return the metadata with every room's tables declared on it."""
    for room in _ROOMS:
        import_module(f"zaitaku.{room}.store")
    import_module("zaitaku.accounts.sign_in_store")
    return metadata


def upgrade(database: Database) -> None:
    """Bring the database to this version's tables, in one transaction.

    Raises:
        StoreUnavailable: the database is away or locked; it is as it was.
    """
    config = migration_config()
    with database.transaction() as connection:
        if not database.is_sqlite:
            # Building an index over all records takes as long as it takes.
            connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def is_current(database: Database) -> bool:
    """Tell whether the database has exactly this version's tables.

    A SQLite file that does not exist is not made by asking.

    Raises:
        StoreUnavailable: the database is away, locked or damaged.
    """
    if database.is_sqlite and not Path(database.url.database or "").exists():
        return False
    newest = ScriptDirectory.from_config(migration_config()).get_current_head()
    with database.reading() as connection:
        return MigrationContext.configure(connection).get_current_revision() == newest


class SchemaWatch:
    """Asks until the tables are current; after that it knows and asks no more."""

    def __init__(self) -> None:
        self._known = False

    def is_current(self, database: Database) -> bool:
        """Tell whether the tables are, or once were, this version's.

        Raises:
            StoreUnavailable: it is not known yet and the database does not answer.
        """
        self._known = self._known or is_current(database)
        return self._known


def migration_config() -> Config:
    """Return Alembic's configuration; it runs on the connection given in its attributes."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config
