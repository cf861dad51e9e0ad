"""Records are appended, never changed: the database itself refuses, whoever asks."""

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


def append_only_statements(dialect: str, table: str) -> tuple[str, ...]:
    """Return the SQL that makes ``table`` refuse changes (``sqlite`` or ``postgresql``).

    A refused change raises ``IntegrityError`` on both. For migrations; ``guard`` runs the same.
    """
    if dialect == "sqlite":
        return tuple(_SQLITE_TRIGGER.format(table=table, act=act) for act in ("update", "delete"))
    return (_FUNCTION, _TRIGGER.format(table=table))


def guard(table: Table) -> None:
    """Make ``table`` refuse changes from its creation on."""

    @event.listens_for(table, "after_create")
    def _install(_table: Table, connection: Connection, **_options: object) -> None:
        for statement in append_only_statements(connection.dialect.name, table.name):
            connection.exec_driver_sql(statement)
