"""Patients who come, wait and read, and the processes that serve them, by a clock that is moved.

Two processes serve 100 pages a second each; a journey has 25 pages, one every five seconds. People
who wait ask again when their page does, and a part of them goes away.
"""

import heapq
from collections import Counter, defaultdict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random

from zaitaku.blueprints.waiting import BUSY_SECONDS
from zaitaku.core.gate import WAITING
from zaitaku.core.line import Line, Place
from zaitaku.core.permits import PAGES_A_JOURNEY, Permits

TURNS = 4
PAGES_A_SECOND = 100
READING_SECONDS = 5
PROCESSES = 2
CAPACITY = PROCESSES * PAGES_A_SECOND / PAGES_A_JOURNEY
LEAVES = 0.2


class Counters:
    """The counters of a short-lived store."""

    def __init__(self) -> None:
        self.kept: Counter[str] = Counter()

    def count(self, key: str, _: timedelta, step: int = 1) -> int:
        self.kept[key] += step
        return self.kept[key]

    def create(self, key: str, _fields: object, _: timedelta) -> bool:
        return not self.count(key, _) > 1

    def read(self, key: str) -> dict[str, str] | None:
        return {"count": str(self.kept[key])} if key in self.kept else None


@dataclass
class Process:
    """One process: its permits, its line, and the pages that wait for their turn."""

    world: "World"
    pages: deque[float] = field(default_factory=deque)

    def __post_init__(self) -> None:
        self.permits = Permits(TURNS, lambda: self.world.now)
        self.line = Line(
            ephemeral=lambda: self.world.store,  # type: ignore[arg-type,return-value]
            permits=self.permits,
            now=lambda: self.world.now,
        )

    def work(self) -> None:
        """Serve the pages of one second."""
        together = max(1.0, TURNS * min(1.0, len(self.pages) / PAGES_A_SECOND))
        for _ in range(min(PAGES_A_SECOND, len(self.pages))):
            waited = self.world.now - 1 - self.pages.popleft()
            self.world.waited.append(waited)
            self.permits.note(
                worked=together / PAGES_A_SECOND,
                together=together,
                waited=waited,
                is_journey=True,
                is_page=True,
            )


@dataclass
class Person:
    """Somebody who came."""

    came: float
    keeps_cookies: bool = True
    comes_back: bool = True
    number: int | None = field(default=None, init=False)
    told: list[tuple[float, timedelta]] = field(default_factory=list, init=False)


class World:
    """The patients, the processes and the clock."""

    def __init__(self) -> None:
        self.now = 0.0
        self.random = Random(5)
        self.store = Counters()
        self.processes = [Process(self) for _ in range(PROCESSES)]
        self.asking: list[tuple[float, int, Person]] = []
        self.leaves = LEAVES
        self.due: defaultdict[int, int] = defaultdict(int)
        self.waited: list[float] = []
        self.began: list[float] = []
        self.entered: list[tuple[float, float]] = []
        """When each came and when they were let in."""
        self.estimates: list[tuple[float, float]] = []
        self.unknown = 0
        self.came: list[float] = []
        self.asked = 0
        self.sent_away = 0

    def run(self, seconds: int, per_second: float, **habits: bool) -> None:
        """Let ``seconds`` pass in which people of these habits come."""
        for _ in range(seconds):
            for at in self.arrivals(per_second):
                self.came.append(at)
                heapq.heappush(self.asking, (at, len(self.came), Person(at, **habits)))
            while self.asking and self.asking[0][0] < self.now + 1:
                _, order, person = heapq.heappop(self.asking)
                self.ask(order, person)
            for _ in range(self.due.pop(int(self.now), 0)):
                self.ask_page()
            self.now += 1
            for process in self.processes:
                process.work()

    def ask_page(self) -> None:
        process = self.random.choice(self.processes)
        self.asked += 1
        if len(process.pages) < PAGES_A_SECOND + WAITING:
            process.pages.append(self.now)
        else:
            process.permits.note_sent_away()
            self.sent_away += 1
            self.due[int(self.now) + BUSY_SECONDS] += 1

    def arrivals(self, per_second: float) -> Iterator[float]:
        at = self.now + self.random.expovariate(per_second)
        while at < self.now + 1:
            yield at
            at += self.random.expovariate(per_second)

    def ask(self, order: int, person: Person) -> None:
        place = self.random.choice(self.processes).line.knock(person.number)
        if place is None:
            self.enter(person)
            return
        if not person.comes_back or (person.told and self.random.random() < self.leaves / 20):
            return  # away for good
        self.listen(person, place)
        person.number = place.number if person.keeps_cookies else None
        heapq.heappush(self.asking, (self.now + place.pause, order, person))

    def listen(self, person: Person, place: Place) -> None:
        if place.wait is None:
            self.unknown += 1
        else:
            person.told.append((self.now, place.wait))

    def enter(self, person: Person) -> None:
        self.began.append(self.now)
        self.entered.append((person.came, self.now))
        for page in range(PAGES_A_JOURNEY):
            self.due[int(self.now) + 1 + page * READING_SECONDS] += 1
        self.estimates += [(said.total_seconds(), self.now - at) for at, said in person.told]
