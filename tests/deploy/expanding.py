"""What a migration may do while the version before it is still running (``docs/deploying.md``)."""

import re
from collections.abc import Iterable, Iterator

SINCE = "202611230114"
"""The rules hold from this migration on."""
ONLINE_SINCE = "202611230117"
"""From the one after this on, an index over a table that is in use is made while it is in use."""

_TABLE = r'"?(?P<table>\w+)"?'
_CHANGED = rf"ALTER TABLE (?:ONLY )?{_TABLE} (?:.*, ?)?"
_BREAKING = {
    "drops a table": rf"DROP TABLE (?:IF EXISTS )?{_TABLE}",
    "drops a column": rf"{_CHANGED}DROP COLUMN",
    "renames": rf"{_CHANGED}RENAME",
    "changes a type": rf"{_CHANGED}ALTER COLUMN \S+ (?:SET DATA )?TYPE",
    "forbids nothing to stand there": rf"{_CHANGED}ALTER COLUMN \S+ SET NOT",
    "adds what old versions do not write": (
        rf"{_CHANGED}ADD COLUMN (?!.*\bDEFAULT\b).*\bNOT NULL\b"
    ),
    "adds a constraint": rf"{_CHANGED}ADD CONSTRAINT",
    "makes values unique": rf"CREATE UNIQUE INDEX .* ON {_TABLE}",
}
_EXCHANGE = (
    rf"ALTER TABLE {_TABLE} DROP CONSTRAINT (?P<name>\w+), ADD CONSTRAINT (?P=name)"
    r" (?P<kind>PRIMARY KEY|UNIQUE) USING INDEX (?P<index>\w+)"
)
_OFFLINE_INDEX = rf"CREATE INDEX (?!CONCURRENTLY).* ON {_TABLE}"
_NEW_TABLE = rf"CREATE TABLE {_TABLE}"


def breaches(statements: Iterable[str], before: Iterable[str] = ()) -> Iterator[str]:
    """Yield what the version before would not survive; a table that is new may be anything.

    ``before`` is what former migrations have said.
    """
    plain = [" ".join(statement.split()) for statement in statements]
    new = {found["table"] for line in plain if (found := re.match(_NEW_TABLE, line, re.IGNORECASE))}
    same = set(_same_again(plain, [" ".join(statement.split()) for statement in before]))
    for line in plain:
        for what, pattern in _BREAKING.items():
            found = re.match(pattern, line, re.IGNORECASE)
            if found and found["table"] not in new and line not in same:
                yield f"{what}: {line}"


def _same_again(plain: list[str], before: list[str]) -> Iterator[str]:
    """Yield what puts a constraint that a table was made with on another index, and no more."""
    for line in plain:
        found = re.fullmatch(_EXCHANGE, line)
        if not found:
            continue
        made = rf"CREATE UNIQUE INDEX CONCURRENTLY {found['index']} ON {found['table']} \("
        for index in plain:
            columns = re.fullmatch(rf"{made}([\w, ]+)\)(?: INCLUDE \([\w, ]+\))?", index)
            if columns and any(
                f"CREATE TABLE {found['table']} " in first
                and f"CONSTRAINT {found['name']} {found['kind']} ({columns[1]})" in first
                for first in before
            ):
                yield from (index, line)


def long_locks(statements: Iterable[str]) -> Iterator[str]:
    """Yield the indices that keep everybody from writing while they are made."""
    plain = [" ".join(statement.split()) for statement in statements]
    new = {found["table"] for line in plain if (found := re.match(_NEW_TABLE, line, re.IGNORECASE))}
    for line in plain:
        found = re.match(_OFFLINE_INDEX, line, re.IGNORECASE)
        if found and found["table"] not in new:
            yield line
