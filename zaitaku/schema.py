"""The tables of all rooms together, and the way from any earlier version to this one."""

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, MetaData
from sqlalchemy.exc import InterfaceError, OperationalError, PendingRollbackError

from zaitaku.core.database import Database, metadata
from zaitaku.core.errors import StoreUnavailable
from zaitaku.core.revisions import SchemaWatch, is_current

__all__ = ["SchemaWatch", "all_tables", "is_current", "migration_config", "upgrade"]

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
ADVISORY_LOCK: Final = 0x7A61_6974_616B_75
"""PostgreSQL's locks of this kind have a number for a name; ours spells ``zaitaku``."""
LOCK_SECONDS: Final = 2
"""Whoever waits for a table keeps all others waiting behind it: pages bear this long."""
ATTEMPTS: Final = 30
PAUSE_SECONDS: Final = 1.0
_LONGEST_SECONDS: Final = 24 * 60 * 60
_LOCK_NOT_AVAILABLE: Final = "55P03"


class TablesInUse(StoreUnavailable):
    """Another migration, or a long transaction, kept a table for too long; it is as it was."""

    code = "tables-in-use"


def all_tables() -> MetaData:
    """Return the metadata with every room's tables declared on it."""
    for room in _ROOMS:
        import_module(f"zaitaku.{room}.store")
    import_module("zaitaku.accounts.sign_in_store")
    import_module("zaitaku.core.key_checks")
    return metadata


def upgrade(database: Database) -> None:
    """Bring the database to this version's tables; the site may be running on it meanwhile.

    Of several that do this at once, one works and the others find it done. On SQLite all is one
    transaction; on PostgreSQL each migration is, so that none holds its locks for longer than it
    needs them, and one that cannot have a table within two seconds gives way and tries again.
    Making an index beside writers waits up to half an hour for long readers; nobody waits for it.

    Raises:
        StoreUnavailable: the database is away or locked; migrations that are done stay done.
    """
    opened = _alone if not database.is_sqlite else Database.transaction
    for attempt in range(1, ATTEMPTS + 1):
        try:
            _upgrade(opened(database))
        except TablesInUse:
            if attempt == ATTEMPTS:
                raise
            time.sleep(PAUSE_SECONDS)
        else:
            return


def _upgrade(opened: AbstractContextManager[Connection]) -> None:
    config = migration_config()
    with opened as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


@contextmanager
def _alone(database: Database) -> Iterator[Connection]:
    """Give a connection of PostgreSQL that nobody else migrates beside."""
    try:
        with database.engine.connect() as connection:
            try:
                _be_patient(connection)
                _lock(connection)
                yield connection
            finally:
                # What is set on it, and the lock, end with it: no page gets it.
                connection.invalidate()
    except PendingRollbackError as error:  # it went away outside a transaction
        raise StoreUnavailable(type(error).__name__) from error
    except (OperationalError, InterfaceError) as error:
        if getattr(error.orig, "sqlstate", None) == _LOCK_NOT_AVAILABLE:
            raise TablesInUse("使用中の表がありました。もう一度実行してください。") from error
        raise StoreUnavailable(type(error).__name__) from error


def _lock(connection: Connection) -> None:
    locked = connection.exec_driver_sql(f"SELECT pg_try_advisory_lock({ADVISORY_LOCK})").scalar()
    if not locked:
        raise TablesInUse("別の zaitaku migrate が動いています。")
    connection.commit()


def _be_patient(connection: Connection) -> None:
    # Building an index over all records takes as long as it takes; waiting for others does not.
    driver: Any = connection.connection.driver_connection
    driver.answer_seconds = _LONGEST_SECONDS
    connection.exec_driver_sql("SET statement_timeout = 0")
    connection.exec_driver_sql(f"SET lock_timeout = '{LOCK_SECONDS}s'")


def migration_config() -> Config:
    """Return Alembic's configuration; it runs on the connection given in its attributes."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config
