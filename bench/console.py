"""Server time of the console's lists from ten thousand to a million consents, on PostgreSQL.

One server holds a database of each size; the same pages are asked of each in turns. The time is
that of the whole answer: session, queries and page, without the network. With ``--plans`` the
query plans of the largest are printed. The last line is for machines.

``python -m bench.console [--sizes 10000,300000,1000000] [--rounds 12] [--plans]``
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
from flask.testing import FlaskClient
from psutil import Process
from sqlalchemy import event, make_url

from bench.console_data import Places, expect, fill
from tests.servers import postgres_server
from zaitaku.accounts.model import Role
from zaitaku.app import build_app
from zaitaku.core.clock import FixedClock, japan_date
from zaitaku.core.ids import FacilityId, UrlVersionId, new_secret_name
from zaitaku.core.signing import Keyring
from zaitaku.facilities.model import Channel, EnvironmentSettings, InstitutionCode
from zaitaku.identity.keys import RequestKeys
from zaitaku.records.listing import LineState, SortKey
from zaitaku.sandbox.authority import TestAuthority
from zaitaku.schema import upgrade
from zaitaku.services import Services, build_services
from zaitaku.settings import Mode, Settings

NOW = datetime(2026, 11, 20, 1, 0, tzinfo=UTC)
ORIGIN = "http://localhost:8000"
LIST = "/console/consented-patients"
CODES = ("1310123456", "2740000017", "1310000019", "1310000027")
APPOINTMENTS = 100
PASSWORD = "midori-zaka-2026"
QUESTIONS: Mapping[str, tuple[str, ...]] = {
    "first page": (LIST,),
    "name, kanji": tuple(f"{LIST}?q={q}" for q in ("佐藤", "田中", "花子", "髙﨑", "魑魅")),
    "name, kana": tuple(
        f"{LIST}?q={q}" for q in ("サトウ", "やま", "ハナコ", "タカサキ", "ヨウコ")
    ),
    "dates": (
        f"{LIST}?from=2026-10-01&to=2026-10-31",
        f"{LIST}?from=2025-04-01",
        f"{LIST}?visit-from=2026-11-20&visit-to=2026-11-20",
        f"{LIST}?visit-from=2026-06-01",
    ),
    "name and dates": tuple(
        f"{LIST}?q={q}&{days}"
        for q in ("佐藤", "ヨウコ", "佐藤花子")
        for days in ("to=2024-12-01", "visit-from=2026-11-20&visit-to=2026-11-20")
    ),
    **{f"state {state}": (f"{LIST}?state={state}",) for state in LineState},
    **{
        f"order {key}": (f"{LIST}?sort={key}", f"{LIST}?sort=-{key}")
        for key in SortKey
        if key is not SortKey.RECORDED
    },
    "filters together": (
        f"{LIST}?item=surgery&channel=online",
        f"{LIST}?state=refused&sort=kana",
        f"{LIST}?state=withdrawn&channel=online",
        f"{LIST}?q=ヨウコ&sort=kana",
        f"{LIST}?q=花&state=expired",
    ),
    "numbers": (f"{LIST}?q=2611", f"{LIST}?q=240601", f"{LIST}?q=2"),
    "late page": (f"{LIST}?page=200", f"{LIST}?page=200&sort=valid-until"),
    "missing tomorrow": ("/console/appointments?day=2026-11-21",),
}


EVERYDAY = (
    "first page",
    "name, kanji",
    "name, kana",
    "dates",
    "name and dates",
    "missing tomorrow",
)
"""The first page, a search by name or days, and who is missing: what the last line is about."""


@dataclass(frozen=True)
class Side:
    """A database of one size behind the application, and somebody who is logged in."""

    count: int
    services: Services
    client: FlaskClient
    backends: tuple[Process, ...]
    """The database's processes that answer."""
    seconds: dict[str, list[float]]
    cpu: dict[str, list[float]]

    def ask(self, kind: str, path: str) -> None:
        """Open a page and keep how long the answer took, and what both processes worked."""
        worked, began = self._cpu_seconds(), time.perf_counter()
        answer = self.client.get(path, base_url=ORIGIN)
        self.seconds.setdefault(kind, []).append(time.perf_counter() - began)
        self.cpu.setdefault(kind, []).append(self._cpu_seconds() - worked)
        if answer.status_code != 200:
            raise RuntimeError(f"{path}: {answer.status_code}")

    def p95(self, kind: str) -> float:
        """Return the 95th percentile in milliseconds."""
        return statistics.quantiles(self.seconds[kind], n=20)[18] * 1000

    def _cpu_seconds(self) -> float:
        # Of the server the kernel tells whole ticks only: a mean of many is right, one is not.
        return time.process_time() + sum(map(_worked, self.backends))

    def mean_cpu(self, kind: str) -> float:
        """Return the mean CPU time of application and database in milliseconds."""
        return statistics.mean(self.cpu[kind]) * 1000

    def median(self, kind: str) -> float:
        """Return the median in milliseconds."""
        return statistics.median(self.seconds[kind]) * 1000


@contextmanager
def side(address: str, count: int, folder: Path) -> Iterator[Side]:
    """Make a database of ``count`` consents and log in."""
    name = f"console_{count}"
    with psycopg.connect(_plain(address), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        connection.execute("ALTER SYSTEM SET max_wal_size = '16GB'")
        connection.execute("ALTER SYSTEM SET full_page_writes = off")
        connection.execute("SELECT pg_reload_conf()")
    services = _services(make_url(address).set(database=name).render_as_string(), folder / name)
    upgrade(services.database)
    places = _found(services)
    with psycopg.connect(_plain(services.settings.database_url), autocommit=True) as connection:
        began = time.monotonic()
        fill(connection, places, count, NOW)
        tomorrow = NOW + timedelta(days=1)
        day = japan_date(tomorrow)
        expect(connection, places, day=day, at=tomorrow, count=APPOINTMENTS)
        connection.execute("VACUUM ANALYZE")
        print(f"{count:>9,} consents made in {time.monotonic() - began:.0f} s", flush=True)
    client = build_app(services).test_client()
    _log_in(client)
    yield Side(count, services, client, _backends(services), {}, {})
    services.database.close()


def _backends(services: Services) -> tuple[Process, ...]:
    with services.database.reading() as connection:
        pids = connection.exec_driver_sql(
            "SELECT pid FROM pg_stat_activity"
            " WHERE datname = current_database() AND backend_type = 'client backend'"
        )
        return tuple(Process(pid) for (pid,) in pids)


def _worked(process: Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _plain(address: str) -> str:
    return address.replace("+psycopg", "")


def _services(database_url: str, folder: Path) -> Services:
    folder.mkdir()
    RequestKeys.make(folder / "request-key.pem")
    clock = FixedClock(NOW)
    authority = TestAuthority.open(folder / "authority", clock)
    settings = Settings(
        mode=Mode.SANDBOX,
        origin=ORIGIN,
        database_url=database_url,
        ephemeral_url=f"sqlite:///{folder / 'ephemeral.db'}",
        url_keys=Keyring((new_secret_name() * 2,)),
        session_keys=Keyring((new_secret_name() * 2,)),
        subject_keys=Keyring((new_secret_name() * 2,)),
        request_key_file=folder / "request-key.pem",
        trust_anchors=(authority.roots_file,),
        crl_file=authority.crl_file,
    )
    return build_services(settings, clock)


def _found(services: Services) -> Places:
    settings = EnvironmentSettings(home_visit=True, online=True)
    facilities, urls = [], []
    for code in CODES:
        facility = services.facilities.add(
            code=InstitutionCode(code),
            registered_name="みどり坂病院",
            phone="03-0000-1234",
            hours="",
            settings=settings,
            actor="bench",
        )
        with services.database.transaction() as connection:
            services.reception.issue_first(connection, facility.id, "bench")
        facilities.append(facility.id)
        urls.append(_url_of(services, facility.id))
    services.accounts.register(
        facilities[0],
        role=Role.ADMIN,
        user_id="kanri",
        name="みどり",
        kana="ミドリ",
        actor="bench",
        password=PASSWORD,
        must_change=False,
    )
    return Places(tuple(facilities), tuple(urls))


def _url_of(services: Services, facility_id: FacilityId) -> UrlVersionId:
    return services.reception.show(facility_id, Channel.HOME_VISIT).current.id


def _log_in(client: FlaskClient) -> None:
    app = client.application
    app.config["WTF_CSRF_ENABLED"] = False
    values = {"institution_code": CODES[0], "user_id": "kanri", "password": PASSWORD}
    answer = client.post("/console/login", data=values, base_url=ORIGIN)
    app.config["WTF_CSRF_ENABLED"] = True
    if answer.status_code != 303 or "login" in answer.location:
        raise RuntimeError("nobody is logged in")


def measure(sides: list[Side], rounds: int) -> None:
    """Ask every question of every side in turns; the first round only warms up."""
    for turn in range(rounds + 1):
        for kind, paths in QUESTIONS.items():
            for path in paths:
                for each in sides:
                    each.ask(kind, path)
        if turn == 0:
            for each in sides:
                each.seconds.clear()
                each.cpu.clear()


def tell(sides: list[Side]) -> None:
    """Print medians, 95th percentiles and CPU time; then the slowest and the steepest question.

    The growth is from the smallest list to whichever larger one is slowest. The line before the
    last is of every question, the last of those that the list is opened with every day.
    """
    heading = "".join(f"{each.count:>28,}" for each in sides)
    print(f"{'p50 / p95 / CPU in ms':22}{heading}   growth")
    for kind in QUESTIONS:
        cells = "".join(f"{_cell(each, kind):>28}" for each in sides)
        print(f"{kind:22}{cells}{_growth(sides, kind):9.2f}")
    print(f"every question: {_worst(sides, QUESTIONS)}")
    print(_worst(sides, EVERYDAY))


def _growth(sides: list[Side], kind: str) -> float:
    return max(each.p95(kind) for each in sides[1:] or sides) / sides[0].p95(kind)


def _worst(sides: list[Side], kinds: Iterable[str]) -> str:
    slowest = max(each.p95(kind) for each in sides for kind in kinds)
    steepest = max(_growth(sides, kind) for kind in kinds)
    return f"p95_ms={slowest:.1f} growth={steepest:.2f}"


def _cell(each: Side, kind: str) -> str:
    return f"{each.median(kind):.1f} / {each.p95(kind):.1f} / {each.mean_cpu(kind):.1f}"


def show_plans(largest: Side) -> None:
    """Print how the largest database answers each question, a statement after the other."""
    for kind, paths in QUESTIONS.items():
        for path in paths:
            with _heard(largest.services) as statements:
                largest.client.get(path, base_url=ORIGIN)
            for statement, parameters in statements:
                print(f"\n-- {kind}: {path}\n{statement}")
                for line in _plan(largest.services, statement, parameters):
                    print(f"    {line}")


@contextmanager
def _heard(services: Services) -> Iterator[list[tuple[str, Any]]]:
    heard: list[tuple[str, Any]] = []

    def hear(
        _connection: object, _cursor: object, statement: str, parameters: Any, *_rest: object
    ) -> None:
        if "consent" in statement or "appointment" in statement:
            heard.append((statement, parameters))

    event.listen(services.database.engine, "before_cursor_execute", hear)
    yield heard
    event.remove(services.database.engine, "before_cursor_execute", hear)


def _plan(services: Services, statement: str, parameters: Any) -> list[str]:
    with services.database.reading() as connection:
        rows = connection.exec_driver_sql(f"EXPLAIN (ANALYZE, COSTS OFF) {statement}", parameters)
        return [row[0] for row in rows]


def main() -> None:
    """Read the options and run."""
    parser = argparse.ArgumentParser(description="server time of the console's lists")
    parser.add_argument("--sizes", default="10000,300000,1000000")
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--plans", action="store_true")
    options = parser.parse_args()
    sizes = [int(size) for size in options.sizes.split(",")]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = stack.enter_context(postgres_server())
        sides = [stack.enter_context(side(server.url, size, folder)) for size in sizes]
        measure(sides, options.rounds)
        if options.plans:
            show_plans(sides[-1])
        tell(sides)


if __name__ == "__main__":
    main()
