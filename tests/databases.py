"""Fresh databases for tests: a migrated SQLite file, or a database on a real PostgreSQL server."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from sqlalchemy import create_engine, make_url, text

from tests.servers import postgres_server
from zaitaku.core.database import Database
from zaitaku.schema import upgrade

TEMPLATE = "zaitaku_template"


def migrated_sqlite_template(folder: Path) -> Path:
    """Return an empty SQLite file with this version's tables."""
    path = folder / "template.db"
    database = Database(f"sqlite:///{path}")
    upgrade(database)
    seal_sqlite(database)
    return path


def sqlite_copy(template: Path, path: Path) -> Database:
    """Open a copy of a prepared SQLite file at ``path``."""
    path.write_bytes(template.read_bytes())
    return Database(f"sqlite:///{path}")


def seal_sqlite(database: Database) -> None:
    """Close a SQLite file so that it can be copied: everything is in the one file."""
    with database.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()


@contextmanager
def fresh_postgres() -> Iterator[str]:
    """Run a PostgreSQL server whose template database has this version's tables."""
    with postgres_server() as server:
        address = server.url
        _execute(address, f"CREATE DATABASE {TEMPLATE}")
        template = Database(_in_database(address, TEMPLATE))
        upgrade(template)
        template.close()
        yield address


@contextmanager
def new_postgres_database(address: str) -> Iterator[Database]:
    """Make a database from the template and drop it at the end."""
    name = f"test_{uuid4().hex}"
    _execute(address, f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
    database = Database(_in_database(address, name))
    try:
        yield database
    finally:
        database.close()
        _execute(address, f"DROP DATABASE {name} WITH (FORCE)")


def _in_database(address: str, name: str) -> str:
    return make_url(address).set(database=name).render_as_string(hide_password=False)


def _execute(address: str, statement: str) -> None:
    engine = create_engine(address, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()
