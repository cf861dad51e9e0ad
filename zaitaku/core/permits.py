"""How many may begin: a journey that is let in brings its other pages later.

A first page is cheap, so a process that let in whoever it has a free moment for would have promised
more than it can keep some minutes later. So it measures what a page costs, takes a journey for as
many pages as the longest usual way has, and lets people in at the rate at which all their pages can
be served. A page costs the time at work, divided by how many were at work beside it: that is the
same for one after the other and for all at once where they wait for each other, and too much, never
too little, where they wait for a store. Pages that come late lower the rate, though slowly: what is
let in now is felt minutes later. Idle turns while people wait, because pages only wait for stores
or because others gave up on their way, raise it.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from time import monotonic
from typing import Final

FULL: Final = 0.85
"""Part of the time that is given away; the rest takes what comes unevenly."""
LEAST_SHARE: Final = 0.2
"""Part of the time that is given to journeys even when other work would take more."""
IDLE: Final = 0.6
"""With a smaller part of the turns at work while people wait, more may come in."""
PAGES_A_JOURNEY: Final = 25
"""Requests from the first page to the receipt (``python -m bench.journey`` counts them)."""
PRIOR_PAGES: Final = 50.0
PRIOR_SECONDS: Final = 0.002
"""What a page is taken to cost before many were measured."""
MEMORY_SECONDS: Final = 60.0
"""Over so long the cost is measured; older work counts less and less."""
LATE_SECONDS: Final = 0.05
"""A page under way that waited longer for its turn was late."""
LATE_SHARE: Final = 0.1
BURST_SECONDS: Final = 5.0
SMALLEST_BURST: Final = 50.0
"""So many may come at one moment, however slow the machine: a full hall with one poster.

Their other pages are spread over the minutes that people read.
"""
ABSENT_SECONDS: Final = 20.0
"""Who was called and has not come after a few of their page's questions lets others in."""
LEAST_COMING: Final = 0.02
"""So small a part of those who are called is still expected when nobody has come."""
PRIOR_CALLED: Final = 10.0
"""So many are taken to have been called, and to have come, before many were."""

_SLOWER: Final = 0.98
_FASTER: Final = 0.01
_FURTHER: Final = 0.002
_LEAST: Final = 0.3
_MOST: Final = 3.0
_STEP_SECONDS: Final = 1.0


@dataclass
class _Seen:
    """What happened, in seconds of work and numbers of requests."""

    work: float = 0.0
    """Of pages, shared among those at work."""
    pages: float = 0.0
    other: float = 0.0
    turns: float = 0.0
    """Of all requests, not shared."""
    expected: float = 0.0
    """Pages of which it is known whether they were late."""
    late: float = 0.0
    refused: bool = False

    def faded(self, kept: float, later: "_Seen") -> "_Seen":
        """Return what counts of this, and of all of ``later``."""
        return _Seen(
            work=self.work * kept + later.work,
            pages=self.pages * kept + later.pages,
            other=self.other * kept + later.other,
            turns=self.turns * kept + later.turns,
        )


class Permits:
    """The permits of one process to let people begin; ``turns`` requests are worked on at once."""

    def __init__(self, turns: int, now: Callable[[], float] = monotonic) -> None:
        self._turns = turns
        self._now = now
        self._lock = Lock()
        self._reckoned_at = now()
        self._since = _Seen()
        self._past = _Seen()
        self._ease = 1.0
        self._called = 0.0
        """People who were called and may come any moment."""
        self._expected = 0.0
        """How many of them were thought to come when they were called, and have not."""
        self._came = 0.0
        self._missed = 0.0
        self._permits = self._burst

    @property
    def rate(self) -> float:
        """People a second who may come in, as measured."""
        busy = self._past.other / MEMORY_SECONDS
        return self._ease * max(FULL - busy, LEAST_SHARE) / (self._page() * PAGES_A_JOURNEY)

    @property
    def are_scarce(self) -> bool:
        """Whether less than half of what may come at one moment is left."""
        return self._permits < self._burst / 2

    @property
    def left(self) -> int:
        """How many there are."""
        return math.floor(self._permits)

    @property
    def _coming(self) -> float:
        """Which part of the people who are called comes, as of late."""
        came = self._came + PRIOR_CALLED
        return max(LEAST_COMING, came / (came + self._missed))

    @property
    def _burst(self) -> float:
        return max(SMALLEST_BURST, self.rate * BURST_SECONDS)

    def note(
        self, *, worked: float, together: float, waited: float, is_journey: bool, is_page: bool
    ) -> None:
        """Note a request: seconds at work, how many were at work with it, seconds until its turn.

        ``together`` counts itself: it is 1 at least.
        ``is_journey``: it belongs to one, and not to the console or a program; ``is_page``: to one
        that has begun.
        """
        with self._lock:
            since = self._since
            since.turns += worked
            if is_journey:
                since.work += worked / together
                since.pages += 1
            else:
                since.other += worked / together
            since.expected += is_page
            since.late += is_page and waited > LATE_SECONDS

    def note_sent_away(self) -> None:
        """Note that somebody who had begun was not served."""
        with self._lock:
            self._since.expected += 1
            self._since.late += 1

    def note_further(self, worked: float) -> None:
        """Note what was done after a journey's page was sent, in seconds."""
        with self._lock:
            self._since.work += worked

    def take(self) -> bool:
        """Use a permit if there is one."""
        with self._lock:
            self._reckon()
            if self._permits < 1:
                self._since.refused = True
                return False
            self._permits -= 1
            return True

    def take_plentiful(self) -> bool:
        """Use a permit if they are not scarce."""
        return not self.are_scarce and self.take()

    def take_called(self) -> bool:
        """Use a permit for somebody who was called, if there is one."""
        if not self.take():
            return False
        with self._lock:
            self._called = max(0.0, self._called - 1)
            self._expected = max(0.0, self._expected - 1)
            self._came += 1
        return True

    def call(self, most: int) -> int:
        """Return how many of ``most`` people may be called, of whom some may not come.

        Those who come use ``take_called``. Who does not come soon is counted as missed: so the
        more of them have left, the more are called.
        """
        with self._lock:
            self._reckon()
            coming = self._coming
            free = self._permits - min(self._expected, self._called * coming)
            called = max(0, min(most, math.floor(free / coming)))
            self._since.refused |= called < most
            self._called += called
            self._expected += called * coming
            return called

    def _reckon(self) -> None:
        now = self._now()
        passed = now - self._reckoned_at
        if passed < _STEP_SECONDS:
            return
        self._reckoned_at = now
        since, self._since = self._since, _Seen()
        kept = math.exp(-passed / MEMORY_SECONDS)
        self._past = self._past.faded(kept, since)
        self._ease = self._eased(since)
        self._miss(passed, kept)
        self._permits = min(self._burst, self._permits + self.rate * passed)

    def _miss(self, passed: float, kept: float) -> None:
        hoped = math.exp(-passed / ABSENT_SECONDS)
        self._missed = self._missed * kept + self._called * (1 - hoped)
        self._called *= hoped
        self._expected *= hoped
        self._came *= kept

    def _page(self) -> float:
        past = self._past
        return (past.work + PRIOR_PAGES * PRIOR_SECONDS) / (past.pages + PRIOR_PAGES)

    def _eased(self, since: _Seen) -> float:
        if since.late > since.expected * LATE_SHARE:
            return max(_LEAST, self._ease * _SLOWER)
        if self._ease < 1:
            return min(1.0, self._ease + _FASTER)
        at_work = self._past.turns / (MEMORY_SECONDS * self._turns)
        is_idle = since.refused and at_work < IDLE
        return min(_MOST, self._ease + _FURTHER) if is_idle else max(1.0, self._ease - _FASTER)
