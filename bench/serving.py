"""Serving an application for a measurement, under either server, and what that costs."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import psutil

from bench.http import HttpClient
from zaitaku.core import gate

START_SECONDS: Final = 60
THREADS: Final = gate.THREADS
"""Requests that one worker handles at the same time."""


class Server(StrEnum):
    """What serves."""

    GUNICORN = "gunicorn"
    """As ``zaitaku serve`` sets it up."""
    GRANIAN = "granian"


@dataclass(frozen=True)
class Served:
    """A server under measurement."""

    origin: str
    process: psutil.Process

    def workers(self) -> list[psutil.Process]:
        """Return the processes that answer: those that were forked or spawned, but for helpers."""
        children = self.process.children(recursive=True)
        return [child for child in children if not _is_helper(child)]

    def cpu_seconds(self) -> float:
        """Return the CPU time that the server and its workers have used so far."""
        family = [self.process, *self.process.children(recursive=True)]
        return sum(sum(member.cpu_times()[:2]) for member in family)

    def resident_megabytes(self) -> float:
        """Return the resident memory of the largest worker."""
        return max(worker.memory_info().rss for worker in self.workers()) / 1e6

    def proportional_megabytes(self) -> float:
        """Return the same with what processes share divided among them (Linux PSS)."""
        return max(worker.memory_full_info().pss for worker in self.workers()) / 1e6


def _is_helper(process: psutil.Process) -> bool:
    return "resource_tracker" in " ".join(process.cmdline())


@contextmanager
def served(
    server: Server, target: str, port: int, environ: Mapping[str, str], workers: int
) -> Iterator[Served]:
    """Serve an application factory (``module:name``) until the block ends."""
    process = subprocess.Popen(
        _command(server, target, port, workers),
        env={**os.environ, **environ},
        stdout=subprocess.DEVNULL,
    )
    origin = f"http://127.0.0.1:{port}"
    try:
        _wait_for(origin, process)
        yield Served(origin, psutil.Process(process.pid))
    finally:
        process.terminate()
        process.wait()


def _command(server: Server, target: str, port: int, workers: int) -> list[str]:
    if server is Server.GUNICORN:
        return [sys.executable, "-m", "bench.under_gunicorn", target, str(port), str(workers)]
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--factory"]
    command += ["--host", "127.0.0.1", "--port", str(port), "--workers", str(workers)]
    command += ["--blocking-threads", str(THREADS), "--respawn-failed-workers"]
    return [*command, "--no-access-log", "--log-level", "warning", target]


def _wait_for(origin: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    client = HttpClient()
    while time.monotonic() < deadline and process.poll() is None:
        try:
            client.request("GET", f"{origin}/healthz")
        except OSError:
            time.sleep(0.1)
        else:
            return client.close()
    raise TimeoutError(origin)
