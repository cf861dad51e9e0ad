"""Real servers for tests: Debian's Redis and PostgreSQL, each in a folder of its own."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psycopg
from redis import Redis
from redis.exceptions import ConnectionError as RedisAway

START_SECONDS = 60
STOP_SECONDS = 20


@dataclass(frozen=True)
class RunningServer:
    """A server of our own, and the process that a test may stop, freeze or kill."""

    url: str
    port: int
    process: subprocess.Popen[bytes]

    def kill(self) -> None:
        """End the server without warning."""
        self.process.kill()
        self.process.wait(STOP_SECONDS)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Keep the server from answering while its connections stay open."""
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)


_GIVEN: Final = set[int]()


def free_port() -> int:
    """Return a loopback port on which nobody listens, and that was not given to anybody before."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        if port not in _GIVEN:
            _GIVEN.add(port)
            return port


@contextmanager
def redis_server(*options: str, port: int | None = None) -> Iterator[RunningServer]:
    """Run Debian's redis-server, which forgets everything at its end."""
    binary = shutil.which("redis-server")
    if binary is None:
        raise FileNotFoundError("redis-server is needed: apt-get install redis-server")
    port = port or free_port()
    with own_folder() as folder:
        command = [binary, "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder)]
        command += ["--save", "", "--appendonly", "no", *options]
        with _running(command, folder, lambda: _redis_answers(port), signal.SIGTERM) as process:
            yield RunningServer(f"redis://127.0.0.1:{port}/0", port, process)


@contextmanager
def postgres_server(*options: str) -> Iterator[RunningServer]:
    """Run Debian's PostgreSQL on a new cluster; its database is ``postgres``, without passwords.

    It does not wait for the disk unless told to (``-c fsync=on``).
    """
    binaries = postgres_binaries()
    port = free_port()
    with own_folder() as folder:
        data = folder / "data"
        initdb = [str(binaries / "initdb"), "-D", str(data), "-U", "zaitaku", "-A", "trust"]
        initdb += ["-E", "UTF8", "--locale=C.UTF-8", "--no-sync"]
        subprocess.run(initdb, check=True, stdout=subprocess.DEVNULL, **unprivileged(folder))
        command = [str(binaries / "postgres"), "-D", str(data), "-p", str(port)]
        command += ["-h", "127.0.0.1", "-k", str(folder), "-F", *options]
        address = f"zaitaku@127.0.0.1:{port}/postgres"
        with _running(
            command, folder, lambda: postgres_answers(f"postgresql://{address}"), signal.SIGINT
        ) as process:
            yield RunningServer(f"postgresql+psycopg://{address}", port, process)


def postgres_binaries() -> Path:
    """Return the folder of the newest PostgreSQL's programs.

    Raises:
        FileNotFoundError: none is installed.
    """
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    if not found:
        raise FileNotFoundError("PostgreSQL is needed: apt-get install postgresql")
    return found[-1].parent


@contextmanager
def own_folder() -> Iterator[Path]:
    """Give a folder that belongs to the user under whom servers run here."""
    # Not pytest's folder: that one is closed to the user under whom PostgreSQL must run, and too
    # long a path for a socket.
    with tempfile.TemporaryDirectory(prefix="zaitaku-server-") as name:
        folder = Path(name)
        user = unprivileged(folder).get("user")
        if user is not None:
            shutil.chown(folder, user)
        yield folder


def unprivileged(folder: Path) -> Mapping[str, Any]:
    """Return how ``Popen`` starts a server in ``folder``: never as root."""
    if os.geteuid() != 0:
        return {"cwd": folder}
    # PostgreSQL refuses to run as root.
    user = pwd.getpwnam("postgres")
    return {"cwd": folder, "user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


@contextmanager
def _running(
    command: list[str], folder: Path, answers: Callable[[], bool], farewell: signal.Signals
) -> Iterator[subprocess.Popen[bytes]]:
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, **unprivileged(folder))
    try:
        _await(process, answers, folder / "log")
        yield process
    finally:
        _end(process, farewell)


def _await(process: subprocess.Popen[bytes], answers: Callable[[], bool], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not answers():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"{process.args!r} did not start:\n{log.read_text()}")
        time.sleep(0.05)


def _end(process: subprocess.Popen[bytes], farewell: signal.Signals) -> None:
    if process.poll() is not None:
        return
    process.send_signal(farewell)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(STOP_SECONDS)


def _redis_answers(port: int) -> bool:
    """Tell whether a Redis answers at a loopback port."""
    with Redis("127.0.0.1", port, socket_timeout=1, socket_connect_timeout=1) as client:
        try:
            return bool(client.ping())
        except RedisAway:
            return False


def postgres_answers(address: str) -> bool:
    """Tell whether a PostgreSQL takes a connection at a libpq address."""
    try:
        psycopg.connect(address, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True
