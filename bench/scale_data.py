"""A country on PostgreSQL: its facilities, and as many consents as wanted, made by the server.

Every table that a journey writes is filled, with rows as long as a journey's: patient, credential,
record, consent, items, letters of names; for every facility settings, both URLs with their history,
an administrator, and a short audit trail. Two in five consents are home visits; a patient has two
and a half consents on average, at different facilities. One facility has a twelfth of all, the
others follow a power law: the next has a hundredth, a middle one a few in a million.

Nothing is checked while it is loaded and indexes are made at the end, so ten million consents take
minutes; afterwards the database has every constraint and index that the migrations gave it.
"""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, LiteralString, cast
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


def facility_uuid(number: int) -> UUID:
    """Return the name of a facility of the country, counted from 2: the first one is real."""
    return UUID(f"{number:08x}-0000-7000-8000-0000000000f0")


def handle_of(number: int, *, online: bool = False) -> str:
    """Return the handle of a facility's URL, with its check digit."""
    digits = f"{(2 * number + online) * _HANDLE_STEP % 10**10:010d}"
    return digits + luhn.calc_check_digit(digits)


def subject_hash_of(number: int) -> str:
    """Return the keyed hash under which a person's card is known, counted from 1."""
    return f"{number:064x}"


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
    f"""INSERT INTO audit_head (facility_id, sequence, digest)
    SELECT {_FACILITY_ID}, %(entries)s, md5(n::text) || md5('b') FROM place""",
    f"""INSERT INTO account
        (id, facility_id, user_key, user_id, role, name, kana, is_enabled, password_hash,
        password_changed_at, must_change_password, wrong_passwords, created_at)
    SELECT {_FACILITY_ID}, {_FACILITY_ID}, 'kanri', 'kanri', 'admin', 'みどり', 'ミドリ', true, '',
        %(at)s, false, 0, %(at)s
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
    for statement in _FOUND:
        connection.execute(cast("LiteralString", statement), values)


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


_DRAWN: Final = """
SELECT i, j %% %(people)s + 1 AS person, j / %(people)s AS turn, place,
    %(now)s::timestamptz - %(years)s * interval '1 year' * (1 - i::float8 / %(count)s)
        AS recorded_at
FROM (
    SELECT i, j, CASE WHEN i %% 10 = 0 AND j / %(people)s < 2 THEN 1
        WHEN j / %(people)s = 0 THEN drawn_place
        ELSE drawn_place / 2 * 2 + (j / %(people)s %% 2)::int END AS place
    FROM (
      SELECT *, (2 + floor(spread * spread * spread * (%(facilities)s - 2)))::int AS drawn_place
      FROM (
        SELECT i, i::bigint * 1000003 %% %(count)s AS j,
            (hashint4(i)::bigint + 2147483648) / 4294967296.0::float8 AS spread
        FROM generate_series(1, %(count)s::int) AS i
      ) AS numbered
    ) AS spread_out
) AS placed
"""
"""A consent's person, facility and moment by its number alone, so that every table is made by
itself. The steps are prime to every power of ten: no person consents twice at one moment."""

_ITEMS: Final = "(VALUES ('surgery'), ('clinical'), ('medication'), ('checkup')) AS items (item)"
_DOCUMENT: Final = '{"statement":"' + "x" * 480 + '"}'
_LINES: Final = {
    "patient": """INSERT INTO patient
        (id, person_key, name, kana, birth_date, sex, search, kana_key, insured_at, created_at)
        SELECT uuid_of(person, 1), 'person-' || person, name, kana, birth_of(person), 'female',
            search, kana_key, %(now)s, %(now)s
        FROM generate_series(1, %(people)s) AS person JOIN called ON called.id = name_of(person)""",
    "credential": """INSERT INTO credential (id, patient_id, subject_hash, first_seen)
        SELECT uuid_of(person, 2), uuid_of(person, 1), lpad(to_hex(person), 64, '0'), %(now)s
        FROM generate_series(1, %(people)s) AS person""",
    "consent_record": """INSERT INTO consent_record
        (id, facility_id, credential_id, patient_id, url_version_id, journey, challenge, reference,
        recorded_at, facility_phone, document, document_sha256, origin, nonce, signature,
        public_key, algorithm, certificate_expires, verified_at)
        SELECT uuid_of(i, 3), facility_of(place), uuid_of(person, 2), uuid_of(person, 1),
            url_of(place), left(md5('j' || i), 22), left(md5('c' || i), 22),
            reference_of(i, recorded_at), recorded_at, '03-0000-1234', %(document)s,
            md5(i::text) || md5(i::text), 'https://consent.example.jp', decode(md5('n'), 'hex'),
            %(signature)s, %(signature)s, 'sha256WithRSAEncryption', recorded_at, recorded_at
        FROM ({drawn}) AS drawn""",
    "consent": """INSERT INTO consent
        (id, facility_id, patient_id, channel, visit_key, visit_date, valid_until, record_id,
        recorded_at, reference, standing, is_listed, kana_key, birth_date)
        SELECT uuid_of(i, 4), facility_of(place), uuid_of(person, 1),
            CASE WHEN turn = 0 THEN 'home-visit' ELSE 'online' END,
            CASE WHEN turn = 0 THEN '' ELSE visit::text END,
            CASE WHEN turn > 0 THEN visit END,
            CASE WHEN turn > 0 THEN (visit + 2)::timestamp AT TIME ZONE 'Asia/Tokyo' END,
            uuid_of(i, 3), recorded_at, reference_of(i, recorded_at), state_of(i),
            state_of(i) <> 'refuse', kana_key, birth_of(person)
        FROM ({drawn}) AS drawn JOIN called ON called.id = name_of(person),
            LATERAL (SELECT (recorded_at AT TIME ZONE 'Asia/Tokyo')::date + i %% 14 AS visit)
                AS visits""",
    "consent_item": """INSERT INTO consent_item (consent_id, item, state, since, record_id)
        SELECT uuid_of(i, 4), item, state_of(i), recorded_at, uuid_of(i, 3)
        FROM ({drawn}) AS drawn, {items}""",
    "consent_gram": """INSERT INTO consent_gram (consent_id, gram, facility_id, recorded_at)
        SELECT uuid_of(i, 4), gram, facility_of(place), recorded_at
        FROM ({drawn}) AS drawn JOIN called ON called.id = name_of(person), unnest(grams) AS gram""",
}
_WORDS: Final = (
    """CREATE FUNCTION {schema}.uuid_of(n bigint, kind int) RETURNS uuid IMMUTABLE LANGUAGE sql AS
    $$SELECT (lpad(to_hex(n), 8, '0') || '-0000-7000-8000-00000000000' || kind)::uuid$$""",
    """CREATE FUNCTION {schema}.facility_of(n int) RETURNS uuid IMMUTABLE LANGUAGE sql AS
    $$SELECT CASE WHEN n = 1 THEN {large}::uuid
        ELSE (lpad(to_hex(n), 8, '0') || '-0000-7000-8000-0000000000f0')::uuid END$$""",
    """CREATE FUNCTION {schema}.url_of(n int) RETURNS uuid IMMUTABLE LANGUAGE sql AS
    $$SELECT CASE WHEN n = 1 THEN {large_url}::uuid
        ELSE (lpad(to_hex(n), 8, '0') || '-0000-7000-8000-0000000000e1')::uuid END$$""",
    """CREATE FUNCTION {schema}.name_of(person bigint) RETURNS int IMMUTABLE LANGUAGE sql AS
    $$SELECT abs(hashint8(person) %% {names})$$""",
    """CREATE FUNCTION {schema}.birth_of(person bigint) RETURNS date IMMUTABLE LANGUAGE sql AS
    $$SELECT date '1930-01-01' + abs(hashint8(person * 3 + 2) %% 29000)$$""",
    """CREATE FUNCTION {schema}.state_of(i int) RETURNS text IMMUTABLE LANGUAGE sql AS
    $$SELECT CASE WHEN i %% 7 = 0 THEN 'refuse' WHEN i %% 97 = 0 THEN 'withdrawn'
        ELSE 'grant' END$$""",
    """CREATE FUNCTION {schema}.reference_of(i int, at timestamptz) RETURNS text
    IMMUTABLE LANGUAGE sql AS
    $$SELECT to_char(at AT TIME ZONE 'Asia/Tokyo', 'YYMMDD') ||
        to_char(i::bigint * 7654321 %% 10000000, '"-"FM000"-"0000')$$""",
    "CREATE TABLE {schema}.called"
    " (id int, name text, kana text, search text, kana_key text, grams bigint[])",
)
"""Words in which the rows are told, in a schema of their own that goes when all is there."""


def fill(address: str, country: Country, count: int) -> None:
    """Give the country ``count`` consents; a power of ten, at most ten million."""
    with connect(address, autocommit=True) as connection:
        _say(connection, country)
        ends = _bare(connection, [table for tables in _LOADED for table in tables])
    values = {
        "people": round(count * PEOPLE_PER_CONSENT),
        "count": count,
        "now": country.now,
        "years": HISTORY_YEARS,
        "facilities": country.facilities,
        "document": _DOCUMENT,
        "signature": bytes(256),
    }
    with ThreadPoolExecutor(len(_LOADED)) as pool:
        list(pool.map(lambda tables: _load(address, tables, values), _LOADED))
        for statements in ends:
            list(pool.map(lambda statement: _run(address, [statement]), statements))
        vacuum = [f"VACUUM (ANALYZE, FREEZE) {table}" for tables in _LOADED for table in tables]
        list(pool.map(lambda statement: _run(address, [statement]), vacuum))
    _run(address, ["DROP SCHEMA load CASCADE", "ANALYZE"])


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
        text = cast("LiteralString", statement.replace("%%", "%"))
        connection.execute(sql.SQL(text).format(**said))
    with connection.cursor().copy("COPY load.called FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)
    connection.execute("ANALYZE load.called")


def _called(surname: str, reading: str, given: str, given_reading: str) -> tuple[Any, ...]:
    name, kana = f"{surname}　{given}", f"{reading}　{given_reading}"
    search = f"{search_form(name)}\n{search_form(kana)}"
    return name, kana, search, search_form(kana), sorted(grams_of(search))


def _load(address: str, tables: Sequence[str], values: dict[str, Any]) -> None:
    with connect(address, autocommit=True) as connection:
        _hurry(connection)
        connection.execute("SET search_path = public, load")
        for table in tables:
            statement = _LINES[table].format(drawn=_DRAWN, items=_ITEMS)
            connection.execute(cast("LiteralString", statement), values)


def _run(address: str, statements: Iterable[str]) -> None:
    with connect(address, autocommit=True) as connection:
        _hurry(connection)
        for statement in statements:
            connection.execute(cast("LiteralString", statement))


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
    for table, name, kind, _ in sorted(found, key=lambda row: row[2] != "f"):
        connection.execute(f'ALTER TABLE {table} DROP CONSTRAINT "{name}"')
    for name, _ in indexes:
        connection.execute(f'DROP INDEX "{name}"')
    add = "ALTER TABLE {} ADD CONSTRAINT {} {}"
    keys = [add.format(*row[:2], row[3]) for row in found if row[2] != "f"]
    references = [add.format(*row[:2], row[3] + " NOT VALID") for row in found if row[2] == "f"]
    return keys, [definition for _, definition in indexes], references
