"""Records are appended, never changed: the database itself refuses, whoever asks.

One change may be let through: a column that is sealed may be sealed anew, with every other column
as it was. What is in the seal cannot be changed without its key (``zaitaku.core.sealing``).
"""

from collections.abc import Iterable
from typing import Final

from sqlalchemy import Connection, Table, event

_FUNCTION: Final = """
CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION USING
        MESSAGE = TG_TABLE_NAME || ' is append-only',
        ERRCODE = 'integrity_constraint_violation';
END $$
"""
_TRIGGER: Final = """
CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
"""
_SQLITE_TRIGGER: Final = """
CREATE TRIGGER {table}_no_{act} BEFORE {act} ON {table}
BEGIN
    SELECT RAISE(ABORT, '{table} is append-only');
END
"""
_RESEAL: Final = """
CREATE TRIGGER {table}_append_only BEFORE DELETE OR TRUNCATE ON {table}
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table}
FOR EACH ROW WHEN (
    OLD.{column} IS NULL OR NEW.{column} IS NULL OR NEW.{column} NOT LIKE 'zs1.%'
    OR to_jsonb(OLD) - '{column}' IS DISTINCT FROM to_jsonb(NEW) - '{column}'
) EXECUTE FUNCTION refuse_change()
"""
_SQLITE_RESEAL: Final = """
CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table}
WHEN OLD.{column} IS NULL OR NEW.{column} IS NULL OR NEW.{column} NOT GLOB 'zs1.*'
{others}
BEGIN
    SELECT RAISE(ABORT, '{table} is append-only');
END
"""


def resealable_statements(
    dialect: str, table: str, column: str, others: Iterable[str]
) -> tuple[str, ...]:
    """Return the SQL that makes ``table`` refuse every change but a new seal in ``column``.

    ``others`` are the names of all other columns: SQLite compares them one by one.
    """
    if dialect != "sqlite":
        return (_FUNCTION, _RESEAL.format(table=table, column=column))
    changed = "".join(f"    OR OLD.{each} IS NOT NEW.{each}\n" for each in sorted(others))
    update = _SQLITE_RESEAL.format(table=table, column=column, others=changed)
    return (update, _SQLITE_TRIGGER.format(table=table, act="delete"))


def append_only_statements(dialect: str, table: str) -> tuple[str, ...]:
    """Return the SQL that makes ``table`` refuse changes (``sqlite`` or ``postgresql``).

    A refused change raises ``IntegrityError`` on both. For migrations; ``guard`` runs the same.
    """
    if dialect == "sqlite":
        return tuple(_SQLITE_TRIGGER.format(table=table, act=act) for act in ("update", "delete"))
    return (_FUNCTION, _TRIGGER.format(table=table))


def guard(table: Table, *, resealed: str = "") -> None:
    """Make ``table`` refuse changes from its creation on, but a new seal in ``resealed``."""

    @event.listens_for(table, "after_create")
    def _install(_table: Table, connection: Connection, **_options: object) -> None:
        for statement in _statements(connection.dialect.name, table, resealed):
            connection.exec_driver_sql(statement)


def _statements(dialect: str, table: Table, resealed: str) -> tuple[str, ...]:
    if not resealed:
        return append_only_statements(dialect, table.name)
    others = {each.name for each in table.columns} - {resealed}
    return resealable_statements(dialect, table.name, resealed, others)
