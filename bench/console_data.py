"""A large facility on PostgreSQL: as many consents as wanted, made by the server itself.

Of eleven consents ten are the large facility's, the eleventh is another's. Names are spread as in
Japan: the commonest surname has one person in seventy, one surname is very rare.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from itertools import islice, product
from typing import Any, Final, LiteralString
from uuid import UUID

from psycopg import Connection

_COMMON: Final = (
    ("佐藤", "サトウ", 15),
    ("鈴木", "スズキ", 14),
    ("高橋", "タカハシ", 12),
    ("田中", "タナカ", 11),
    ("伊藤", "イトウ", 9),
    ("渡辺", "ワタナベ", 9),
    ("山本", "ヤマモト", 8),
    ("中村", "ナカムラ", 8),
    ("小林", "コバヤシ", 7),
    ("加藤", "カトウ", 7),
)
"""Surname, reading, people in a thousand; most others are made of two of ``_HALVES``."""
_RARE: Final = ("髙﨑", "タカサキ")


def _pairs(names: str, readings: str) -> tuple[tuple[str, str], ...]:
    return tuple(zip(names.split(), readings.split(), strict=True))


_HALVES: Final = _pairs(
    "石 上 大 小 川 木 北 東 西 南 前 後 内 外 松 竹 梅 杉 桜 森 林 原 野 田 谷 沢 池 浜 島 岡",
    "イシ ウエ オオ コ カワ キ キタ ヒガシ ニシ ミナミ マエ ゴ ウチ ソト マツ タケ ウメ スギ "
    "サクラ モリ ハヤシ ハラ ノ タ タニ サワ イケ ハマ シマ オカ",
)
GIVEN_NAMES: Final = _pairs(
    "花子 太郎 和子 幸子 節子 洋子 恵子 京子 美智子 久美子 清 勇 実 進 弘 正 茂 三郎 一郎 健一 "
    "直子 由美子 真由美 明美 裕子 順子 智子 陽子 典子 文子 誠 隆 豊 修 博 浩 学 剛 大輔 翔太",
    "ハナコ タロウ カズコ サチコ セツコ ヨウコ ケイコ キョウコ ミチコ クミコ キヨシ イサム "
    "ミノル ススム ヒロシ タダシ シゲル サブロウ イチロウ ケンイチ ナオコ ユミコ マユミ アケミ "
    "ユウコ ジュンコ トモコ ヨウコ ノリコ フミコ マコト タカシ ユタカ オサム ヒロシ ヒロシ "
    "マナブ ツヨシ ダイスケ ショウタ",
)
"""Given names with their readings."""

_SEED: Final = """
CREATE TEMPORARY TABLE seed AS
SELECT i, i %% 5 = 0 AS is_online,
    (%(places)s::uuid[])[place] AS place, (%(urls)s::uuid[])[place] AS url,
    (%(surnames)s::text[])[surname] AS surname, (%(readings)s::text[])[surname] AS reading,
    (%(given)s::text[])[given] AS given, (%(given_readings)s::text[])[given] AS given_reading,
    date '1930-01-01' + abs(hashint4(i * 3 + 2)) %% 29000 AS birth_date,
    %(now)s::timestamptz - interval '3 years' * (1 - i::float / %(count)s::int) AS recorded_at
FROM (
    SELECT i,
        CASE WHEN i %% 11 = 0 THEN i %% (cardinality(%(places)s::uuid[]) - 1) + 2 ELSE 1 END
            AS place,
        CASE WHEN i %% 4007 = 0 THEN 1001 ELSE abs(hashint4(i)) %% 1000 + 1 END AS surname,
        abs(hashint4(i * 2 + 1)) %% cardinality(%(given)s::text[]) + 1 AS given
    FROM generate_series(1, %(count)s::int) AS i
) AS people
"""
_WORDS: Final = {
    **{
        kind: f"(lpad(to_hex(i), 8, '0') || '-0000-7000-8000-00000000000{number}')::uuid"
        for number, kind in enumerate(("patient", "credential", "record", "consent"), start=1)
    },
    "visit": "((recorded_at AT TIME ZONE 'Asia/Tokyo')::date + i % 14)",
    "reference": "to_char(recorded_at AT TIME ZONE 'Asia/Tokyo', 'YYMMDD') || '-' ||"
    " lpad((i / 10000)::text, 3, '0') || '-' || lpad((i % 10000)::text, 4, '0')",
    "state": "CASE WHEN i % 7 = 0 THEN 'refuse' WHEN i % 97 = 0 THEN 'withdrawn' ELSE 'grant' END",
}
_FILLS: Final = (
    """INSERT INTO patient
        (id, person_key, name, kana, birth_date, sex, search, kana_key, created_at)
    SELECT {patient}, 'person-' || i, surname || '　' || given, reading || '　' || given_reading,
        birth_date, 'female', surname || given || chr(10) || reading || given_reading,
        reading || given_reading, recorded_at
    FROM seed""",
    """INSERT INTO credential (id, patient_id, subject_hash, first_seen)
    SELECT {credential}, {patient}, md5(i::text) || md5(i::text), recorded_at FROM seed""",
    """INSERT INTO consent_record
        (id, facility_id, credential_id, url_version_id, journey, challenge, reference,
        recorded_at, facility_phone, document, document_sha256, origin, nonce, signature,
        public_key, algorithm, certificate_expires, verified_at)
    SELECT {record}, place, {credential}, url, 'j' || i, 'c' || i, {reference}, recorded_at, '',
        '{{}}', '', '', '', '', '', '', recorded_at, recorded_at
    FROM seed""",
    """INSERT INTO consent
        (id, facility_id, patient_id, channel, visit_key, visit_date, valid_until, record_id,
        recorded_at, reference, standing, is_listed, kana_key, birth_date)
    SELECT {consent}, place, {patient}, CASE WHEN is_online THEN 'online' ELSE 'home-visit' END,
        CASE WHEN is_online THEN {visit}::text ELSE '' END, CASE WHEN is_online THEN {visit} END,
        CASE WHEN is_online THEN ({visit} + 2)::timestamp AT TIME ZONE 'Asia/Tokyo' END,
        {record}, recorded_at, {reference}, {state}, {state} <> 'refuse',
        reading || given_reading, birth_date
    FROM seed""",
    """INSERT INTO consent_item (consent_id, item, state, since, record_id)
    SELECT {consent}, item, {state}, recorded_at, {record}
    FROM seed, unnest(ARRAY['surgery', 'clinical', 'medication', 'checkup']) AS item""",
    """INSERT INTO consent_gram (consent_id, gram, facility_id, recorded_at)
    SELECT {consent}, gram, place, recorded_at
    FROM seed, LATERAL (
        SELECT DISTINCT ascii(substr(part, at, 1))::bigint << 21
            | ascii(substr(part, at + 1, 1)) AS gram
        FROM unnest(ARRAY[surname || given, reading || given_reading]) AS part,
            generate_series(1, length(part)) AS at
    ) AS letters""",
)
_EXPECT: Final = """
INSERT INTO appointment
    (id, facility_id, day, at, channel, patient_number, name, kana, kana_key, birth_date,
    sender_key, created_at)
SELECT (lpad(to_hex(i), 8, '0') || '-0000-7000-8000-000000000009')::uuid, place, %(day)s, %(at)s,
    'home-visit', i::text, surname || '　' || given, reading || '　' || given_reading,
    reading || given_reading, birth_date + CASE WHEN i %% 3 = 0 THEN 1 ELSE 0 END,
    'bench:' || i, %(at)s
FROM seed WHERE place = %(place)s AND NOT is_online ORDER BY hashint4(i) LIMIT %(count)s
"""


_INDEXES: Final = """
SELECT indexname, indexdef FROM pg_indexes
WHERE schemaname = 'public' AND tablename IN ('patient', 'consent', 'consent_record', 'credential',
    'consent_gram') AND indexname LIKE 'ix%'
"""


@dataclass(frozen=True)
class Places:
    """Facilities and one URL version of each; the first is the large one."""

    facilities: tuple[UUID, ...]
    urls: tuple[UUID, ...]


def fill(connection: Connection[Any], places: Places, count: int, now: datetime) -> None:
    """Give the first facility ``count`` consents, and the others a tenth of that together."""
    # What refers to a row that was just made need not be looked up.
    connection.execute("SET session_replication_role = replica")
    connection.execute("SET synchronous_commit = off")
    connection.execute("SET maintenance_work_mem = '512MB'")
    connection.execute("SET work_mem = '64MB'")
    indexes = _without_indexes(connection)
    families = list(surnames())
    values = {
        "places": list(places.facilities),
        "urls": list(places.urls),
        "surnames": [name for name, _ in families],
        "readings": [reading for _, reading in families],
        "given": [name for name, _ in GIVEN_NAMES],
        "given_readings": [reading for _, reading in GIVEN_NAMES],
        "now": now,
        "count": count + count // 10,
    }
    connection.execute(_SEED, values)
    for statement in _FILLS:
        connection.execute(statement.format(**_WORDS))
    for index in indexes:
        connection.execute(index)


def _without_indexes(connection: Connection[Any]) -> list[LiteralString]:
    """Take away what is quicker made at the end; return how it is made."""
    found = connection.execute(_INDEXES).fetchall()
    key = "ALTER TABLE consent_gram {} CONSTRAINT pk_consent_gram {}"
    for name, _ in found:
        connection.execute(f'DROP INDEX "{name}"')
    connection.execute(key.format("DROP", ""))
    made = [definition for _, definition in found]
    return [*made, key.format("ADD", "PRIMARY KEY (consent_id, gram)")]


def expect(
    connection: Connection[Any], places: Places, *, day: date, at: datetime, count: int
) -> None:
    """Plan ``count`` appointments; a third are of people who have not consented."""
    values = {"place": places.facilities[0], "day": day, "at": at, "count": count}
    connection.execute(_EXPECT, values)


def surnames() -> Iterator[tuple[str, str]]:
    """Yield 1,001 surnames with their readings, the common ones as often as they are met."""
    made = product(_HALVES, _HALVES)
    common = [(name, reading) for name, reading, weight in _COMMON for _ in range(weight)]
    yield from common
    for (first, second), (third, fourth) in islice(made, 1000 - len(common)):
        yield first + third, second + fourth
    yield _RARE
