"""Records are appended, never changed: the database itself refuses, whoever asks."""

from typing import Final

from sqlalchemy import DDL, Table, event

_FUNCTION: Final = """
CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME
    USING ERRCODE = 'integrity_constraint_violation';
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


def append_only_statements(dialect: str, table: str) -> tuple[str, ...]:
    """Return the SQL that makes ``table`` refuse changes (``sqlite`` or ``postgresql``).

    A refused change raises ``IntegrityError`` on both. For migrations; ``guard`` runs the same.
    """
    if dialect == "sqlite":
        return tuple(_SQLITE_TRIGGER.format(table=table, act=act) for act in ("update", "delete"))
    return (_FUNCTION, _TRIGGER.format(table=table))


def guard(table: Table) -> None:
    """Make ``table`` refuse changes from its creation on."""
    for dialect in ("sqlite", "postgresql"):
        for statement in append_only_statements(dialect, table.name):
            ddl = DDL(statement.replace("%", "%%")).execute_if(dialect=dialect)
            event.listen(table, "after_create", ddl)
