"""Web servers as the product runs them, and clients of theirs."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import urllib3

from tests.servers import free_port

WORKERS = 2
PATIENCE_SECONDS = 60


@dataclass(frozen=True)
class Server:
    """A web server that runs."""

    process: subprocess.Popen[bytes]
    port: int
    folder: Path

    @property
    def parent(self) -> psutil.Process:
        return psutil.Process(self.process.pid)

    def workers(self) -> set[int]:
        """Return the processes that answer."""
        own = command_of(self.parent)
        return {child.pid for child in self.parent.children() if command_of(child) == own}

    def ask(self, path: str = "/healthz", **headers: str) -> urllib3.BaseHTTPResponse:
        """Ask once, on a connection of its own."""
        with urllib3.PoolManager(retries=False, timeout=20) as pool:
            return pool.request("GET", f"http://127.0.0.1:{self.port}{path}", headers=headers)

    def send(self, words: bytes) -> bytes:
        """Send words as they are and return all that comes back."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as connection:
            connection.sendall(words)
            return b"".join(iter(lambda: connection.recv(65536), b""))

    def log(self) -> str:
        """Return all that it has written."""
        return (self.folder / "log").read_text("utf-8")

    def wait(self) -> None:
        """Wait until it answers with all its workers."""
        wait_until(lambda: answers(self) and len(self.workers()) == WORKERS)


def command_of(process: psutil.Process) -> list[str]:
    """Return how it was called: a worker as its parent, a companion otherwise, the dead not."""
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def answers(server: Server) -> bool:
    try:
        return server.ask().status == 200
    except urllib3.exceptions.HTTPError:
        return False


def wait_until(is_so: object) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (callable(is_so) and is_so()):
        assert time.monotonic() < deadline
        time.sleep(0.05)


@contextmanager
def running(command: list[str], port: int, folder: Path, **environ: str) -> Iterator[Server]:
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", *command],
            env={**os.environ, **environ},
            stdout=log,
            stderr=log,
        )
    try:
        server = Server(process, port, folder)
        server.wait()
        yield server
    finally:
        process.terminate()
        process.wait(PATIENCE_SECONDS)


@contextmanager
def echoing(folder: Path) -> Iterator[Server]:
    port = free_port()
    command = ["bench.under_gunicorn", "tests.deploy.echo:make", str(port), str(WORKERS)]
    with running(command, port, folder) as server:
        yield server
