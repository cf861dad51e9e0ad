"""Going back to tables of a version before, as an operator would by hand."""

from alembic import command

from zaitaku.core.database import Database
from zaitaku.schema import migration_config


def downgrade(database: Database, revision: str) -> None:
    """Bring the tables back to ``revision``; on PostgreSQL each step is a transaction."""
    config = migration_config()
    opened = database.transaction() if database.is_sqlite else database.engine.connect()
    with opened as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, revision)
