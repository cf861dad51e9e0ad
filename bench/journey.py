"""What a journey costs beside a bare Flask floor: one run, turn by turn, one machine.

Product and floor run under the same server with the same number of workers, on PostgreSQL and
Redis that are started for it (``--stores sqlite``: on files). Every round lets patients walk as
fast as they are served; then, at half of the journeys that the product did, they come whether or
not they are served, in as many rounds. Printed are medians over the rounds, and how much of the
machine's time a hypervisor gave to others meanwhile. The last line is for machines.

``python -m bench.journey [--rounds 5] [--journeys 60] [--server gunicorn] [--stores postgresql]``
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from typing import Any, Final

import psutil
import psycopg

from bench.http import HttpClient
from bench.load import Crowd, Walk
from bench.serving import Served, Server, served
from bench.site import Site, make_site
from bench.walker import Client, Walker
from tests.servers import free_port, postgres_server, redis_server
from zaitaku import wire

PRODUCT: Final = "zaitaku.app:from_environment"
FLOOR: Final = "bench.floor.app:create_floor"
WORKERS: Final = 2
HANDS: Final = 8
"""Patients at the same time while they walk as fast as they are served."""
MANY_HANDS: Final = 24
PATIENTS: Final = 40
SETTLING_SECONDS: Final = 1.5
"""Counts are written within a second."""
PARTS: Final = (0.50, 0.95, 0.99)
MEASURES: Final = ("per_request", "per_journey", "per_second")


@dataclass(frozen=True)
class Stores:
    """Where both sides keep what they keep."""

    product: str
    short_lived: str
    floor: str


@dataclass(frozen=True)
class Sent:
    """A request of a patient at the product, which the floor is sent as well."""

    method: str
    url: str
    said: Mapping[str, Any]

    @property
    def at_floor(self) -> str:
        """The floor's page in its place: what registers there inserts here."""
        return "/register" if self.url.endswith(wire.PROOF_PATH) else "/page"


@dataclass
class Recorder:
    """Carries a patient's requests and keeps them."""

    client: Client
    sent: list[Sent] = field(default_factory=list)

    def request(self, method: str, url: str, **said: Any) -> Any:
        """Send a request and return its answer."""
        self.sent.append(Sent(method, url, said))
        return self.client.request(method, url, **said)

    def taken(self) -> list[Sent]:
        """Return what was sent since the last call."""
        sent, self.sent = self.sent, []
        return sent


@dataclass(frozen=True)
class Round:
    """What one round of one side took."""

    requests: int
    journeys: int
    cpu_seconds: float
    seconds: float

    @property
    def per_request(self) -> float:
        """Application CPU of a request in milliseconds."""
        return self.cpu_seconds / self.requests * 1000

    @property
    def per_journey(self) -> float:
        """Application CPU of a journey in milliseconds."""
        return self.cpu_seconds / self.journeys * 1000

    @property
    def per_second(self) -> float:
        """Journeys that came to their end in a second."""
        return self.journeys / self.seconds


@dataclass(frozen=True)
class Side:
    """The product or the floor, and the way of its patients."""

    name: str
    served: Served
    walk: Walk

    def rush(self, journeys: int) -> Round:
        """Let patients walk as fast as they are served."""
        crowd, before = Crowd(self.walk, HANDS), self.served.cpu_seconds()
        seconds = crowd.rush(journeys)
        spent = self._settled() - before
        return Round(len(crowd.latencies()), journeys, spent, seconds)

    def at_a_pace(self, per_second: float, seconds: float) -> list[float]:
        """Return CPU of a request, and answer times at ``PARTS``, while journeys begin at random.

        In milliseconds.
        """
        crowd, before = Crowd(self.walk, MANY_HANDS), self.served.cpu_seconds()
        crowd.arrive(per_second, seconds)
        spent, found = self._settled() - before, crowd.latencies()
        return [
            spent / len(found) * 1000,
            *(found[int(len(found) * part)] * 1000 for part in PARTS),
        ]

    def _settled(self) -> float:
        """Return the CPU seconds so far, once what was left for later is done."""
        time.sleep(SETTLING_SECONDS)
        return self.served.cpu_seconds()


def product_walk(site: Site, origin: str) -> Walk:
    """Return journeys through the product, each of the next patient."""
    cards = cycle(site.cards)

    def walk(client: Client) -> Iterator[None]:
        return Walker(client, origin).steps(site.entry, next(cards))

    return walk


def one_journey(site: Site, origin: str) -> list[list[Sent]]:
    """Walk one journey through the product and return its requests, page by page."""
    with closing(HttpClient()) as client:
        recorder = Recorder(client)
        steps = Walker(recorder, origin).steps(site.entry, site.cards[0])
        return [recorder.taken() for _ in steps]


def floor_walk(origin: str, pages: Sequence[Sequence[Sent]]) -> Walk:
    """Return journeys of the same requests at the floor, with one durable insert."""

    def walk(client: Client) -> Iterator[None]:
        for page in pages:
            for sent in page:
                client.request(sent.method, origin + sent.at_floor, **sent.said)
            yield

    return walk


@contextmanager
def stores_of(kind: str, folder: Path) -> Iterator[Stores]:
    """Start what the sides keep their data in; it waits for the disk as in earnest."""
    if kind == "sqlite":
        files = (f"sqlite:///{folder / name}.db" for name in ("product", "ephemeral", "floor"))
        yield Stores(*files)
        return
    with postgres_server("-c", "fsync=on") as database, redis_server() as redis:
        yield Stores(
            product=database.url,
            short_lived=redis.url,
            floor=_second_database(database.url),
        )


def _second_database(url: str) -> str:
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute("CREATE DATABASE floor")
    return url.rpartition("/")[0] + "/floor"


def run(options: argparse.Namespace, folder: Path) -> None:
    """Measure both sides in turns and print the table."""
    with ExitStack() as stack:
        product, floor = _sides(stack, options, folder)
        before = psutil.cpu_times()
        pairs = [
            (product.rush(options.journeys), floor.rush(options.journeys))
            for _ in range(options.rounds)
        ]
        mine, theirs = zip(*pairs, strict=True)
        half = statistics.median(one.per_second for one in mine) / 2
        paced = [
            (product.at_a_pace(half, options.seconds), floor.at_a_pace(half, options.seconds))
            for _ in range(options.rounds)
        ]
        answers = [_medians(rounds) for rounds in zip(*paced, strict=True)]
        print(
            f"{mine[0].requests / mine[0].journeys:.0f} requests a journey, {options.rounds} rounds"
            f" of {options.journeys} journeys, {WORKERS} workers of {options.server},"
            f' {options.stores}; from "at half" on (ms/request, then answers) both sides have'
            f" {half:.1f} journeys/s for {options.seconds} s, as often;"
            f" {_stolen_since(before):.1%} of the machine's time went elsewhere"
        )
        _print_table((product, floor), (mine, theirs), answers)
        ratio = statistics.median(a.per_request / b.per_request for a, b in pairs)
        print(
            f"cpu_ratio={ratio:.2f} journeys_per_s={half * 2:.1f} p99_ms={answers[0][-1]:.1f}"
            f" rss_mb={product.served.resident_megabytes():.0f}"
        )


def _medians(rounds: Sequence[Sequence[float]]) -> list[float]:
    return [statistics.median(column) for column in zip(*rounds, strict=True)]


def _stolen_since(before: Sequence[float]) -> float:
    """Return the part of all processor time that other guests of the host had (Linux: steal)."""
    now = psutil.cpu_times()
    stolen = float(getattr(now, "steal", 0.0)) - float(getattr(before, "steal", 0.0))
    return stolen / (_all(now) - _all(before))


def _all(times: Sequence[float]) -> float:
    # What guests of this machine had stands twice.
    return sum(times) - sum(getattr(times, name, 0.0) for name in ("guest", "guest_nice"))


def _sides(stack: ExitStack, options: argparse.Namespace, folder: Path) -> tuple[Side, Side]:
    stores = stack.enter_context(stores_of(options.stores, folder))
    port = free_port()
    site = make_site(
        folder,
        origin=f"http://127.0.0.1:{port}",
        database_url=stores.product,
        ephemeral_url=stores.short_lived,
        patients=PATIENTS,
    )
    mine = stack.enter_context(served(options.server, PRODUCT, port, site.environ, WORKERS))
    product = Side("product", mine, product_walk(site, mine.origin))
    product.rush(PATIENTS)
    environ = {"ZAITAKU_FLOOR_DATABASE": stores.floor}
    theirs = stack.enter_context(served(options.server, FLOOR, free_port(), environ, WORKERS))
    floor = Side("floor", theirs, floor_walk(theirs.origin, one_journey(site, mine.origin)))
    floor.rush(PATIENTS)
    return product, floor


def _print_table(
    sides: Sequence[Side], rounds: Sequence[Sequence[Round]], answers: Sequence[Sequence[float]]
) -> None:
    titles = ["ms/request", "ms/journey", "journeys/s", "at half", "p50 ms", "p95 ms", "p99 ms"]
    titles += ["RSS", "PSS"]
    print(" " * 8 + "".join(f"{title:>12}" for title in titles))
    for side, taken, times in zip(sides, rounds, answers, strict=True):
        figures = [
            *(statistics.median(getattr(one, name) for one in taken) for name in MEASURES),
            *times,
            side.served.resident_megabytes(),
            side.served.proportional_megabytes(),
        ]
        print(f"{side.name:8}" + "".join(f"{figure:>12.2f}" for figure in figures))


def main() -> None:
    """Read the options and run."""
    parser = argparse.ArgumentParser(description="CPU of a journey beside a bare Flask floor")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--journeys", type=int, default=60)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--server", type=Server, choices=list(Server), default=Server.GUNICORN)
    parser.add_argument("--stores", choices=["postgresql", "sqlite"], default="postgresql")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run(options, Path(folder))


if __name__ == "__main__":
    main()
