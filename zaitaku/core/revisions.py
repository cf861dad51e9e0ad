"""Which tables a database has, and whether this version can serve on them.

An old and a new version run side by side while a deployment is updated, so a version also serves
on tables that a newer one has made, as long as those promise it (``docs/deploying.md``). Nothing
here needs the tool that makes the tables.
"""

from pathlib import Path
from typing import Final

from sqlalchemy import Column, Connection, String, Table, inspect, select, table, text

from zaitaku.core.database import Database, metadata

_MIGRATIONS: Final = Path(__file__).parents[1] / "migrations" / "versions"

schema_promise: Final = Table(
    "schema_promise", metadata, Column("serves_from", String(32), primary_key=True)
)
"""One row: the oldest version, by its newest migration, that can serve on these tables."""

_VERSION: Final = table("alembic_version")


def known_revisions() -> frozenset[str]:
    """Return the names of all migrations that this version has."""
    return frozenset(path.name.partition("_")[0] for path in _MIGRATIONS.glob("[0-9]*_*.py"))


def newest_revision() -> str:
    """Return the name of this version's newest migration: the names are moments."""
    return max(known_revisions())


def revision_of(database: Database) -> str | None:
    """Return the newest migration that the database has seen; ``None`` when it has seen none.

    A SQLite file that does not exist is not made by asking.

    Raises:
        StoreUnavailable: the database is away, locked or damaged.
    """
    if database.is_sqlite and not Path(database.url.database or "").exists():
        return None
    with database.reading() as connection:
        return _revision(connection)


def is_current(database: Database) -> bool:
    """Tell whether the database has exactly this version's tables.

    Raises:
        StoreUnavailable: as ``revision_of``.
    """
    return revision_of(database) == newest_revision()


def can_serve(database: Database) -> bool:
    """Tell whether this version can serve on the database's tables: its own, or newer ones.

    Raises:
        StoreUnavailable: as ``revision_of``.
    """
    revision, known = revision_of(database), known_revisions()
    if revision is None or revision in known:
        return revision == max(known)
    with database.reading() as connection:
        return connection.scalar(select(schema_promise.c.serves_from)) in known


class SchemaWatch:
    """Asks until the tables can be served on; after that it knows and asks no more."""

    def __init__(self) -> None:
        self._known = False

    def is_current(self, database: Database) -> bool:
        """Tell whether this version can serve on the tables, or once could.

        Raises:
            StoreUnavailable: it is not known yet and the database does not answer.
        """
        self._known = self._known or can_serve(database)
        return self._known


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table(_VERSION.name):
        return None
    found: str | None = connection.scalar(select(text("version_num")).select_from(_VERSION))
    return found
