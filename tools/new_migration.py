"""Writes a migration from the difference between the tables in the code and the newest migration.

``python -m tools.new_migration "what it does"``
"""

import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from alembic import command

from zaitaku.core.database import Database
from zaitaku.schema import migration_config, upgrade


def main(message: str) -> None:
    """Bring an empty SQLite database to the newest migration and write what is missing."""
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{Path(folder) / 'empty.db'}")
        upgrade(database)
        config = migration_config()
        revision = datetime.now(UTC).strftime("%Y%m%d%H%M")
        with database.transaction() as connection:
            config.attributes["connection"] = connection
            command.revision(config, message=message, autogenerate=True, rev_id=revision)
        database.close()


if __name__ == "__main__":
    main(sys.argv[1])
