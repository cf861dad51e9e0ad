"""Application CPU of a journey beside a bare Flask floor, in one run, turn by turn.

Both run under the same server with one worker, on the same machine and kind of database (SQLite by
default). Printed are medians over the rounds. The last line is for machines.

``python -m bench.journey [--rounds 5] [--journeys 20]``
"""

import argparse
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import urllib3
from urllib3.exceptions import HTTPError

from bench.walker import Card, Walker
from zaitaku.demo.places import Places
from zaitaku.demo.processes import serving
from zaitaku.demo.setup import prepare
from zaitaku.sandbox.ocsp import responder

START_SECONDS = 30


@dataclass(frozen=True)
class Served:
    """A server under measurement."""

    origin: str
    process: psutil.Process

    def cpu_seconds(self) -> float:
        """Return the CPU time that the server and its workers have used so far."""
        family = [self.process, *self.process.children(recursive=True)]
        return sum(sum(member.cpu_times()[:2]) for member in family)

    def worker_megabytes(self) -> float:
        """Return the resident memory of the largest worker."""
        workers = self.process.children(recursive=True) or [self.process]
        return max(worker.memory_info().rss for worker in workers) / 1e6


@dataclass(frozen=True)
class Round:
    """What one round of one side took."""

    cpu_ms_per_request: float
    cpu_ms_per_journey: float
    journeys_per_second: float


@contextmanager
def served(target: str, port: int, environ: dict[str, str]) -> Iterator[Served]:
    """Serve an application factory with one granian worker."""
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--factory"]
    command += ["--host", "127.0.0.1", "--port", str(port), "--workers", "1", "--no-access-log"]
    process = subprocess.Popen(
        [*command, "--log-level", "warning", target],
        env={**os.environ, **environ},
        stdout=subprocess.DEVNULL,
    )
    origin = f"http://127.0.0.1:{port}"
    try:
        _wait_for(origin)
        yield Served(origin, psutil.Process(process.pid))
    finally:
        process.terminate()
        process.wait()


def _wait_for(origin: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        try:
            urllib3.request("GET", origin, timeout=1, retries=False, redirect=False)
        except HTTPError:
            time.sleep(0.1)
        else:
            return
    raise TimeoutError(origin)


def measure(side: Served, journeys: int, walk: "Walk") -> Round:
    """Let ``journeys`` patients walk one after another and return what the server spent."""
    cpu, began, requests = side.cpu_seconds(), time.monotonic(), 0
    for _ in range(journeys):
        requests += walk.once()
    spent, took = (side.cpu_seconds() - cpu) * 1000, time.monotonic() - began
    return Round(spent / requests, spent / journeys, journeys / took)


class Walk:
    """A journey through the product; returns the number of its requests."""

    def __init__(self, origin: str, url: str, card: Card) -> None:
        self._origin, self._url, self._card = origin, url, card
        self._pool = urllib3.PoolManager()

    def once(self) -> int:
        """Walk one journey."""
        walker = Walker(self._pool, self._origin)
        walker.give_consent(self._url, self._card)
        return walker.requests


class FloorWalk(Walk):
    """The same number of requests at the floor, with one durable insert."""

    def __init__(self, origin: str, requests: int) -> None:
        self._origin, self._requests = origin, requests
        self._pool = urllib3.PoolManager()

    def once(self) -> int:
        """Ask for ready strings, post, and insert once."""
        for turn in range(self._requests - 1):
            method = "POST" if turn % 2 else "GET"
            self._pool.request(method, f"{self._origin}/page", redirect=False)
        self._pool.request("POST", f"{self._origin}/register")
        return self._requests


def run(rounds: int, journeys: int, folder: Path) -> None:
    """Measure both sides in turns and print the table."""
    places = Places.from_env(
        {
            "ZAITAKU_DATA": str(folder),
            "ZAITAKU_PORT": str(_port()),
            "ZAITAKU_BRIDGE_PORT": str(_port()),
        }
    )
    ready = prepare(places)
    floor_environ = {"ZAITAKU_FLOOR_DATABASE": f"sqlite:///{folder / 'floor.db'}"}
    with ExitStack() as stack:
        stack.enter_context(serving(responder(ready.authority), places.ocsp_port))
        product = stack.enter_context(
            served("zaitaku.app:from_environment", places.port, ready.environ)
        )
        floor = stack.enter_context(served("bench.floor.app:create_floor", _port(), floor_environ))
        url = ready.summary["patient_urls"]["home-visit"]
        card = Card.load(min((folder / "cards").glob("*.json")))
        walk = Walk(product.origin, url, card)
        floor_walk = FloorWalk(floor.origin, walk.once())
        floor_walk.once()
        pairs = [
            (measure(product, journeys, walk), measure(floor, journeys, floor_walk))
            for _ in range(rounds)
        ]
        _print(pairs, product, floor, floor_walk.once())


def _port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _print(pairs: list[tuple[Round, Round]], product: Served, floor: Served, requests: int) -> None:
    mine, theirs = zip(*pairs, strict=True)
    ratio = statistics.median(a.cpu_ms_per_request / b.cpu_ms_per_request for a, b in pairs)
    print(f"{requests} requests a journey, {len(pairs)} rounds, medians")
    print(f"{'':10}{'CPU ms/request':>16}{'CPU ms/journey':>16}{'journeys/s':>12}{'worker MB':>11}")
    for name, rounds, side in (("product", mine, product), ("floor", theirs, floor)):
        print(
            f"{name:10}"
            f"{statistics.median(r.cpu_ms_per_request for r in rounds):>16.2f}"
            f"{statistics.median(r.cpu_ms_per_journey for r in rounds):>16.1f}"
            f"{statistics.median(r.journeys_per_second for r in rounds):>12.1f}"
            f"{side.worker_megabytes():>11.0f}"
        )
    print(f"cpu_ratio={ratio:.2f} rss_mb={product.worker_megabytes():.0f}")


def main() -> None:
    """Read the options and run."""
    parser = argparse.ArgumentParser(description="CPU of a journey beside a bare Flask floor")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--journeys", type=int, default=20)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run(options.rounds, options.journeys, Path(folder))


if __name__ == "__main__":
    main()
