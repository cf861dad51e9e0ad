"""PostgreSQL under Patroni with etcd, three nodes as processes on private ports.

Each node is a machine of its own: it can be killed whole, or its PostgreSQL alone.
"""

import json
import os
import pwd
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import psutil
import psycopg
import urllib3
from urllib3.exceptions import HTTPError

from tests.machine import Machine
from tests.servers import free_port, own_folder, postgres_binaries

NODES: Final = ("a", "b", "c")
START_SECONDS: Final = 120.0
_PAUSE_SECONDS: Final = 0.1
_STREAMING: Final = frozenset({"streaming", "running"})
SYNCHRONOUS: Final[Mapping[str, Any]] = {
    "synchronous_mode": "quorum",
    "synchronous_mode_strict": True,
    "synchronous_node_count": 1,
}
"""A commit is answered when one of the two standbys has it (``ANY 1 (b,c)``), or not at all."""
ASYNCHRONOUS: Final[Mapping[str, Any]] = {
    "synchronous_mode": "off",
    "synchronous_mode_strict": False,
}


@dataclass(frozen=True)
class Node:
    """One machine of the cluster: Patroni and its PostgreSQL."""

    name: str
    port: int
    rest_port: int
    machine: Machine

    def postmaster(self) -> psutil.Process:
        """Return the first process of its PostgreSQL."""
        return next(each for each in self.machine.members() if _is_postmaster(each))

    def kill(self) -> None:
        """End all of it at once, as when the power fails."""
        self.machine.kill()

    def kill_postgres(self) -> None:
        """End its PostgreSQL without warning, all processes; Patroni goes on."""
        postmaster = self.postmaster()
        family = [postmaster, *postmaster.children(recursive=True)]
        for process in family:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(family, START_SECONDS)

    @contextmanager
    def not_sending(self) -> Iterator[None]:
        """Keep what it writes from leaving it: the senders to its standbys are stopped."""
        senders = [each for each in self.postmaster().children() if _is_sender(each)]
        assert senders
        for process in senders:
            process.suspend()
        try:
            yield
        finally:
            for process in senders:
                with suppress(psutil.NoSuchProcess):
                    process.resume()


@dataclass
class Cluster:
    """Three nodes, and what keeps their state."""

    nodes: dict[str, Node]
    etcd: list[Machine]
    _http: urllib3.PoolManager = field(
        default_factory=lambda: urllib3.PoolManager(timeout=3, retries=False)
    )

    def address(self, database: str = "postgres", user: str = "zaitaku") -> str:
        """Return the address of a database, as the site's settings name it."""
        hosts = "&".join(f"host=127.0.0.1:{node.port}" for node in self.nodes.values())
        return f"postgresql+psycopg://{user}@/{database}?{hosts}&target_session_attrs=read-write"

    def new_database(self) -> str:
        """Make an empty database of the site's own role; return its address."""
        name = f"site_{uuid4().hex[:12]}"
        with self.connected("postgres") as connection:
            connection.execute(f"CREATE DATABASE {name} OWNER zaitaku")
        return self.address(name)

    @contextmanager
    def connected(self, database: str) -> Iterator[psycopg.Connection[Any]]:
        """Give a connection of the superuser to the present primary."""
        hosts = ",".join("127.0.0.1" for _ in self.nodes)
        ports = ",".join(str(node.port) for node in self.nodes.values())
        with psycopg.connect(
            host=hosts,
            port=ports,
            dbname=database,
            user="postgres",
            target_session_attrs="read-write",
            connect_timeout=3,
            autocommit=True,
        ) as connection:
            yield connection

    def states(self) -> dict[str, Mapping[str, Any]]:
        """Return what Patroni tells about each node that takes part; nothing if nobody answers."""
        for node in self.nodes.values():
            body = self._ask(node, "GET", "/cluster")
            if body:
                return {member["name"]: member for member in body.get("members", ())}
        return {}

    def primary(self) -> Node:
        """Return the node that holds the leader's key; wait for one."""
        leaders: list[str] = []

        def is_there() -> bool:
            leaders[:] = [name for name, state in self.states().items() if _is_leading(state)]
            return bool(leaders)

        self.wait_until(is_there)
        return self.nodes[leaders[0]]

    def standbys(self) -> list[Node]:
        """Return the nodes that are not the primary."""
        primary = self.primary()
        return [node for node in self.nodes.values() if node is not primary]

    def wait_until_whole(self, seconds: float = START_SECONDS) -> None:
        """Wait until there is a primary and all others follow it, as the configuration wants.

        Raises:
            TimeoutError: they do not.
        """
        self.wait_until(self._is_whole, seconds)

    def wait_for_other_primary(self, former: Node, seconds: float = START_SECONDS) -> Node:
        """Wait until another node than ``former`` lets writers in; return it.

        Raises:
            TimeoutError: none does.
        """
        self.wait_until(lambda: self.primary() is not former and self._is_writable(), seconds)
        return self.primary()

    def configure(self, changes: Mapping[str, Any]) -> None:
        """Change the configuration that all nodes share."""
        self._tell("PATCH", "/config", changes)

    def switch_over(self) -> None:
        """Hand the leader's part to another node, as an operator plans it."""
        self._tell("POST", "/switchover", {"leader": self.primary().name})

    def wait_until(self, holds: Callable[[], bool], seconds: float = START_SECONDS) -> None:
        """Wait until ``holds``.

        Raises:
            TimeoutError: it does not.
        """
        deadline = time.monotonic() + seconds
        while not holds():
            if time.monotonic() > deadline:
                logs = "\n".join(node.machine.log() for node in self.nodes.values())
                raise TimeoutError(f"{self.states()}\n{logs}")
            time.sleep(_PAUSE_SECONDS)

    def _is_whole(self) -> bool:
        states = self.states()
        roles = [state["role"] for state in states.values()]
        if len(states) < len(self.nodes) or "leader" not in roles:
            return False
        standbys = [state for state in states.values() if not _is_leading(state)]
        return all(state["state"] in _STREAMING for state in standbys) and self._is_replicating()

    def _is_replicating(self) -> bool:
        # Patroni's own view may be a loop old: the primary itself is asked who follows it, and how.
        try:
            with self.connected("postgres") as connection:
                rows = connection.execute(
                    "SELECT sync_state FROM pg_stat_replication WHERE state = 'streaming'"
                    " AND application_name = ANY(%s)",
                    [list(self.nodes)],
                ).fetchall()
        except psycopg.Error:
            return False
        wanted = "async" if self._mode() == "off" else "quorum"
        return [state for (state,) in rows] == [wanted] * (len(self.nodes) - 1)

    def _is_writable(self) -> bool:
        try:
            with self.connected("postgres") as connection:
                connection.execute("SELECT 1")
        except psycopg.Error:
            return False
        return True

    def _mode(self) -> str:
        for node in self.nodes.values():
            body = self._ask(node, "GET", "/config")
            if body:
                return str(body.get("synchronous_mode", "off"))
        return ""

    def _tell(self, method: str, path: str, body: Mapping[str, Any]) -> None:
        answer = self._http.request(
            method,
            f"http://127.0.0.1:{self.primary().rest_port}{path}",
            body=json.dumps(body),
            timeout=30,
        )
        assert answer.status == 200, answer.data

    def _ask(self, node: Node, method: str, path: str) -> dict[str, Any]:
        with suppress(HTTPError, ValueError):
            answer = self._http.request(method, f"http://127.0.0.1:{node.rest_port}{path}")
            if answer.status == 200:
                body: dict[str, Any] = answer.json()
                return body
        return {}


@contextmanager
def cluster(
    *, etcd_members: int = 3, configuration: Mapping[str, Any] = SYNCHRONOUS
) -> Iterator[Cluster]:
    """Run a cluster whose nodes all follow its primary; its role ``zaitaku`` may log in."""
    with own_folder() as folder, ExitStack() as stack:
        members, addresses = _etcd(folder, stack, etcd_members)
        nodes = {name: _node(folder, name, addresses, configuration) for name in NODES}
        running = Cluster(nodes, members)
        for number, node in enumerate(nodes.values()):
            stack.callback(node.machine.kill)
            node.machine.start()
            if number == 0:
                running.primary()
        running.wait_until_whole()
        with running.connected("postgres") as connection:
            connection.execute("CREATE ROLE zaitaku LOGIN")
        yield running


def _etcd(folder: Path, stack: ExitStack, count: int) -> tuple[list[Machine], list[str]]:
    # In memory: a member that waits for a busy disk would look dead to the others.
    memory = Path("/dev/shm")
    place = stack.enter_context(
        tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else folder)
    )
    _give_away(Path(place))
    ports = [(free_port(), free_port()) for _ in range(count)]
    everybody = ",".join(f"m{turn}=http://127.0.0.1:{peer}" for turn, (_, peer) in enumerate(ports))
    machines = [_etcd_member(Path(place), turn, *ports[turn], everybody) for turn in range(count)]
    for machine in machines:
        stack.callback(machine.kill)
        machine.start()
    return machines, [f"127.0.0.1:{client}" for client, _ in ports]


def _etcd_member(place: Path, turn: int, client: int, peer: int, everybody: str) -> Machine:
    home = place / f"m{turn}"
    home.mkdir()
    _give_away(home)
    command = [
        *unprivileged_prefix(),
        "etcd",
        "--name",
        f"m{turn}",
        "--data-dir",
        str(home / "data"),
    ]
    for name, port in (("client", client), ("peer", peer)):
        urls = f"http://127.0.0.1:{port}"
        advertised = "advertise-client-urls" if name == "client" else "initial-advertise-peer-urls"
        command += [f"--listen-{name}-urls", urls, f"--{advertised}", urls]
    command += ["--initial-cluster", everybody, "--log-level", "error"]
    return Machine(command, home, {})


def _node(folder: Path, name: str, etcd: list[str], configuration: Mapping[str, Any]) -> Node:
    home = folder / name
    home.mkdir()
    ports = free_port(), free_port()
    settings = home / "patroni.yml"
    written = _settings(home, ports, etcd, configuration)
    settings.write_text(json.dumps(written), "utf-8")
    command = [*unprivileged_prefix(), sys.executable, "-m", "patroni", str(settings)]
    for path in (home, settings):
        _give_away(path)
    return Node(name, *ports, Machine(command, home, {"HOME": str(home)}))


def _give_away(path: Path) -> None:
    if os.geteuid() == 0:
        shutil.chown(path, "postgres", "postgres")


def unprivileged_prefix() -> list[str]:
    """Return how a command line begins that runs Patroni here: never as root."""
    if os.geteuid() != 0:
        return []
    # PostgreSQL refuses to run as root, and its user may not see root's Python.
    user = pwd.getpwnam("postgres")
    rights = "+dac_read_search"
    return [
        *("setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"),
        *(f"--inh-caps={rights}", f"--ambient-caps={rights}"),
    ]


def _settings(
    home: Path,
    ports: tuple[int, int],
    etcd: list[str],
    configuration: Mapping[str, Any],
) -> dict[str, Any]:
    port, rest_port = ports
    shared = {
        "ttl": 20,
        "loop_wait": 1,
        "retry_timeout": 3,
        "primary_start_timeout": 0,
        "maximum_lag_on_failover": 64 * 1024 * 1024,
        **configuration,
        "postgresql": {
            "use_pg_rewind": True,
            "parameters": {
                "max_connections": 100,
                "shared_buffers": "32MB",
                "wal_log_hints": True,
                "wal_keep_size": "256MB",
                "wal_receiver_timeout": "5s",
                "wal_sender_timeout": "5s",
                "wal_retrieve_retry_interval": "500ms",
            },
        },
    }
    return {
        "scope": "zaitaku",
        "name": home.name,
        "restapi": _listening(rest_port),
        "etcd3": {"hosts": etcd},
        "bootstrap": {
            "dcs": shared,
            "initdb": [{"encoding": "UTF8"}, {"locale": "C.UTF-8"}, "data-checksums"],
        },
        "postgresql": {
            **_listening(port),
            "data_dir": str(home / "data"),
            "bin_dir": str(postgres_binaries()),
            "pgpass": str(home / "pgpass"),
            "parameters": {"unix_socket_directories": str(home)},
            "pg_hba": [
                "local all all trust",
                "host all all 127.0.0.1/32 trust",
                "host replication all 127.0.0.1/32 trust",
            ],
            "basebackup": [{"checkpoint": "fast"}],
            "authentication": {
                "superuser": {"username": "postgres"},
                "replication": {"username": "replicator"},
                "rewind": {"username": "rewinder"},
            },
        },
    }


def _listening(port: int) -> dict[str, str]:
    return {"listen": f"127.0.0.1:{port}", "connect_address": f"127.0.0.1:{port}"}


def _is_leading(state: Mapping[str, Any]) -> bool:
    return (state["role"], state["state"]) == ("leader", "running")


def _is_postmaster(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess, IndexError):
        command = process.cmdline()
        return Path(command[0]).name == "postgres" and "-D" in command
    return False


def _is_sender(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess, IndexError):
        return "walsender" in process.cmdline()[0]
    return False
