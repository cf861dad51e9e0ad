"""What a migration may do while the version before it is still running (``docs/deploying.md``)."""

import re
from collections.abc import Iterable, Iterator

SINCE = "202611230114"
"""The rules hold from this migration on."""
ONLINE_SINCE = "202611230117"
"""From the one after this on, an index over a table that is in use is made while it is in use."""

_TABLE = r'"?(?P<table>\w+)"?'
_BREAKING = {
    "drops a table": rf"DROP TABLE (?:IF EXISTS )?{_TABLE}",
    "drops a column": rf"ALTER TABLE (?:ONLY )?{_TABLE} DROP COLUMN",
    "renames": rf"ALTER TABLE (?:ONLY )?{_TABLE} RENAME",
    "changes a type": rf"ALTER TABLE (?:ONLY )?{_TABLE} ALTER COLUMN \S+ (?:SET DATA )?TYPE",
    "forbids nothing to stand there": rf"ALTER TABLE (?:ONLY )?{_TABLE} ALTER COLUMN \S+ SET NOT",
    "adds what old versions do not write": (
        rf"ALTER TABLE (?:ONLY )?{_TABLE} ADD COLUMN (?!.*\bDEFAULT\b).*\bNOT NULL\b"
    ),
    "adds a constraint": rf"ALTER TABLE (?:ONLY )?{_TABLE} ADD CONSTRAINT",
    "makes values unique": rf"CREATE UNIQUE INDEX .* ON {_TABLE}",
}
_EXCHANGED = (
    rf"ALTER TABLE {_TABLE} DROP CONSTRAINT (?P<name>\w+), ADD CONSTRAINT (?P=name)"
    r" (?:PRIMARY KEY|UNIQUE) USING INDEX (?P<index>\w+)"
)
"""The same constraint again, on another index."""
_OFFLINE_INDEX = rf"CREATE INDEX (?!CONCURRENTLY).* ON {_TABLE}"
_NEW_TABLE = rf"CREATE TABLE {_TABLE}"
_NEW_INDEX = r"CREATE UNIQUE INDEX CONCURRENTLY (\w+)"


def breaches(statements: Iterable[str]) -> Iterator[str]:
    """Yield what the version before would not survive; a table that is new may be anything."""
    plain = [" ".join(statement.split()) for statement in statements]
    new = {found["table"] for line in plain if (found := re.match(_NEW_TABLE, line, re.IGNORECASE))}
    exchanged = {found["index"] for line in plain if (found := re.match(_EXCHANGED, line))}
    for line in plain:
        index = re.match(_NEW_INDEX, line)
        if index and index[1] in exchanged:
            continue
        for what, pattern in _BREAKING.items():
            found = re.match(pattern, line, re.IGNORECASE)
            if found and found["table"] not in new:
                yield f"{what}: {line}"


def long_locks(statements: Iterable[str]) -> Iterator[str]:
    """Yield the indices that keep everybody from writing while they are made."""
    plain = [" ".join(statement.split()) for statement in statements]
    new = {found["table"] for line in plain if (found := re.match(_NEW_TABLE, line, re.IGNORECASE))}
    for line in plain:
        found = re.match(_OFFLINE_INDEX, line, re.IGNORECASE)
        if found and found["table"] not in new:
            yield line
