"""Real stores that can be killed, frozen, and started again where they were.

They wait for the disk as in earnest, unlike those of most tests.
"""

import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil
from redis import Redis
from redis.exceptions import ConnectionError as RedisAway

from tests.servers import free_port, own_folder, postgres_answers, postgres_binaries, unprivileged

START_SECONDS: Final = 180.0
_PAUSE_SECONDS: Final = 0.1


@dataclass
class StoreServer:
    """A server whose data outlive its process."""

    url: str
    """As the site's settings name it."""
    host: str
    port: int
    folder: Path
    command: Sequence[str]
    answers: Callable[[], bool]
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers; a start that fails is tried again.

        After a kill, PostgreSQL refuses until the last of its former processes has ended.

        Raises:
            TimeoutError: it never answers.
        """
        deadline = time.monotonic() + START_SECONDS
        while not self.answers():
            if self.process is None or self.process.poll() is not None:
                self.process = self._launch()
            if time.monotonic() > deadline:
                raise TimeoutError((self.folder / "log").read_text()[-2000:])
            time.sleep(_PAUSE_SECONDS)

    def kill(self) -> None:
        """End it and all its processes without warning (kill -9)."""
        for member in self.family():
            with suppress(psutil.NoSuchProcess):
                member.kill()
        if self.process is not None:
            # Its own parent must take note of the end, or its lock file looks alive.
            self.process.wait()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Keep all its processes silent while their connections stay open."""
        members = self.family()
        for member in members:
            member.suspend()
        try:
            yield
        finally:
            for member in members:
                with suppress(psutil.NoSuchProcess):
                    member.resume()

    def family(self) -> list[psutil.Process]:
        """Return its living processes, the first one first."""
        if self.process is None or self.process.poll() is not None:
            return []
        with suppress(psutil.NoSuchProcess):
            first = psutil.Process(self.process.pid)
            return [first, *first.children(recursive=True)]
        return []

    def _launch(self) -> subprocess.Popen[bytes]:
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(
                self.command, stdout=log, stderr=log, **unprivileged(self.folder)
            )


@contextmanager
def postgres(
    *options: str,
    host: str = "127.0.0.1",
    data: Path | None = None,
    initdb: Sequence[str] = (),
) -> Iterator[StoreServer]:
    """Run PostgreSQL with further ``-c`` options; ``data`` is an empty folder of its user's."""
    binaries, port = postgres_binaries(), free_port()
    with own_folder() as folder:
        data = data or folder / "data"
        make = [str(binaries / "initdb"), "-D", str(data), "-U", "zaitaku", "-A", "trust"]
        make += ["-E", "UTF8", "--locale=C.UTF-8", "--no-sync", *initdb]
        subprocess.run(make, check=True, stdout=subprocess.DEVNULL, **unprivileged(folder))
        if host != "127.0.0.1":
            with (data / "pg_hba.conf").open("a") as rules:
                rules.write("host all all samenet trust\n")
        command = [str(binaries / "postgres"), "-D", str(data), "-p", str(port)]
        command += ["-h", f"{host},127.0.0.1", "-k", str(folder)]
        for option in options:
            command += ["-c", option]
        address = f"zaitaku@{host}:{port}/postgres"
        server = StoreServer(
            url=f"postgresql+psycopg://{address}",
            host=host,
            port=port,
            folder=folder,
            command=command,
            answers=lambda: postgres_answers(f"postgresql://{address}"),
        )
        yield from _run(server)


@contextmanager
def redis(*options: str, host: str = "127.0.0.1") -> Iterator[StoreServer]:
    """Run Redis, which forgets everything at its end."""
    port = free_port()
    with own_folder() as folder:
        command = ["redis-server", "--port", str(port), "--bind", host, "--dir", str(folder)]
        command += ["--save", "", "--appendonly", "no", "--protected-mode", "no", *options]
        server = StoreServer(
            url=f"redis://{host}:{port}/0",
            host=host,
            port=port,
            folder=folder,
            command=command,
            answers=lambda: _redis_answers(host, port),
        )
        yield from _run(server)


def _run(server: StoreServer) -> Iterator[StoreServer]:
    server.start()
    try:
        yield server
    finally:
        server.kill()  # nothing of it is needed any more


def _redis_answers(host: str, port: int) -> bool:
    with Redis(host, port, socket_timeout=1, socket_connect_timeout=1) as client:
        try:
            return bool(client.ping())
        except RedisAway:
            return False
