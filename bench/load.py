"""Patients at the same time: as fast as they are served, or coming whether or not they are."""

import heapq
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from random import Random
from threading import Lock, Thread
from typing import Any, Final

from bench.http import HttpClient
from bench.walker import Client

THINKING_SECONDS: Final = 0.25
"""How long a patient reads a page; longer would only mean more of them at the same time."""
_SWITCH_SECONDS: Final = 0.0005
"""The threads of one process wait for each other; they shall not wait long."""
_IDLE_SECONDS: Final = 0.01


class TimedClient(HttpClient):
    """Notes how long each answer took, from the moment at which the request was due."""

    def __init__(self) -> None:
        super().__init__()
        self.due: float | None = None
        self.seconds: list[float] = []

    def request(self, *arguments: Any, **named: Any) -> Any:
        """Send a request and note its time."""
        began = self.due or time.perf_counter()
        self.due = None
        try:
            return super().request(*arguments, **named)
        finally:
            self.seconds.append(time.perf_counter() - began)


Walk = Callable[[Client], Iterator[None]]
"""A patient's way, which stops wherever its patient reads."""


@dataclass
class Crowd:
    """Threads that lend their hands to patients."""

    walk: Walk
    hands: int
    clients: list[TimedClient] = field(default_factory=list)
    failures: list[BaseException] = field(default_factory=list)

    def rush(self, journeys: int) -> float:
        """Walk ``journeys`` as fast as they are served; return how many seconds that took."""
        left = iter(range(journeys))
        lock = Lock()

        def work(client: TimedClient) -> None:
            while True:
                with lock:
                    if next(left, None) is None:
                        return
                for _ in self.walk(client):
                    continue

        return self._together(work)

    def arrive(self, per_second: float, seconds: float) -> float:
        """Let journeys begin at random, ``per_second`` of them; a late answer delays no arrival.

        A page is asked for when its patient has read the one before; the time that it waits for a
        free hand counts as the server's.
        """
        began = time.perf_counter() + 0.2
        random = Random(1)
        due = began
        waiting: list[_Entry] = []
        while due < began + seconds:
            due += random.expovariate(per_second)
            waiting.append((due, len(waiting), None))
        queue = _Queue(waiting)

        def work(client: TimedClient) -> None:
            while (entry := queue.next()) is not None:
                due, number, way = entry
                time.sleep(max(0.0, due - time.perf_counter()))
                client.due = due
                way = way or _Way(self.walk)
                goes_on = way.go(client)
                queue.give_back((time.perf_counter() + THINKING_SECONDS, number, way), goes_on)

        return self._together(work)

    def latencies(self) -> list[float]:
        """Return the seconds of every answer so far, sorted."""
        return sorted(second for client in self.clients for second in client.seconds)

    def _together(self, work: Callable[[TimedClient], None]) -> float:
        self.clients = [TimedClient() for _ in range(self.hands)]
        threads = [Thread(target=self._guarded, args=(work, client)) for client in self.clients]
        sys.setswitchinterval(_SWITCH_SECONDS)
        began = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if self.failures:
            raise self.failures[0]
        return time.perf_counter() - began

    def _guarded(self, work: Callable[[TimedClient], None], client: TimedClient) -> None:
        try:
            work(client)
        except (AssertionError, OSError) as error:
            self.failures.append(error)
        finally:
            client.close()


class _Way:
    """A patient under way, whoever's hands and line are used."""

    def __init__(self, walk: Walk) -> None:
        self._line = _Line()
        self._steps = walk(self._line)

    def go(self, client: Client) -> bool:
        """Go on to the next page; tell whether there is more to do."""
        self._line.client = client
        return next(self._steps, self) is not self


class _Line:
    """Whatever client a patient has at the moment."""

    client: Client

    def request(self, *arguments: Any, **named: Any) -> Any:
        """Send a request by the present client."""
        return self.client.request(*arguments, **named)


_Entry = tuple[float, int, _Way | None]


class _Queue:
    """Who is due next; it ends when nobody is left."""

    def __init__(self, waiting: list[_Entry]) -> None:
        self._waiting = waiting
        self._under_way = 0
        self._lock = Lock()

    def next(self) -> _Entry | None:
        """Return who is due first, or ``None`` when all have come to their end."""
        while True:
            with self._lock:
                if self._waiting:
                    self._under_way += 1
                    return heapq.heappop(self._waiting)
                if not self._under_way:
                    return None
            time.sleep(_IDLE_SECONDS)

    def give_back(self, entry: _Entry, goes_on: bool) -> None:
        """Take back who was handed out, and hand them out again when they go on."""
        with self._lock:
            self._under_way -= 1
            if goes_on:
                heapq.heappush(self._waiting, entry)
