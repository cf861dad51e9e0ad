"""The same questions at ten thousand to ten million consents of 230,000 facilities, on PostgreSQL.

One server holds a database of each size; each is asked in turns. Printed are what each answer
costs (wall, CPU time of application and database, pages of memory that the database touched), how
that grows, and whether the database answers the same way at every size. The last line is for
machines: the growth of the 95th percentile, of the group of questions that grows most.

Indexes and facilities' names are read once beforehand, as far as the database's own memory goes,
so that what is measured is the sizes and not the disk; ``--cold`` leaves that out.

``python -m bench.scale [--sizes 10000,100000,1000000,10000000] [--rounds 60] [--plans] [--cold]``
"""

import argparse
import math
import re
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import psycopg
from flask.testing import FlaskClient
from psutil import Process, virtual_memory
from psycopg import sql
from sqlalchemy import event, make_url

from bench.scale_asking import GROUPS, Side, ask_everything
from bench.scale_data import FACILITIES, LOADED_TABLES, Country, facility_uuid, fill, found_country
from bench.site import Site, make_site
from bench.walker import Card
from tests.servers import RunningServer, postgres_server, redis_server
from zaitaku.accounts.model import Role
from zaitaku.app import build_app
from zaitaku.core.ids import FacilityId
from zaitaku.services import Services, build_services
from zaitaku.settings import Settings

ORIGIN: Final = "http://localhost:8000"
PASSWORD: Final = "midori-zaka-2026"
USER_ID: Final = "uketsuke"
CLINIC: Final = FacilityId(facility_uuid(20_000))
"""One of the middle: it has some seventy consents where the country has ten million."""
TEMPLATE: Final = "country"
LEAST: Final = 10_000
"""Among fewer consents there is not what is asked for."""
SERVER: Final = (
    # Loading writes no log (PostgreSQL 15, §14.4.7); the questions are asked without it, too.
    *("wal_level=minimal", "max_wal_senders=0", "max_wal_size=2GB", "full_page_writes=off"),
    *("autovacuum=off", "max_connections=60"),
    *("shared_preload_libraries=pg_stat_statements", "pg_stat_statements.track_utility=off"),
)
_BUFFERS: Final = 0.65
"""Share of the machine's memory that is the database's own. It is more than usual: what else lies
in the memory of a virtual machine may be taken away by its host while nobody looks at it."""
_WARM: Final = 0.92
"""Share of the database's own memory that may be filled beforehand."""
_KEPT: Final = """
SELECT oid::regclass::text, pg_relation_size(oid) FROM pg_class
WHERE oid = 'facility'::regclass OR oid IN (
    SELECT indexrelid FROM pg_index
    WHERE indrelid::regclass::text = ANY(%s) AND indrelid <> 'consent_gram'::regclass
) ORDER BY 2
"""
"""The letters' indexes are left out: the largest, and of them a registration needs two places."""
Plan = tuple[str, ...]
_PLANNED: Final = ("SELECT", "INSERT", "UPDATE", "DELETE")
_WAY: Final = re.compile(
    r"Seq Scan on \w+|Bitmap Index Scan on \w+|Index (?:Only )?Scan (?:Backward )?using \w+"
)


@dataclass(frozen=True)
class Made:
    """The country without consents: what each size begins from."""

    server: RunningServer
    site: Site
    country: Country


def plain(address: str) -> str:
    """Return an address as psycopg reads it."""
    return address.replace("+psycopg", "")


def _in(server: RunningServer, name: str) -> str:
    return make_url(server.url).set(database=name).render_as_string(hide_password=False)


def make_country(server: RunningServer, ephemeral_url: str, folder: Path, patients: int) -> Made:
    """Make the database from which those of each size are copied."""
    began, now = time.monotonic(), datetime.now(UTC)
    with psycopg.connect(plain(server.url), autocommit=True) as connection:
        connection.execute("CREATE EXTENSION pg_stat_statements")
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(TEMPLATE)))
    address = _in(server, TEMPLATE)
    site = make_site(
        folder,
        origin=ORIGIN,
        database_url=address,
        ephemeral_url=ephemeral_url,
        patients=patients,
    )
    with psycopg.connect(plain(address), autocommit=True) as connection:
        row = connection.execute(
            "SELECT facility_id, current_id FROM reception_url WHERE channel = 'home-visit'"
        ).fetchone()
        assert row
        country = Country(row[0], row[1], FACILITIES, now)
        found_country(connection, FACILITIES, now)
    services = build_services(Settings.from_env(site.environ))
    for facility_id in (country.large, CLINIC):
        _employ(services, FacilityId(facility_id))
    services.database.close()
    with psycopg.connect(plain(address), autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")
    print(f"{FACILITIES:>11,} facilities made in {time.monotonic() - began:.0f} s", flush=True)
    return Made(server, site, country)


def _employ(services: Services, facility_id: FacilityId) -> None:
    services.accounts.register(
        facility_id,
        role=Role.ADMIN,
        user_id=USER_ID,
        name="みどり",
        kana="ミドリ",
        actor="bench",
        password=PASSWORD,
        must_change=False,
    )


@contextmanager
def side(made: Made, count: int, ephemeral_url: str) -> Iterator[Side]:
    """Make a database of ``count`` consents and log in at the hospital and at the clinic."""
    began, name = time.monotonic(), f"consents_{count}"
    copy = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY")
    with psycopg.connect(plain(made.server.url), autocommit=True) as connection:
        connection.execute(copy.format(sql.Identifier(name), sql.Identifier(TEMPLATE)))
    address = _in(made.server, name)
    fill(plain(address), made.country, count)
    environ = {"ZAITAKU_DATABASE_URL": address, "ZAITAKU_EPHEMERAL_URL": ephemeral_url}
    services = build_services(Settings.from_env({**made.site.environ, **environ}))
    with psycopg.connect(plain(made.server.url), autocommit=True) as statistics:
        size = _one(statistics, "SELECT pg_size_pretty(pg_database_size(%s))", name)
        took = time.monotonic() - began
        print(f"{count:>11,} consents made in {took:.0f} s, {size}", flush=True)
        hospital = _logged_in(services, made.country.large)
        yield Side(
            count,
            services,
            visitor=hospital.application.test_client(use_cookies=False),
            hospital=hospital,
            clinic=_logged_in(services, CLINIC),
            hospital_id=FacilityId(made.country.large),
            backends=_backends(services),
            statistics=statistics,
        )
    services.database.close()


def warm_up(sides: Sequence[Side]) -> None:
    """Read the indexes and facilities' names, the smaller ones first, as far as there is room."""
    began, room = time.monotonic(), _own_bytes() * _WARM
    for each in sides:
        address = each.services.database.url.render_as_string(hide_password=False)
        with psycopg.connect(plain(address), autocommit=True) as connection:
            connection.execute("CREATE EXTENSION pg_prewarm")
            connection.execute("CHECKPOINT")
            for name, size in connection.execute(_KEPT, (list(LOADED_TABLES),)).fetchall():
                if size > room:
                    print(f"not read at {each.count:,}: {name}, {size / 1e9:.1f} GB")
                    continue
                room -= size
                connection.execute("SELECT pg_prewarm(%s)", (name,))
    print(f"indexes read once in {time.monotonic() - began:.0f} s", flush=True)


def _own_bytes() -> int:
    return round(virtual_memory().total * _BUFFERS)


def _one(connection: psycopg.Connection[Any], query: Any, *values: object) -> Any:
    row = connection.execute(query, values).fetchone()
    assert row
    return row[0]


def _logged_in(services: Services, facility_id: UUID) -> FlaskClient:
    app = build_app(services)
    with services.database.reading() as connection:
        query = f"SELECT code FROM facility WHERE id = '{facility_id}'"
        code = connection.exec_driver_sql(query).scalar_one()
    app.config["WTF_CSRF_ENABLED"] = False
    client = app.test_client()
    values = {"institution_code": code, "user_id": USER_ID, "password": PASSWORD}
    answer = client.post("/console/login", data=values, base_url=ORIGIN)
    app.config["WTF_CSRF_ENABLED"] = True
    if answer.status_code != 303 or "login" in answer.location:
        raise RuntimeError("nobody is logged in")
    return client


def _backends(services: Services) -> tuple[Process, ...]:
    with services.database.reading() as connection:
        pids = connection.exec_driver_sql(
            "SELECT pid FROM pg_stat_activity"
            " WHERE datname = current_database() AND backend_type = 'client backend'"
        )
        return tuple(Process(pid) for (pid,) in pids)


def measure(sides: Sequence[Side], cards: Sequence[Card]) -> None:
    """Ask everything of every side in turns; the first card only warms up."""
    for turn, card in enumerate(cards):
        # Whoever is asked first after another has colder caches: each comes first in its turn.
        for each in (*sides[turn % len(sides) :], *sides[: turn % len(sides)]):
            ask_everything(each, card)
        if turn == 0:
            for each in sides:
                each.meter.clear()


def tell(sides: Sequence[Side]) -> None:
    """Print the table, then each group of questions."""
    print(f"\n{'p50 / p95 ms, CPU ms, pages':20}" + "".join(f"{s.count:>33,}" for s in sides))
    for kinds in GROUPS.values():
        for kind in kinds:
            cells = "".join(f"{_cell(each, kind):>33}" for each in sides)
            print(f"{kind:20}{cells}   x{growth(sides, [kind]):.2f}")
    print()
    for group, kinds in GROUPS.items():
        cells = "".join(f"{p95(each, kinds):>12.1f}" for each in sides)
        print(f"{group:20} p95 ms{cells}   x{growth(sides, kinds):.2f}")
    _tell_disk(sides)


def _tell_disk(sides: Sequence[Side]) -> None:
    """Print what is larger than memory costs: the same answers with and without the disk."""
    print()
    for group, kinds in GROUPS.items():
        cells = "".join(f"{_fetching(each, kinds):>12}" for each in sides)
        print(f"{group:20} disk  {cells}   what came from it: of the answers, mean KB")
        quick = [_p95_from_memory(each, kinds) for each in sides]
        cells = "".join(f"{value:>12.1f}" for value in quick)
        print(f"{'':20} p95 ms{cells}   x{max(quick) / quick[0]:.2f} of the others")


def _fetching(each: Side, kinds: Sequence[str]) -> str:
    fetched = [count for kind in kinds for count in each.meter.fetched[kind]]
    share = 100 * sum(map(bool, fetched)) / len(fetched)
    return f"{share:.0f}% {statistics.mean(fetched) / 1000:.0f}"


def _p95_from_memory(each: Side, kinds: Sequence[str]) -> float:
    taken = [seconds for kind in kinds for seconds in each.meter.seconds_from_memory(kind)]
    return statistics.quantiles(taken, n=20)[18] * 1000 if len(taken) > 1 else math.nan


def _cell(each: Side, kind: str) -> str:
    meter = each.meter
    median = statistics.median(meter.seconds[kind]) * 1000
    cpu, pages = statistics.mean(meter.cpu[kind]) * 1000, statistics.mean(meter.buffers[kind])
    return f"{median:.1f} / {p95(each, [kind]):.1f}  {cpu:.1f}  {pages:.0f}"


def p95(each: Side, kinds: Sequence[str]) -> float:
    """Return the 95th percentile of all answers to ``kinds`` in milliseconds."""
    taken = [seconds for kind in kinds for seconds in each.meter.seconds[kind]]
    return statistics.quantiles(taken, n=20)[18] * 1000


def growth(sides: Sequence[Side], kinds: Sequence[str]) -> float:
    """Return the slowest side's percentile by the smallest side's."""
    return max(p95(each, kinds) for each in sides) / p95(sides[0], kinds)


def plans_of(each: Side, card: Card) -> Mapping[str, Plan]:
    """Return by which indexes the database answers every statement of every question."""
    with _heard(each.services) as statements:
        ask_everything(each, card)
    with each.services.database.reading() as connection:
        return {
            statement: tuple(
                found
                for (line,) in connection.exec_driver_sql(
                    f"EXPLAIN (COSTS OFF) {statement}", parameters
                )
                for found in _WAY.findall(line)
            )
            for statement, parameters in statements.items()
        }


@contextmanager
def _heard(services: Services) -> Iterator[dict[str, Any]]:
    heard: dict[str, Any] = {}

    def hear(
        _connection: object,
        _cursor: object,
        statement: str,
        parameters: Any,
        _context: object,
        is_many: bool,
    ) -> None:
        if not is_many and statement.startswith(_PLANNED):
            heard[statement] = parameters

    event.listen(services.database.engine, "before_cursor_execute", hear)
    yield heard
    event.remove(services.database.engine, "before_cursor_execute", hear)


def compare_plans(sides: Sequence[Side], card: Card, *, is_told: bool) -> None:
    """Print which statements are answered in another way by the largest than by another size."""
    plans = [plans_of(each, card) for each in sides]
    largest = plans[-1]
    for each, found in zip(sides[:-1], plans[:-1], strict=True):
        others = [text for text in found.keys() & largest.keys() if found[text] != largest[text]]
        print(f"plans at {each.count:,}: {len(found)} statements, {len(others)} by other indexes")
        for text in others if is_told else ():
            print(f"  {' '.join(text.split())}\n    {found[text]}\n    {largest[text]}")
    read = {way for plan in largest.values() for way in plan if way.startswith("Seq Scan")}
    print(f"read as a whole at {sides[-1].count:,}: {', '.join(sorted(read)) or 'no table'}")


def _sizes(text: str) -> list[int]:
    try:
        sizes = [int(size) for size in text.split(",")]
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"numbers with commas between: {text}") from error
    if min(sizes) < LEAST:
        raise argparse.ArgumentTypeError(
            f"each size is {LEAST:,} at least: a hospital has a twelfth of all consents"
        )
    return sizes


def main() -> None:
    """Read the options and run."""
    parser = argparse.ArgumentParser(description="the same questions at every size")
    parser.add_argument("--sizes", type=_sizes, default="10000,100000,1000000,10000000")
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--cold", action="store_true", help="leave the memory as loading left it")
    parser.add_argument("--plans", action="store_true", help="print the plans that differ")
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        memory = f"shared_buffers={_own_bytes() // 2**20}MB"
        settings = [part for setting in (*SERVER, memory) for part in ("-c", setting)]
        server = stack.enter_context(postgres_server(*settings))
        redis = stack.enter_context(redis_server()).url.removesuffix("/0")
        made = make_country(server, f"{redis}/0", folder, options.rounds + 2)
        sides = [
            stack.enter_context(side(made, size, f"{redis}/{number}"))
            for number, size in enumerate(options.sizes, 1)
        ]
        *cards, last = made.site.cards
        if not options.cold:
            warm_up(sides)
        measure(sides, cards)
        tell(sides)
        most = max(growth(sides, kinds) for kinds in GROUPS.values())
        compare_plans(sides, last, is_told=options.plans)  # asks everything once more
        print(f"p95_growth={most:.2f}")


if __name__ == "__main__":
    main()
