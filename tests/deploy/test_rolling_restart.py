"""Instances are restarted one after the other, on tables that change, and nobody notices."""

import json
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import pytest
import urllib3
from sqlalchemy import text

from bench.site import Site, make_site
from bench.walker import Card, Walker
from tests.databases import new_postgres_database
from tests.deploy.instances import Instance
from tests.deploy.nginx import Nginx, free_pair, running_nginx
from tests.servers import free_port, redis_server
from zaitaku.core.database import Database
from zaitaku.core.revisions import newest_revision

PATIENTS = 2
CARDS = 60
MOST_WAITS = 30
"""How often a patient lets the waiting page of a busy machine try again."""
AWAY_SECONDS = 2
"""How long nginx leaves an instance alone in this test."""
BACK_SECONDS = 30


@dataclass(frozen=True)
class Browser:
    """Tells where it comes from, as posts over TLS must, and waits when it is asked to."""

    pool: urllib3.PoolManager
    origin: str

    def request(
        self,
        method: str,
        url: str,
        *,
        body: str | None = None,
        headers: Mapping[str, str] | None = None,
        redirect: bool = False,
    ) -> urllib3.BaseHTTPResponse:
        told = {**(headers or {}), "Referer": f"{self.origin}/"}
        answer = self.pool.request(method, url, body=body, headers=told, redirect=redirect)
        waits = 0
        while answer.status == 503 and waits < MOST_WAITS:
            waits += 1
            time.sleep(0.3)
            answer = self.pool.request(method, url, body=body, headers=told, redirect=redirect)
        return answer


@dataclass
class Patients:
    """People who give their consent one after the other, each with a card of their own."""

    nginx: Nginx
    site: Site
    done: int = 0
    failures: list[str] = field(default_factory=list)
    _is_over: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __enter__(self) -> Self:
        self._cards = iter(self.site.cards)
        self._threads = [threading.Thread(target=self._walk) for _ in range(PATIENTS)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        for thread in self._threads:
            thread.join()

    def _walk(self) -> None:
        while not self._is_over.is_set():
            with self._lock:
                card = next(self._cards, None)
            if card is None:
                return
            try:
                self._once(card)
            except Exception as error:  # noqa: BLE001 - whatever it is, the test tells it
                self.failures.append(f"{type(error).__name__}: {error}")

    def _once(self, card: Card) -> None:
        with urllib3.PoolManager(ca_certs=self.nginx.authority, retries=False) as pool:
            walker = Walker(Browser(pool, self.nginx.origin), self.nginx.origin)
            for _ in walker.steps(self.site.entry, card):
                time.sleep(0.1)
        with self._lock:
            self.done += 1


@pytest.fixture
def site(tmp_path: Path, postgres_address: str) -> Iterator[Site]:
    with new_postgres_database(postgres_address) as database, redis_server() as redis:
        yield make_site(
            tmp_path,
            origin=f"https://127.0.0.1:{free_pair()}",
            database_url=database.url.render_as_string(hide_password=False),
            ephemeral_url=redis.url,
            patients=CARDS,
        )


@pytest.fixture
def instances(site: Site, tmp_path: Path) -> Iterator[list[Instance]]:
    environ = {**site.environ, "ZAITAKU_TRUSTED_PROXIES": "1"}
    made = [Instance(free_port(), environ, tmp_path / f"instance-{n}.txt") for n in range(2)]
    for instance in made:
        instance.start()
    try:
        for instance in made:
            instance.wait()
        yield made
    finally:
        for instance in made:
            instance.kill()


@pytest.fixture
def nginx(site: Site, instances: list[Instance], tmp_path: Path) -> Iterator[Nginx]:
    folder = tmp_path / "nginx"
    folder.mkdir()
    port = int(site.environ["ZAITAKU_ORIGIN"].rpartition(":")[2])
    changes = [("fail_timeout=5s", f"fail_timeout={AWAY_SECONDS}s")]
    ports = [instance.port for instance in instances]
    with running_nginx(folder, port, ports, changes) as running:
        yield running


def make_next_versions_tables(url: str) -> None:
    """Do what a later version's migration may do while this one is running."""
    database = Database(url)
    with database.transaction() as connection:
        connection.execute(text("ALTER TABLE patient ADD COLUMN later_known VARCHAR(20)"))
        connection.execute(text("CREATE TABLE later_thing (id INTEGER PRIMARY KEY)"))
        connection.execute(text("UPDATE alembic_version SET version_num = '299912312359'"))
        promised = connection.scalar(text("SELECT serves_from FROM schema_promise"))
    database.close()
    assert promised <= newest_revision()


def count_records(url: str) -> int:
    database = Database(url)
    with database.reading() as connection:
        found = connection.scalar(text("SELECT count(*) FROM consent_record"))
    database.close()
    return int(found or 0)


def wait_until_used(nginx: Nginx, instance: Instance) -> None:
    """Wait until nginx has found out that an instance is back."""
    place = f'"upstream":"127.0.0.1:{instance.port}"'
    deadline, before = time.monotonic() + BACK_SECONDS, nginx.log().count(place)
    while nginx.log().count(place) <= before + 1:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def troubles(nginx: Nginx) -> list[str]:
    """Return the answers that were neither a page of an instance nor worth another look.

    On a machine that is busy enough nginx may find nobody for a moment: it says so on its own page,
    which opens the same address again by itself.
    """
    lines = [json.loads(line) for line in nginx.log().splitlines()]
    return [
        f"{line['method']} {line['status']} {line['upstream_status']}"
        for line in lines
        if line["status"] >= 500
        and not line["upstream_status"].endswith("503")
        and (line["method"], line["status"]) != ("GET", 503)
    ]


def test_a_rolling_restart_fails_no_journey(
    site: Site, instances: list[Instance], nginx: Nginx
) -> None:
    url = site.environ["ZAITAKU_DATABASE_URL"]
    with Patients(nginx, site) as patients:
        for turn, instance in enumerate(instances):
            before = patients.done
            assert instance.end() == 0
            if turn == 0:
                make_next_versions_tables(url)
            instance.start()
            instance.wait()
            wait_until_used(nginx, instance)
            assert patients.failures == []
            assert patients.done > before
    assert patients.failures == []
    assert troubles(nginx) == []
    assert count_records(url) == patients.done
    # It was asked of the instance that was ending, which handed it on.
    assert '"upstream_status":"504, ' in nginx.log()
    for secret in (site.entry.rpartition("/")[2], "/j/", "code="):
        assert secret not in nginx.log()
