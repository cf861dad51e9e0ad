"""Redis with two replicas and three Sentinels, as processes on private ports, with passwords."""

import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from redis import Redis
from redis.exceptions import RedisError

from tests.machine import Machine
from tests.servers import free_port, own_folder

SERVICE: Final = "zaitaku"
SERVERS: Final = 3
WORD: Final = "a-word-for-servers"
SENTINELS_WORD: Final = "a-word-for-sentinels"
DOWN_AFTER_MILLISECONDS: Final = 1000
START_SECONDS: Final = 60.0
_APART_SECONDS: Final = 0.3
"""Sentinels that start in lock-step ask for votes in lock-step, and none gets enough."""
_PAUSE_SECONDS: Final = 0.1


@dataclass(frozen=True)
class RedisGroup:
    """Servers and Sentinels by their ports."""

    servers: dict[int, Machine]
    sentinels: dict[int, Machine]

    @property
    def address(self) -> str:
        """The address of the primary, whoever it is, as the site's settings name it."""
        hosts = ",".join(f"127.0.0.1:{port}" for port in self.sentinels)
        return f"redis+sentinel://:{WORD}@{hosts}/{SERVICE}/0?sentinel_password={SENTINELS_WORD}"

    def primary(self) -> int:
        """Return the port of the server that most Sentinels call the primary."""
        named = [str(state["port"]) for state in self._states()]
        return int(max(set(named), key=named.count))

    def wait_for_other_primary(self, former: int, seconds: float = START_SECONDS) -> int:
        """Wait until another server takes writes as the primary; return its port.

        Raises:
            TimeoutError: none does.
        """
        deadline = time.monotonic() + seconds
        while (present := self.primary()) == former or not _takes_writes(present):
            if time.monotonic() > deadline:
                raise TimeoutError("\n".join(each.log() for each in self.sentinels.values()))
            time.sleep(_PAUSE_SECONDS)
        return present

    def wait_until_whole(self, seconds: float = START_SECONDS) -> None:
        """Wait until every Sentinel knows the two others, and the primary has two replicas.

        Raises:
            TimeoutError: it does not come to that.
        """
        deadline = time.monotonic() + seconds
        while not self._is_whole():
            if time.monotonic() > deadline:
                raise TimeoutError("\n".join(each.log() for each in self.sentinels.values()))
            time.sleep(_PAUSE_SECONDS)

    def _is_whole(self) -> bool:
        states = self._states()
        return (
            len(states) == len(self.sentinels)
            and all(state["num-other-sentinels"] == len(states) - 1 for state in states)
            and all(state["num-slaves"] == SERVERS - 1 for state in states)
            and _replicas(self.primary()) == SERVERS - 1
        )

    def _states(self) -> list[dict[str, Any]]:
        found = []
        for port in self.sentinels:
            with Redis(port=port, password=SENTINELS_WORD, socket_timeout=1) as client:
                try:
                    found.append(client.sentinel_master(SERVICE))
                except RedisError:
                    continue
        return found


@contextmanager
def redis_group() -> Iterator[RedisGroup]:
    """Run the group until the block ends."""
    if shutil.which("redis-server") is None:
        raise FileNotFoundError("redis-server is needed: apt-get install redis-server")
    with own_folder() as folder, ExitStack() as stack:
        ports = [free_port() for _ in range(2 * SERVERS)]
        servers = {port: _server(folder, port) for port in ports[:SERVERS]}
        first, *others = servers
        for port in others:
            servers[port] = _server(folder, port, "--replicaof", "127.0.0.1", str(first))
        sentinels = {port: _sentinel(folder, port, first) for port in ports[SERVERS:]}
        for machine in (*servers.values(), *sentinels.values()):
            stack.callback(machine.kill)
            machine.start()
            time.sleep(_APART_SECONDS)
        group = RedisGroup(servers, sentinels)
        group.wait_until_whole()
        yield group


def _server(folder: Path, port: int, *options: str) -> Machine:
    home = folder / f"server-{port}"
    home.mkdir(exist_ok=True)
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--dir", str(home)]
    command += ["--save", "", "--requirepass", WORD, "--masterauth", WORD]
    command += ["--repl-diskless-sync-delay", "0", "--repl-ping-replica-period", "1", *options]
    return Machine(command, home, {})


def _sentinel(folder: Path, port: int, primary: int) -> Machine:
    home = folder / f"sentinel-{port}"
    home.mkdir()
    lines: Sequence[str] = (
        f"port {port}",
        "bind 127.0.0.1",
        f"dir {home}",
        f"requirepass {SENTINELS_WORD}",
        f"sentinel sentinel-pass {SENTINELS_WORD}",
        f"sentinel monitor {SERVICE} 127.0.0.1 {primary} 2",
        f"sentinel auth-pass {SERVICE} {WORD}",
        f"sentinel down-after-milliseconds {SERVICE} {DOWN_AFTER_MILLISECONDS}",
        f"sentinel failover-timeout {SERVICE} 3000",
    )
    settings = home / "sentinel.conf"
    settings.write_text("\n".join(lines) + "\n", "utf-8")
    return Machine(["redis-server", str(settings), "--sentinel"], home, {})


def _takes_writes(port: int) -> bool:
    return _replication(port).get("role") == "master"


def _replicas(port: int) -> int:
    return int(_replication(port).get("connected_slaves", 0))


def _replication(port: int) -> dict[str, Any]:
    with Redis(port=port, password=WORD, socket_timeout=1) as client:
        try:
            return dict(client.info("replication"))
        except RedisError:
            return {}
