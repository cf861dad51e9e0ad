"""What it brings to cut the consents into parts by facility (hash), on PostgreSQL.

Two copies of the same consents and letters, one whole, one in parts, with the same indexes, are
asked the same statements in turns. ``docs/adr/0041`` says what follows.

``python -m bench.partitions [--consents 1000000] [--parts 32] [--rounds 400]``
"""

import argparse
import statistics
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from hashlib import md5
from random import Random
from typing import Any, Final, LiteralString
from uuid import UUID, uuid4

import psycopg
from psycopg import Connection, sql

from tests.servers import postgres_server

FACILITIES: Final = 20_000
LETTERS: Final = 10
_TABLES: Final = """
CREATE SCHEMA {schema};
SET search_path = {schema};
CREATE TABLE consent (id uuid, facility_id uuid NOT NULL, patient_id uuid NOT NULL,
    is_listed bool NOT NULL, recorded_at timestamptz NOT NULL, reference text NOT NULL) {parted};
CREATE TABLE consent_gram (consent_id uuid, gram bigint, facility_id uuid NOT NULL,
    recorded_at timestamptz NOT NULL) {parted};
"""
_ROWS: Final = """
INSERT INTO consent SELECT md5('c' || i)::uuid, md5('f' || (i * 7919::bigint % {facilities}))::uuid,
    md5('p' || i % ({count} * 2 / 5))::uuid, i % 7 > 0, now() - interval '1 second' * ({count} - i),
    lpad(i::text, 13, '0')
FROM generate_series(1, {count}) AS i;
INSERT INTO consent_gram SELECT id, abs(hashtext(reference || letter)) % 5000, facility_id,
    recorded_at FROM consent, generate_series(1, {letters}) AS letter;
"""
_INDEXES: Final = """
ALTER TABLE consent ADD PRIMARY KEY (id {facility});
CREATE INDEX ON consent (facility_id, is_listed, recorded_at, id);
CREATE INDEX ON consent (facility_id, reference);
CREATE INDEX ON consent (patient_id);
CREATE INDEX ON consent_gram (consent_id);
CREATE INDEX ON consent_gram (facility_id, gram, recorded_at, consent_id);
ANALYZE consent; ANALYZE consent_gram;
"""
SERVER: Final = tuple(
    part
    for setting in ("shared_buffers=512MB", "jit=off", "max_wal_size=4GB", "random_page_cost=1.1")
    for part in ("-c", setting)
)
WARMING: Final = 10
Answers = dict[str, list[list[float]]]
Question = Callable[[Connection[Any], Random, int], None]


def _list(connection: Connection[Any], random: Random, _count: int) -> None:
    connection.execute(
        "SELECT id FROM consent WHERE facility_id = %s AND is_listed"
        " ORDER BY recorded_at DESC, id DESC LIMIT 50",
        (_facility(random),),
    ).fetchall()


def _surname(connection: Connection[Any], random: Random, _count: int) -> None:
    connection.execute(
        "SELECT consent_id FROM consent_gram WHERE facility_id = %s AND gram = %s"
        " ORDER BY recorded_at DESC, consent_id DESC LIMIT 50",
        (_facility(random), random.randrange(5000)),
    ).fetchall()


def _person(connection: Connection[Any], random: Random, count: int) -> None:
    connection.execute(
        "SELECT facility_id, reference FROM consent WHERE patient_id = md5('p' || %s::text)::uuid",
        (random.randrange(count * 2 // 5),),
    ).fetchall()


def _by_name(connection: Connection[Any], random: Random, count: int) -> None:
    connection.execute(
        "SELECT reference FROM consent WHERE id = md5('c' || %s::text)::uuid",
        (random.randrange(1, count),),
    ).fetchall()


def _register(connection: Connection[Any], random: Random, _count: int) -> None:
    name, place = uuid4(), _facility(random)
    rows = [(name, random.randrange(5000), place) for _ in range(LETTERS)]
    with connection.transaction():
        connection.execute(
            "INSERT INTO consent VALUES (%s, %s, %s, true, now(), %s)",
            (name, place, uuid4(), str(name)),
        )
        connection.cursor().executemany("INSERT INTO consent_gram VALUES (%s, %s, %s, now())", rows)


QUESTIONS: Final[dict[str, Question]] = {
    "a facility's list": _list,
    "a name in it": _surname,
    "a person's consents": _person,
    "a consent by its name": _by_name,
    "a registration": _register,
}


def _facility(random: Random) -> UUID:
    number = str(random.randrange(FACILITIES)).encode()
    return UUID(md5(b"f" + number, usedforsecurity=False).hexdigest())


def make(connection: Connection[Any], schema: str, count: int, parts: int) -> float:
    """Fill one copy, in ``parts`` or whole (0); return the seconds that its indexes took."""
    connection.execute("SET maintenance_work_mem = '256MB'")
    parted = "PARTITION BY HASH (facility_id)" if parts else ""
    said = {
        "schema": sql.Identifier(schema),
        "parted": sql.SQL(parted),
        "count": sql.Literal(count),
        "facilities": sql.Literal(FACILITIES),
        "letters": sql.Literal(LETTERS),
        "facility": sql.SQL(", facility_id" if parts else ""),
    }
    _run(connection, _TABLES, said)
    for table in ("consent", "consent_gram"):
        for number in range(parts):
            statement = "CREATE TABLE {} PARTITION OF {} FOR VALUES WITH (MODULUS {}, REMAINDER {})"
            names = (sql.Identifier(f"{table}_{number}"), sql.Identifier(table))
            numbers = (sql.Literal(parts), sql.Literal(number))
            connection.execute(sql.SQL(statement).format(*names, *numbers))
    _run(connection, _ROWS, said)
    began = time.monotonic()
    _run(connection, _INDEXES, said)
    return time.monotonic() - began


def _run(connection: Connection[Any], script: LiteralString, said: dict[str, Any]) -> None:
    for statement in script.strip().rstrip(";").split(";"):
        connection.execute(sql.SQL(statement).format(**said))


def measure(sides: Sequence[Connection[Any]], count: int, rounds: int) -> Answers:
    """Ask every question of both copies in turns; return the seconds of each answer."""
    answers: Answers = {kind: [[] for _ in sides] for kind in QUESTIONS}
    randoms = [Random(1) for _ in sides]
    for turn in range(rounds + WARMING):
        for kind, question in QUESTIONS.items():
            for number, (connection, random) in enumerate(zip(sides, randoms, strict=True)):
                began = time.perf_counter()
                question(connection, random, count)
                if turn >= WARMING:
                    answers[kind][number].append(time.perf_counter() - began)
    return answers


def tell(answers: Answers) -> None:
    """Print medians and 95th percentiles, and what the parts cost beside the whole."""
    print(f"{'p50 / p95 ms':24}{'whole':>16}{'in parts':>16}{'p50':>8}")
    for kind, sides in answers.items():
        medians = [statistics.median(each) * 1000 for each in sides]
        slow = [statistics.quantiles(each, n=20)[18] * 1000 for each in sides]
        cells = "".join(
            f"{f'{median:.2f} / {late:.2f}':>16}"
            for median, late in zip(medians, slow, strict=True)
        )
        print(f"{kind:24}{cells}{'x':>3}{medians[1] / medians[0]:.2f}")


def main() -> None:
    """Read the options and run."""
    parser = argparse.ArgumentParser(description="consents in parts by facility, or whole")
    parser.add_argument("--consents", type=int, default=1_000_000)
    parser.add_argument("--parts", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=400)
    options = parser.parse_args()
    with ExitStack() as stack:
        server = stack.enter_context(postgres_server(*SERVER))
        address = server.url.replace("+psycopg", "")
        sides = []
        for schema, parts in (("whole", 0), ("parted", options.parts)):
            side = stack.enter_context(psycopg.connect(address, autocommit=True))
            took = make(side, schema, options.consents, parts)
            print(f"{schema}: indexes in {took:.0f} s", flush=True)
            sides.append(side)
        tell(measure(sides, options.consents, options.rounds))


if __name__ == "__main__":
    main()
