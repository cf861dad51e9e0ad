"""Five times as many patients as can be served: what those who are served feel, and the others.

First it is measured how many journeys a second are served (capacity). Then patients come at
``--times`` that rate, whether or not anybody is served: who gets the waiting page does what it
says, and once let in walks a whole journey. PostgreSQL, Redis and the server are started for it.
Printed are the times of served pages by kind, how many waited, and how long they really waited
beside what they were told. Served is what a journey goes on with (200, 303). Whatever else came has
a column of its own; the run fails by a status of 500 and above that is not 503, and by a connection
that broke. The last line is for machines.

``python -m bench.overload [--times 5] [--seconds 60] [--journeys 60] [--server gunicorn]``
"""

import argparse
import heapq
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from random import Random
from threading import Lock, Thread
from typing import Any, Final

from bench.http import HttpClient
from bench.load import Crowd
from bench.serving import Server, served
from bench.site import Site, make_site
from bench.walker import Card, Client, Walker
from tests.deploy.nginx import free_pair, running_nginx
from tests.servers import free_port, postgres_server, redis_server
from zaitaku.blueprints.ranks import rank_of

WORKERS: Final = 2
PATIENTS: Final = 40
HANDS: Final = 48
THINKING_SECONDS: Final = 0.5
PROMISED_SECONDS: Final = 0.3
_SWITCH_SECONDS: Final = 0.0005
_SAID: Final = re.compile(r"約(\d+)分で、順番")
_SOON: Final = "まもなく順番が来ます"
_UNAVAILABLE: Final = 503
_SERVED: Final = frozenset({200, 303})
_BROKEN: Final = "connection"
_ENDED: Final = (AssertionError, OSError, LookupError, ValueError)
"""How a patient's way ends before its end: not the answer that was due, or none."""


@dataclass
class Told:
    """What one patient in line read, and when."""

    at: float
    seconds: float


@dataclass
class Record:
    """What happened to everybody."""

    lock: Lock = field(default_factory=Lock)
    served: dict[str, list[float]] = field(default_factory=dict)
    waiting_pages: list[float] = field(default_factory=list)
    away: Counter[str] = field(default_factory=Counter)
    others: dict[str, Counter[str]] = field(default_factory=dict)
    """By kind: answers that are neither a page nor the waiting page, by status, and none at all."""
    lateness: list[float] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    told: list[tuple[float, float]] = field(default_factory=list)
    """Said and real seconds, of those who came in."""
    unknown: int = 0
    came: int = 0
    done: int = 0
    gave_up: int = 0
    """Patients who could not go on."""

    def note(self, method: str, path: str, status: int, seconds: float) -> None:
        """Note an answer."""
        kind = _kind_of(method, path)
        with self.lock:
            if status == _UNAVAILABLE:
                self.waiting_pages.append(seconds)
                self.away[kind] += 1
            elif status in _SERVED:
                self.served.setdefault(kind, []).append(seconds)
            else:
                self.others.setdefault(kind, Counter())[str(status)] += 1

    def note_broken(self, method: str, path: str) -> None:
        """Note that no answer came."""
        with self.lock:
            self.others.setdefault(_kind_of(method, path), Counter())[_BROKEN] += 1

    def kinds(self) -> list[str]:
        """Return every kind of which anything came."""
        return sorted({*self.served, *self.away, *self.others})

    @property
    def failures(self) -> int:
        """How many answers of a server that failed came, and how often none did."""
        met = sum(self.others.values(), Counter[str]())
        return sum(count for word, count in met.items() if _is_failure(word))


def _kind_of(method: str, path: str) -> str:
    rank = rank_of(method, path)
    return rank.name.lower() if rank is not None else "other"


def _is_failure(word: str) -> bool:
    return word == _BROKEN or int(word) >= 500


class Watched:
    """Carries a patient's requests and notes them."""

    def __init__(self, record: Record) -> None:
        self._record = record
        self.client: Client = HttpClient()

    def request(self, method: str, url: str, **named: Any) -> Any:
        """Send a request and note what became of it."""
        path = "/" + url.split("/", 3)[3]
        began = time.perf_counter()
        try:
            answer = self.client.request(method, url, **named)
        except (OSError, LookupError, ValueError):  # the line broke, or what came is no answer
            self._record.note_broken(method, path)
            raise
        self._record.note(method, path, answer.status, time.perf_counter() - began)
        return answer


class Patient:
    """Somebody who comes, waits as they are told, and then gives their consent."""

    def __init__(self, site: Site, card: Card, due: float, record: Record) -> None:
        self._entry = site.entry
        self._card = card
        self._came = due
        self._record = record
        self._line = Watched(record)
        self._walker = Walker(self._line, site.environ["ZAITAKU_ORIGIN"])
        self._told: list[Told] = []
        self._steps: Iterator[None] | None = None

    def go(self, client: Client) -> float | None:
        """Do what is due; return in how many seconds to go on, or ``None`` at the end."""
        self._line.client = client
        if self._steps is None:
            return self._knock()
        if next(self._steps, self) is self:
            self._record.done += 1
            return None
        return THINKING_SECONDS

    def _knock(self) -> float:
        answer = self._walker.ask("GET", self._entry)
        if answer.status == _UNAVAILABLE:
            self._listen(answer.data.decode())
            return float(answer.headers["Retry-After"])
        assert answer.status in _SERVED, answer.status
        self._enter()
        return THINKING_SECONDS

    def _listen(self, page: str) -> None:
        said = _SAID.search(page)
        minutes = int(said[1]) if said else int(_SOON in page)
        if minutes:
            self._told.append(Told(time.perf_counter(), minutes * 60.0))
        else:
            self._record.unknown += 1

    def _enter(self) -> None:
        now = time.perf_counter()
        self._steps = self._walker.steps(self._entry, self._card)
        with self._record.lock:
            if self._told or now - self._came > 1:
                self._record.waits.append(now - self._came)
            self._record.told += [(told.seconds, now - told.at) for told in self._told]


class Rush:
    """Patients who come at random, however many are being served."""

    def __init__(self, site: Site, per_second: float, seconds: float) -> None:
        self.record = Record()
        self._lock = Lock()
        self._ends = time.perf_counter() + seconds
        self._queue: list[tuple[float, int, Patient]] = []
        random, cards, due = Random(1), cycle(site.cards), time.perf_counter() + 0.2
        while due < self._ends:
            patient = Patient(site, next(cards), due, self.record)
            heapq.heappush(self._queue, (due, len(self._queue), patient))
            due += random.expovariate(per_second)
        self.record.came = len(self._queue)
        self._number = len(self._queue)

    def run(self) -> None:
        """Let everybody go about it until the time is over."""
        sys.setswitchinterval(_SWITCH_SECONDS)
        threads = [Thread(target=self._lend_hands) for _ in range(HANDS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _lend_hands(self) -> None:
        client = HttpClient()
        while (entry := self._next()) is not None:
            due, patient = entry
            self.record.lateness.append(max(0.0, time.perf_counter() - due))
            try:
                pause = patient.go(client)
            except _ENDED:
                # This one is out; the hand is there for the others.
                client.close()
                with self.record.lock:
                    self.record.gave_up += 1
                continue
            if pause is not None:
                self._come_back(time.perf_counter() + pause, patient)
        client.close()

    def _next(self) -> tuple[float, Patient] | None:
        while (now := time.perf_counter()) < self._ends:
            with self._lock:
                if self._queue and self._queue[0][0] <= now:
                    due, _, patient = heapq.heappop(self._queue)
                    return due, patient
            time.sleep(0.002)
        return None

    def _come_back(self, due: float, patient: Patient) -> None:
        with self._lock:
            self._number += 1
            heapq.heappush(self._queue, (due, self._number, patient))


def capacity(site: Site, journeys: int) -> float:
    """Return how many journeys a second are served when patients come as they are served."""
    cards, lock = cycle(site.cards), Lock()

    def walk(client: Client) -> Iterator[None]:
        with lock:
            card = next(cards)
        yield from Walker(client, site.environ["ZAITAKU_ORIGIN"]).steps(site.entry, card)

    return journeys / Crowd(walk, hands=8).rush(journeys)


def add_nginx(stack: ExitStack, folder: Path, port: int) -> int:
    """Run the shipped nginx on ``port``; return the port that it expects the server at.

    The patients come without TLS: they share the machine that is measured.
    """
    behind = free_port()
    plain = (f"listen 127.0.0.1:{port} ssl http2;", f"listen 127.0.0.1:{port};")
    stack.enter_context(running_nginx(folder, port, [behind, behind], [plain]))
    return behind


def run(
    server: Server, times: float, seconds: float, journeys: int, folder: Path, *, has_nginx: bool
) -> Record:
    """Measure and print; return what happened to everybody."""
    port = free_pair()
    with ExitStack() as stack:
        behind = add_nginx(stack, folder, port) if has_nginx else port
        site = make_site(
            folder,
            origin=f"http://127.0.0.1:{port}",
            database_url=stack.enter_context(postgres_server()).url,
            ephemeral_url=stack.enter_context(redis_server()).url,
            patients=PATIENTS,
        )
        environ = {**site.environ, "ZAITAKU_TRUSTED_PROXIES": str(int(has_nginx))}
        stack.enter_context(
            served(server, "zaitaku.app:from_environment", behind, environ, WORKERS)
        )
        capacity(site, journeys)
        most = capacity(site, journeys)
        rush = Rush(site, most * times, seconds)
        rush.run()
    report(rush.record, most, times, seconds)
    return rush.record


def report(record: Record, most: float, times: float, seconds: float) -> None:
    """Print the table."""
    everything = sorted(second for found in record.served.values() for second in found)
    print(f"capacity {most:.1f} journeys/s; {times:g} times as many came for {seconds:g} s")
    print(
        f"{record.came} came, {record.done} registered,"
        f" {len(record.waits)} from the line were let in, {record.gave_up} could not go on"
    )
    print(f"{'':14}{'served':>8}{'p50 ms':>9}{'p99 ms':>9}{'sent away':>11}  other answers")
    for kind in record.kinds():
        times_ = sorted(record.served.get(kind, ()))
        others = record.others.get(kind, Counter())
        print(
            f"{kind:14}{len(times_):>8}{_ms(times_, 0.5):>9.0f}{_ms(times_, 0.99):>9.0f}"
            f"{record.away[kind]:>11}  "
            + (", ".join(f"{word} ×{count}" for word, count in sorted(others.items())) or "0")
        )
    waiting = sorted(record.waiting_pages)
    print(f"waiting page: {len(waiting)}, p99 {_ms(waiting, 0.99):.0f} ms")
    print(f"patients' own hands were late by {_ms(sorted(record.lateness), 0.99):.0f} ms (p99)")
    print(f"estimates: {len(record.told)} told, {record.unknown} times unknown")
    late = [real - said for said, real in record.told if real > said]
    early = [said - real for said, real in record.told if real <= said]
    print(f"  real wait longer than said: {len(late)}, median by {_median(late):.0f} s")
    print(f"  real wait no longer:        {len(early)}, median by {_median(early):.0f} s")
    print(
        f"served_p99_ms={_ms(everything, 0.99):.0f} journeys_per_s={record.done / seconds:.1f} "
        f"waiting_pages={len(waiting)} wait_s={_median(record.waits):.0f} "
        f"failures={record.failures}"
    )


def _ms(ordered: Sequence[float], part: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))] * 1000 if ordered else 0.0


def _median(values: Sequence[float]) -> float:
    ordered = sorted(values)
    return ordered[len(ordered) // 2] if ordered else 0.0


def main() -> None:
    """Read the options and run."""
    parser = argparse.ArgumentParser(description="five times as many as can be served")
    parser.add_argument("--times", type=float, default=5)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--journeys", type=int, default=60)
    parser.add_argument("--server", type=Server, default=Server.GUNICORN, choices=list(Server))
    parser.add_argument("--nginx", action="store_true", help="with the shipped nginx in front")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        record = run(
            options.server,
            options.times,
            options.seconds,
            options.journeys,
            Path(folder),
            has_nginx=options.nginx,
        )
    sys.exit(record.failures > 0)


if __name__ == "__main__":
    main()
