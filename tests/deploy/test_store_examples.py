"""The stores of the compose example as they really run: who may change them, who may copy them."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import psycopg
import pytest
import urllib3
import yaml

from tests.cluster import unprivileged_prefix
from tests.deploy.nginx import replaced
from tests.machine import Machine
from tests.servers import free_port, postgres_binaries
from zaitaku.core.clock import SystemClock
from zaitaku.core.database import Database
from zaitaku.operating.backups import check_copy, make_copy
from zaitaku.operating.copies import Engine
from zaitaku.operating.postgresql_tools import ToolFailed

COMPOSE = Path(__file__).parents[2] / "packaging" / "server" / "compose"
PATIENCE_SECONDS = 60
EXAMPLE = (COMPOSE / "passwords.env.example").read_text("utf-8")
WORDS = {name: f"word-of-{name.lower()}" for name in re.findall(r"(?m)^(\w+)=", EXAMPLE)}


@dataclass(frozen=True)
class Stores:
    """etcd, and PostgreSQL under Patroni, each with the files of the example."""

    etcd: str
    rest: str
    port: int

    def database(self, role: str, password: str) -> Database:
        """Return the site's database as ``role`` reaches it."""
        return Database(f"postgresql+psycopg://{role}:{password}@127.0.0.1:{self.port}/zaitaku")

    def change(self, **options: Any) -> int:
        """Try to take the promise back, as everybody who reaches Patroni could."""
        body = json.dumps({"synchronous_mode": "off"})
        return int(urllib3.request("PATCH", f"{self.rest}/config", body=body, **options).status)


def environ_of(service: str) -> dict[str, str]:
    """Return what a service of the example is told, with every word filled in."""
    services = yaml.safe_load((COMPOSE / "compose.yaml").read_text("utf-8"))["services"]
    told: Mapping[str, str] = services[service]["environment"]
    return {
        name: re.sub(r"\$\{(\w+):\?\}", lambda word: WORDS[word[1]], text)
        for name, text in told.items()
    }


def wait_for(holds: Callable[[], bool], machine: Machine) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < deadline, machine.log()
        time.sleep(0.05)


def answers(url: str) -> bool:
    try:
        return urllib3.request("GET", url, retries=False, timeout=3).status == 200
    except urllib3.exceptions.HTTPError:
        return False


@contextmanager
def running_etcd(folder: Path) -> Iterator[str]:
    client, peer = (f"http://127.0.0.1:{free_port()}" for _ in range(2))
    command = ["etcd", "--name", "etcd1", "--data-dir", str(folder / "etcd"), "--bcrypt-cost", "4"]
    for name, url in (("client", client), ("peer", peer)):
        advertised = "advertise-client-urls" if name == "client" else "initial-advertise-peer-urls"
        command += [f"--listen-{name}-urls", url, f"--{advertised}", url]
    machine = Machine([*command, "--initial-cluster", f"etcd1={peer}"], folder, {})
    machine.start()
    try:
        wait_for(lambda: answers(f"{client}/health"), machine)
        yield client
    finally:
        machine.kill()


@contextmanager
def running_patroni(folder: Path, etcd: str) -> Iterator[Stores]:
    port, rest_port = free_port(), free_port()
    changes = [
        ("0.0.0.0:5432", f"127.0.0.1:{port}"),
        ("/data/postgresql", str(folder / "data")),
        ("/usr/lib/postgresql/15/bin", str(postgres_binaries())),
        ("/tmp/pgpass", str(folder / "pgpass")),
        ("unix_socket_directories: /tmp", f"unix_socket_directories: {folder}"),
        ("/etc/zaitaku/", f"{COMPOSE}/"),
    ]
    settings = folder / "patroni.yaml"
    settings.write_text(replaced((COMPOSE / "patroni.yaml").read_text("utf-8"), changes), "utf-8")
    environ = environ_of("postgres1") | {
        "PATRONI_ETCD3_HOSTS": etcd.removeprefix("http://"),
        "PATRONI_POSTGRESQL_CONNECT_ADDRESS": f"127.0.0.1:{port}",
        "PATRONI_RESTAPI_LISTEN": f"localhost:{rest_port}",
        "PATRONI_RESTAPI_CONNECT_ADDRESS": f"localhost:{rest_port}",
        "HOME": str(folder),
    }
    command = [*unprivileged_prefix(), sys.executable, "-m", "patroni", str(settings)]
    machine = Machine(command, folder, environ)
    machine.start()
    try:
        wait_for(lambda: answers(f"http://localhost:{rest_port}/leader"), machine)
        yield Stores(etcd, f"http://localhost:{rest_port}", port)
    finally:
        machine.kill()


@pytest.fixture(scope="module")
def memory() -> Iterator[Path]:
    """A folder that is no disk, where there is one: nobody has to wait for it."""
    place = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=place if place.is_dir() else None) as name:
        yield Path(name)


@pytest.fixture(scope="module")
def stores(memory: Path) -> Iterator[Stores]:
    folders = memory / "etcd", memory / "patroni"
    memory.chmod(0o711)
    for folder in folders:
        folder.mkdir()
    with ExitStack() as stack:
        etcd = stack.enter_context(running_etcd(folders[0]))
        for _ in range(2):  # The second time, it finds everything done.
            make_users(etcd)
        if os.geteuid() == 0:
            shutil.chown(folders[1], "postgres", "postgres")
        yield stack.enter_context(running_patroni(folders[1], etcd))


def make_users(etcd: str) -> None:
    environ = {**os.environ, **environ_of("etcd-users"), "ETCDCTL_ENDPOINTS": etcd}
    script = ["sh", str(COMPOSE / "etcd-users.sh")]
    subprocess.run(script, env=environ, check=True, capture_output=True)


def etcdctl(stores: Stores, *words: str) -> str:
    """Return how etcd refuses; empty when it does not."""
    command = ["etcdctl", "--endpoints", stores.etcd, *words]
    told = subprocess.run(
        command,
        env={**os.environ, "ETCDCTL_API": "3"},
        capture_output=True,
        text=True,
        check=False,
    )
    return told.stderr.strip().splitlines()[-1] if told.returncode else ""


def test_nobody_changes_the_cluster_without_its_word(stores: Stores) -> None:
    site = urllib3.make_headers(basic_auth=f"patroni:{WORDS['ZAITAKU_DATABASE_PASSWORD']}")
    own = urllib3.make_headers(basic_auth=f"patroni:{WORDS['PATRONI_RESTAPI_PASSWORD']}")
    assert (stores.change(), stores.change(headers=site)) == (401, 401)
    assert stores.change(headers=own) == 200


def test_nobody_reads_or_writes_etcd_without_its_word(stores: Stores) -> None:
    assert etcdctl(stores, "put", "/service/zaitaku/config", "{}").endswith("user name is empty")
    assert etcdctl(stores, "get", "--prefix", "/").endswith("user name is empty")
    patroni = ["--user", f"patroni:{WORDS['ETCD_PATRONI_PASSWORD']}"]
    assert etcdctl(stores, *patroni, "get", "/service/zaitaku/leader") == ""
    # Its own branch alone, and no users.
    assert etcdctl(stores, *patroni, "put", "/elsewhere", "x").endswith("permission denied")
    assert etcdctl(stores, *patroni, "auth", "disable").endswith("permission denied")


def test_the_site_cannot_copy_the_cluster_and_the_backup_can(stores: Stores, memory: Path) -> None:
    site = stores.database("zaitaku", WORDS["ZAITAKU_DATABASE_PASSWORD"])
    backup = stores.database("zaitaku_backup", WORDS["ZAITAKU_BACKUP_PASSWORD"])
    with site.transaction() as connection:
        connection.exec_driver_sql("CREATE TABLE alembic_version (version_num VARCHAR(32))")
        connection.exec_driver_sql("INSERT INTO alembic_version VALUES ('202611230114')")
    with pytest.raises(ToolFailed, match="replication"):
        make_copy(site, memory, SystemClock())
    assert check_copy(make_copy(backup, memory, SystemClock())).engine is Engine.POSTGRESQL
    for database in (site, backup):
        database.close()


def test_the_site_sees_who_follows_and_the_backup_changes_nothing(stores: Stores) -> None:
    site, backup = (
        f"host=127.0.0.1 port={stores.port} dbname=zaitaku user={role} password={WORDS[word]}"
        for role, word in (
            ("zaitaku", "ZAITAKU_DATABASE_PASSWORD"),
            ("zaitaku_backup", "ZAITAKU_BACKUP_PASSWORD"),
        )
    )
    with psycopg.connect(site) as connection:
        seen = connection.execute("SELECT pg_has_role('pg_monitor', 'usage')").fetchone()
        connection.execute("CREATE TABLE consent_of_somebody (id INTEGER)")
    assert seen == (True,)
    with (
        psycopg.connect(backup) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute("DELETE FROM consent_of_somebody")


@pytest.mark.parametrize(
    ("kept", "waits"),
    [(None, False), ("replicaof redis2 6379\n", False), ("port 6379\n", True)],
    ids=["first start", "replica", "was the primary"],
)
def test_a_redis_that_was_the_primary_lets_another_be_chosen(
    kept: str | None, waits: bool, tmp_path: Path
) -> None:
    # It starts empty. If Sentinel did not see it away, its replicas would become as empty.
    script = (COMPOSE / "redis.sh").read_text("utf-8").replace("/data", str(tmp_path))
    if kept is not None:
        (tmp_path / "redis.conf").write_text(kept, "utf-8")
    for name in ("sleep", "redis-server"):
        program = tmp_path / name
        program.write_text(f'#!/bin/sh\necho {name} "$@" >>"{tmp_path}/done"\n', "utf-8")
        program.chmod(0o755)
    environ = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "ZAITAKU_REDIS_PASSWORD": "word"}
    subprocess.run(["sh", "-c", script], env=environ, check=True)
    done = (tmp_path / "done").read_text("utf-8").splitlines()
    assert done[-1] == f"redis-server {tmp_path}/redis.conf"
    pauses = [int(line.split()[1]) for line in done[:-1]]
    sentinel = (COMPOSE / "sentinel.sh").read_text("utf-8")
    [unseen] = re.findall(r"down-after-milliseconds zaitaku (\d+)", sentinel)
    assert [pause * 1000 >= 3 * int(unseen) for pause in pauses] == [True] * waits


def test_patroni_is_let_in_when_the_version_of_etcd_is_decided(tmp_path: Path) -> None:
    # Before that Patroni takes it for an old etcd and stands still for a minute.
    undecided = iter(("not_decided", "3.0.0"))
    asked = []

    class Version(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            body = {"etcdserver": "3.4.23", "etcdcluster": next(undecided, "3.4.0")}
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def log_message(self, *_: object) -> None:
            pass

    client = tmp_path / "etcdctl"
    client.write_text("#!/bin/sh\nexit 0\n", "utf-8")
    client.chmod(0o755)
    with HTTPServer(("127.0.0.1", 0), Version) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        environ = {
            **environ_of("etcd-users"),
            "ETCDCTL_ENDPOINTS": f"127.0.0.1:{server.server_port}",
            "PATH": f"{tmp_path}:{os.environ['PATH']}",
        }
        subprocess.run(["sh", str(COMPOSE / "etcd-users.sh")], env=environ, check=True, timeout=60)
        server.shutdown()
    assert asked == ["/version"] * 3
