"""A country on PostgreSQL: its facilities, and as many consents as wanted, made by the server.

Every table that a journey writes is filled, with rows as long as a journey's: patient, credential,
record, consent, items, letters of names; for every facility settings, both URLs with their history,
an administrator, and a short audit trail. Two in five consents are home visits; a patient has two
and a half consents on average, at different facilities. One facility has a twelfth of all, the
others follow a power law: the next has a hundredth, a middle one a few in a million.

Nothing is checked while it is loaded and indexes are made at the end, so ten million consents take
minutes; afterwards the database has every constraint and index that the migrations gave it.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from hashlib import md5
from typing import Any, Final
from uuid import UUID

from psycopg import Connection, connect, sql
from psycopg.types.json import Jsonb
from stdnum import luhn

from bench.console_data import GIVEN_NAMES, surnames
from zaitaku.consent.grams import grams_of
from zaitaku.consent.search import search_form
from zaitaku.facilities.model import EnvironmentSettings

FACILITIES: Final = 230_000
HISTORY_YEARS: Final = 3
PEOPLE_PER_CONSENT: Final = 0.4
AUDIT_ENTRIES: Final = 4
"""Of each facility: its registration, two URLs, an account."""
DAYS_USED: Final = 3
"""Of each facility's URL, and one job a year ago."""
SETTINGS: Final = EnvironmentSettings(
    surgery=True, clinical=True, medication=False, home_visit=True, online=True
)
_HANDLE_STEP: Final = 1_234_567_891
"""Odd and no multiple of five, so that its multiples name every ten digits once."""
_LOADED: Final = (
    ("patient", "credential", "consent_record"),
    ("consent", "consent_item", "consent_gram"),
)
"""What two connections fill side by side; each table's rows name those of the others by number."""
LOADED_TABLES: Final = tuple(table for tables in _LOADED for table in tables)


def facility_uuid(number: int) -> UUID:
    """Return the name of a facility of the country, counted from 2: the first one is real."""
    return UUID(f"{number:08x}-0000-7000-8000-0000000000f0")


def handle_of(number: int, *, online: bool = False) -> str:
    """Return the handle of a facility's URL, with its check digit."""
    digits = f"{(2 * number + online) * _HANDLE_STEP % 10**10:010d}"
    return digits + luhn.calc_check_digit(digits)


def subject_hash_of(number: int) -> str:
    """Return the keyed hash under which a person's card is known, counted from 1."""
    digest = md5(str(number).encode(), usedforsecurity=False).hexdigest()
    return digest * 2


_FACILITY_ID: Final = "(lpad(to_hex(n), 8, '0') || '-0000-7000-8000-0000000000f0')::uuid"
_VERSION_ID: Final = "(lpad(to_hex(n), 8, '0') || '-0000-7000-8000-0000000000e' || number)::uuid"
_CHANNELS: Final = (
    "(VALUES (1, 'home-visit', home), (2, 'online', away)) AS channels (number, channel, handle)"
)
_FOUND: Final = (
    f"""INSERT INTO facility (id, code, registered_name, phone, hours, created_at)
    SELECT {_FACILITY_ID}, code, 'みどり坂クリニック', '03-0000-1234', '', %(at)s FROM place""",
    f"""INSERT INTO environment_settings (facility_id, version, settings, changed_at, changed_by)
    SELECT {_FACILITY_ID}, 1, %(settings)s::json, %(at)s, 'bench' FROM place""",
    f"""INSERT INTO url_version (id, facility_id, channel, number, handle, created_at)
    SELECT {_VERSION_ID}, {_FACILITY_ID}, channel, 1, handle, %(at)s
    FROM place, LATERAL {_CHANNELS}""",
    f"""INSERT INTO reception_url (facility_id, channel, current_id)
    SELECT {_FACILITY_ID}, channel, {_VERSION_ID} FROM place, LATERAL {_CHANNELS}""",
    f"""INSERT INTO url_event (facility_id, channel, sequence, act, to_number, actor, at, reason)
    SELECT {_FACILITY_ID}, channel, 1, 'issue', 1, 'bench', %(at)s, ''
    FROM place, LATERAL {_CHANNELS}""",
    f"""INSERT INTO audit_entry
        (facility_id, sequence, at, act, actor, subject, detail, previous, digest)
    SELECT {_FACILITY_ID}, number, %(at)s, 'issue-url', 'bench', '訪問診療等',
        '{{"変更後": "第1版"}}', md5(n::text) || md5('a'), md5(n::text) || md5('b')
    FROM place, generate_series(1, %(entries)s) AS number""",
    f"""INSERT INTO audit_head (facility_id, sequence, digest, told)
    SELECT {_FACILITY_ID}, %(entries)s, digest, digest
    FROM place, LATERAL (SELECT md5(n::text) || md5('b') AS digest) AS digests""",
    f"""INSERT INTO account
        (id, facility_id, user_key, user_id, role, name, kana, is_enabled, password_hash,
        password_changed_at, must_change_password, wrong_passwords, created_at)
    SELECT {_FACILITY_ID}, {_FACILITY_ID}, 'kanri', 'kanri', 'admin', 'みどり', 'ミドリ', true, '',
        %(at)s, false, 0, %(at)s
    FROM place""",
    f"""INSERT INTO url_use (version_id, poster_number, day, scans, completions)
    SELECT {_VERSION_ID}, 0, %(at)s::date - back, 3, 2
    FROM place, (VALUES ('1')) AS home (number), generate_series(0, %(days)s - 1) AS back""",
    f"""INSERT INTO job
        (id, facility_id, kind, reference, account_id, actor, parameters, state, outcome, counts,
        done, total, submitted_at, started_at, heartbeat_at, finished_at, attempts, result_name,
        result_type, result_bytes)
    SELECT {_FACILITY_ID}, {_FACILITY_ID}, 'poster-archive', '1', {_FACILITY_ID}, 'bench', '{{}}',
        'done', 'done', '{{}}', 1, 1, %(at)s - interval '1 year', %(at)s - interval '1 year',
        %(at)s - interval '1 year', %(at)s - interval '1 year', 1, '', '', 0
    FROM place""",
)


def found_country(connection: Connection[Any], count: int, at: datetime) -> None:
    """Add ``count`` facilities, numbered from 2, as they are on their first day."""
    _hurry(connection)
    connection.execute("CREATE TEMPORARY TABLE place (n int, code text, home text, away text)")
    with connection.cursor().copy("COPY place FROM STDIN") as copy:
        for number in range(2, count + 2):
            code = f"{number % 47 + 1:02d}1{number:07d}"
            copy.write_row((number, code, handle_of(number), handle_of(number, online=True)))
    values = {"at": at, "settings": Jsonb(SETTINGS.to_mapping()), "entries": AUDIT_ENTRIES}
    values["days"] = DAYS_USED
    for statement in _FOUND:
        connection.execute(statement, values)


def _hurry(connection: Connection[Any]) -> None:
    # What refers to a row that was just made need not be looked up.
    connection.execute("SET session_replication_role = replica")
    connection.execute("SET synchronous_commit = off")
    connection.execute("SET maintenance_work_mem = '700MB'")
    connection.execute("SET work_mem = '64MB'")


@dataclass(frozen=True)
class Country:
    """What consents are made of."""

    large: UUID
    """The one real facility, which has a twelfth of all consents."""
    large_url: UUID
    facilities: int
    now: datetime


_VACUUMED: Final = tuple(
    f"VACUUM {table}" for table in ("consent_gram", "consent_item", "consent", "credential")
)
"""What is read from indexes alone, once PostgreSQL knows that every row is seen by all."""
_DRAW: Final = """
INSERT INTO drawn
SELECT i, turn, person, recorded_at, facility_of(place), url_of(place), uuid_of(person, '1'),
    uuid_of(person, '2'), uuid_of(i, '3'), uuid_of(i, '4'), name_of(person), birth_of(person),
    CASE WHEN i %% 7 = 0 THEN 'refuse' WHEN i %% 97 = 0 THEN 'withdrawn' ELSE 'grant' END,
    reference_of(i, recorded_at),
    CASE WHEN turn > 0 THEN (recorded_at AT TIME ZONE 'Asia/Tokyo')::date + i %% 14 END
FROM (
    SELECT i, person, turn,
        %(now)s::timestamptz - %(years)s * interval '1 year' * (1 - i::float8 / %(count)s)
            AS recorded_at,
        CASE WHEN i %% 10 = 0 AND turn < 2 THEN 1 WHEN turn = 0 THEN drawn_place
            ELSE drawn_place / 2 * 2 + turn %% 2 END AS place
    FROM (
        SELECT i, (j %% %(people)s)::int + 1 AS person, (j / %(people)s)::int AS turn,
            2 + floor(spread * spread * spread * (%(facilities)s - 2))::int AS drawn_place
        FROM (
            SELECT i, i::bigint * 1000003 %% %(count)s AS j,
                (hashint4(i)::bigint + 2147483648) / 4294967296.0::float8 AS spread
            FROM generate_series(%(first)s::int, %(last)s::int) AS i
            OFFSET 0
        ) AS numbered
        OFFSET 0
    ) AS spread_out
    OFFSET 0
) AS placed
"""
"""A consent's person, facility and moment by its number alone. The step is prime to every power of
ten: nobody consents twice at one moment; nor, by the parity of the place, for one day at one."""

_ITEMS: Final = "(VALUES ('surgery'), ('clinical'), ('medication'), ('checkup')) AS items (item)"
_DOCUMENT: Final = '{"statement":"' + "x" * 150 + '"}'
_LINES: Final = {
    "patient": """INSERT INTO patient
        (id, person_key, name, kana, birth_date, sex, search, kana_key, insured_at, created_at)
        SELECT uuid_of(person, '1'), 'person-' || person, name, kana, birth_of(person), 'female',
            search, kana_key, %(now)s, %(now)s
        FROM generate_series(1, %(people)s) AS person JOIN called ON called.id = name_of(person)""",
    "credential": """INSERT INTO credential (id, patient_id, subject_hash, first_seen)
        SELECT uuid_of(person, '2'), uuid_of(person, '1'), subject_of(person), %(now)s
        FROM generate_series(1, %(people)s) AS person""",
    "consent_record": """INSERT INTO consent_record
        (id, facility_id, credential_id, patient_id, url_version_id, journey, challenge, reference,
        recorded_at, facility_phone, document, document_sha256, origin, nonce, signature,
        public_key, algorithm, certificate_expires, verified_at)
        SELECT record, facility, credential, patient, url, left(md5('j' || i::text), 22),
            left(md5('c' || i::text), 22), reference, recorded_at, '03-0000-1234', %(document)s,
            repeat('0', 64), 'https://consent.example.jp', %(nonce)s, %(signature)s, %(signature)s,
            'sha256WithRSAEncryption', recorded_at, recorded_at
        FROM drawn""",
    "consent": """INSERT INTO consent
        (id, facility_id, patient_id, channel, visit_key, visit_date, valid_until, record_id,
        recorded_at, reference, standing, is_listed, kana_key, birth_date)
        SELECT consent, facility, patient, CASE WHEN turn = 0 THEN 'home-visit' ELSE 'online' END,
            coalesce(visit::text, ''), visit, (visit + 2)::timestamp AT TIME ZONE 'Asia/Tokyo',
            record, recorded_at, reference, state, state <> 'refuse', kana_key, birth
        FROM drawn JOIN called ON called.id = named""",
    "consent_item": f"""INSERT INTO consent_item (consent_id, item, state, since, record_id)
        SELECT consent, item, state, recorded_at, record FROM drawn, {_ITEMS}""",
    "consent_gram": """INSERT INTO consent_gram (consent_id, gram, facility_id, recorded_at)
        SELECT consent, unnest(grams), facility, recorded_at
        FROM drawn JOIN called ON called.id = named""",
}
_WORDS: Final = (
    """CREATE FUNCTION {schema}.uuid_of(n bigint, kind text) RETURNS uuid IMMUTABLE LANGUAGE sql AS
    $$SELECT (lpad(to_hex(n), 8, '0') || '-0000-7000-8000-00000000000' || kind)::uuid$$""",
    """CREATE FUNCTION {schema}.facility_of(n int) RETURNS uuid IMMUTABLE LANGUAGE sql AS
    $$SELECT CASE WHEN n = 1 THEN {large}::uuid
        ELSE (lpad(to_hex(n), 8, '0') || '-0000-7000-8000-0000000000f0')::uuid END$$""",
    """CREATE FUNCTION {schema}.url_of(n int) RETURNS uuid IMMUTABLE LANGUAGE sql AS
    $$SELECT CASE WHEN n = 1 THEN {large_url}::uuid
        ELSE (lpad(to_hex(n), 8, '0') || '-0000-7000-8000-0000000000e1')::uuid END$$""",
    """CREATE FUNCTION {schema}.name_of(person bigint) RETURNS int IMMUTABLE LANGUAGE sql AS
    $$SELECT abs(hashint8(person) % {names})$$""",
    """CREATE FUNCTION {schema}.birth_of(person bigint) RETURNS date IMMUTABLE LANGUAGE sql AS
    $$SELECT date '1930-01-01' + abs(hashint8(person * 3 + 2) % 29000)$$""",
    """CREATE FUNCTION {schema}.subject_of(person bigint) RETURNS text IMMUTABLE LANGUAGE sql AS
    $$SELECT substr(md5(person::text) || md5(person::text), 1, 64)$$""",
    """CREATE FUNCTION {schema}.reference_of(i int, at timestamptz) RETURNS text
    STABLE LANGUAGE sql AS
    $$SELECT to_char(at AT TIME ZONE 'Asia/Tokyo', 'YYMMDD') ||
        to_char(i::bigint * 7654321 % 10000000, '"-"FM000"-"0000')$$""",
    "CREATE TABLE {schema}.called"
    " (id int, name text, kana text, search text, kana_key text, grams bigint[])",
    "CREATE UNLOGGED TABLE {schema}.drawn (i int, turn int, person int, recorded_at timestamptz,"
    " facility uuid, url uuid, patient uuid, credential uuid, record uuid, consent uuid,"
    " named int, birth date, state text, reference text, visit date)",
)
"""Words in which the rows are told, in a schema of their own that goes when all is there."""


def fill(address: str, country: Country, count: int) -> None:
    """Give the country ``count`` consents; a power of ten, at most ten million."""
    with connect(address, autocommit=True) as connection:
        _say(connection, country)
        ends = _bare(connection, list(LOADED_TABLES))
    values = {
        "people": round(count * PEOPLE_PER_CONSENT),
        "count": count,
        "now": country.now,
        "years": HISTORY_YEARS,
        "facilities": country.facilities,
        "document": _DOCUMENT,
        "nonce": bytes(32),
        "signature": bytes(256),
    }
    halves = ({"first": 1, "last": count // 2}, {"first": count // 2 + 1, "last": count})
    with ThreadPoolExecutor(len(_LOADED)) as pool:
        list(pool.map(lambda half: _load(address, [_DRAW], values | half), halves))
        _run(address, "ANALYZE load.drawn")
        list(pool.map(lambda tables: _load_tables(address, tables, values), _LOADED))
        _run(address, "DROP SCHEMA load CASCADE")
        for statements in (*ends, [*_VACUUMED, "ANALYZE"]):
            list(pool.map(lambda statement: _run(address, statement), statements))


def _say(connection: Connection[Any], country: Country) -> None:
    rows = [
        (number, *_called(surname, reading, given, given_reading))
        for number, ((surname, reading), (given, given_reading)) in enumerate(
            (family, first) for family in surnames() for first in GIVEN_NAMES
        )
    ]
    connection.execute("CREATE SCHEMA load")
    said = {
        "schema": sql.Identifier("load"),
        "large": sql.Literal(str(country.large)),
        "large_url": sql.Literal(str(country.large_url)),
        "names": sql.Literal(len(rows)),
    }
    for statement in _WORDS:
        connection.execute(sql.SQL(statement).format(**said))
    with connection.cursor().copy("COPY load.called FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)
    connection.execute("ANALYZE load.called")


def _called(surname: str, reading: str, given: str, given_reading: str) -> tuple[Any, ...]:
    name, kana = f"{surname}　{given}", f"{reading}　{given_reading}"
    search = f"{search_form(name)}\n{search_form(kana)}"
    return name, kana, search, search_form(kana), sorted(grams_of(search))


def _load_tables(address: str, tables: Sequence[str], values: dict[str, Any]) -> None:
    # What is emptied and filled in one transaction needs no log (PostgreSQL 15, §14.4.7).
    for table in tables:
        _load(address, [f"TRUNCATE {table}", _LINES[table]], values)


def _load(address: str, statements: Sequence[str], values: dict[str, Any]) -> None:
    with connect(address) as connection:
        _hurry(connection)
        connection.execute("SET search_path = public, load")
        for statement in statements:
            connection.execute(statement, values)


def _run(address: str, statement: str) -> None:
    with connect(address, autocommit=True) as connection:
        _hurry(connection)
        connection.execute(statement)


_CONSTRAINTS: Final = """
SELECT conrelid::regclass::text, conname, contype, pg_get_constraintdef(oid)
FROM pg_constraint
WHERE contype IN ('f', 'p', 'u')
    AND (conrelid::regclass::text = ANY(%(tables)s)
        OR confrelid <> 0 AND confrelid::regclass::text = ANY(%(tables)s))
"""
_INDEXES: Final = """
SELECT indexname, indexdef FROM pg_indexes
WHERE schemaname = 'public' AND tablename = ANY(%(tables)s)
    AND indexname NOT IN (SELECT conname FROM pg_constraint)
"""


def _bare(connection: Connection[Any], tables: list[str]) -> tuple[list[str], ...]:
    """Take away constraints and indexes of ``tables``; return how they are made, in three steps.

    References are believed, not looked up again: the rows were made from one another.
    """
    found = connection.execute(_CONSTRAINTS, {"tables": tables}).fetchall()
    indexes = connection.execute(_INDEXES, {"tables": tables}).fetchall()
    for table, name, *_ in sorted(found, key=lambda row: row[2] != "f"):
        connection.execute(f'ALTER TABLE {table} DROP CONSTRAINT "{name}"')
    for name, _ in indexes:
        connection.execute(f'DROP INDEX "{name}"')
    add = "ALTER TABLE {} ADD CONSTRAINT {} {}"
    keys = [add.format(*row[:2], row[3]) for row in found if row[2] != "f"]
    references = [add.format(*row[:2], row[3] + " NOT VALID") for row in found if row[2] == "f"]
    return keys, [definition for _, definition in indexes], references
