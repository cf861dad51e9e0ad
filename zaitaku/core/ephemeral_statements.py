"""The SQL of the short-lived store: one statement a call, so that each call is atomic by itself.

SQLite and PostgreSQL share most of it; they differ in how they change a JSON text in place, and in
that PostgreSQL's cleaners must step round rows that somebody is just reviving. Parameters are
written ``:name``, as SQLite's driver takes them; ``for_psycopg`` rewrites them.
"""

import re
from dataclasses import dataclass
from functools import cache
from typing import Final

CREATE_TABLE: Final = (
    (
        "CREATE TABLE IF NOT EXISTS ephemeral ("
        "key VARCHAR(64) PRIMARY KEY, fields TEXT NOT NULL, expires_at BIGINT NOT NULL)"
    ),
    "CREATE INDEX IF NOT EXISTS ix_ephemeral_expires_at ON ephemeral (expires_at)",
)
"""``key``: SHA-256 in hex; ``fields``: a JSON object; ``expires_at``: microseconds since 1970."""

CREATE: Final = (
    "INSERT INTO ephemeral (key, fields, expires_at) VALUES (:key, :fields, :dies)"
    " ON CONFLICT (key) DO UPDATE SET fields = excluded.fields, expires_at = excluded.expires_at"
    " WHERE ephemeral.expires_at <= :now RETURNING fields"
)
READ: Final = "SELECT fields FROM ephemeral WHERE key = :key AND expires_at > :now"
TAKE: Final = "DELETE FROM ephemeral WHERE key = :key AND expires_at > :now RETURNING fields"
DELETE: Final = "DELETE FROM ephemeral WHERE key = :key"


@dataclass(frozen=True)
class Statements:
    """What the two databases say differently."""

    merge: str
    discard: str
    count: str
    purge: str


SQLITE: Final = Statements(
    merge=(
        "UPDATE ephemeral SET fields = json_patch(fields, :fields), expires_at = :dies"
        " WHERE key = :key AND expires_at > :now RETURNING fields"
    ),
    discard=(
        # A field whose new value is null goes away (RFC 7396 §2).
        "UPDATE ephemeral SET fields = json_patch(fields, :fields)"
        " WHERE key = :key AND expires_at > :now RETURNING fields"
    ),
    count=(
        "INSERT INTO ephemeral (key, fields, expires_at) VALUES (:key, :fields, :dies)"
        " ON CONFLICT (key) DO UPDATE SET"
        " fields = CASE WHEN ephemeral.expires_at > :now THEN"
        " json_set(ephemeral.fields, '$.count', CAST("
        "coalesce(json_extract(ephemeral.fields, '$.count'), 0) + :step AS TEXT))"
        " ELSE excluded.fields END,"
        " expires_at = CASE WHEN ephemeral.expires_at > :now THEN ephemeral.expires_at"
        " ELSE excluded.expires_at END"
        " RETURNING fields"
    ),
    purge=(
        "DELETE FROM ephemeral WHERE key IN"
        " (SELECT key FROM ephemeral WHERE expires_at <= :now LIMIT :batch)"
        " RETURNING key"
    ),
)

POSTGRESQL: Final = Statements(
    merge=(
        "UPDATE ephemeral SET"
        " fields = CAST(CAST(fields AS jsonb) || CAST(:fields AS jsonb) AS text),"
        " expires_at = :dies"
        " WHERE key = :key AND expires_at > :now RETURNING fields"
    ),
    discard=(
        "UPDATE ephemeral SET fields = CAST(CAST(fields AS jsonb)"
        " - ARRAY(SELECT jsonb_object_keys(CAST(:fields AS jsonb))) AS text)"
        " WHERE key = :key AND expires_at > :now RETURNING fields"
    ),
    count=(
        "INSERT INTO ephemeral (key, fields, expires_at) VALUES (:key, :fields, :dies)"
        " ON CONFLICT (key) DO UPDATE SET"
        " fields = CASE WHEN ephemeral.expires_at > :now THEN"
        " CAST(CAST(ephemeral.fields AS jsonb) || jsonb_build_object('count', CAST("
        "coalesce(CAST(CAST(ephemeral.fields AS jsonb) ->> 'count' AS bigint), 0)"
        " + CAST(:step AS bigint) AS text)) AS text)"
        " ELSE excluded.fields END,"
        " expires_at = CASE WHEN ephemeral.expires_at > :now THEN ephemeral.expires_at"
        " ELSE excluded.expires_at END"
        " RETURNING fields"
    ),
    purge=(
        "DELETE FROM ephemeral WHERE key IN"
        " (SELECT key FROM ephemeral WHERE expires_at <= :now LIMIT :batch FOR UPDATE SKIP LOCKED)"
        " RETURNING key"
    ),
)


@cache
def for_psycopg(statement: str) -> str:
    """Return ``statement`` with its parameters as psycopg takes them (PEP 249, ``pyformat``)."""
    return re.sub(r":(\w+)", r"%(\1)s", statement)
