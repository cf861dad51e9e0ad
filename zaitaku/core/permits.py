"""How many may begin: a journey that is let in brings its other pages later.

A first page is cheap, so a process that let in whoever it has a free moment for would have promised
more than it can keep some minutes later. It therefore measures what one more journey costs in all:
the time that requests spent at work, divided by the people who were let in. That, and the number of
turns that there are, give the rate at which people may come in; turns that come late lower it.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from time import monotonic
from typing import Final

FULL: Final = 0.85
"""Part of all turns that is given away; the rest takes what comes unevenly."""
PRIOR_JOURNEYS: Final = 5.0
PRIOR_SECONDS: Final = 0.1
"""What a journey is taken to cost before any was measured: 25 requests of four milliseconds."""
LEAST_SHARE: Final = 0.2
"""Part of all turns that is given to journeys even when other work would take more."""
MEMORY_SECONDS: Final = 60.0
"""Over so long the cost is measured; older work counts less and less."""
LATE_SECONDS: Final = 0.05
"""A page under way that waited longer for its turn was late."""
LATE_SHARE: Final = 0.02
BURST_SECONDS: Final = 5.0
SMALLEST_BURST: Final = 100.0
"""So many may come at one moment, however slow the machine: a full hall with one poster.

Their other pages are spread over the minutes that people read.
"""
ABSENT_SECONDS: Final = 45.0
"""Who was called and has not come within a few of their page's questions lets others in."""

_SLOWER: Final = 0.85
_FASTER: Final = 0.02
_LEAST: Final = 0.05
_STEP_SECONDS: Final = 1.0


@dataclass
class _Second:
    """What happened since the last reckoning."""

    work: float = 0.0
    other: float = 0.0
    entered: int = 0
    pages: int = 0
    late: int = 0


class Permits:
    """The permits of one process to let people begin; ``turns`` requests are worked on at once."""

    def __init__(self, turns: int, now: Callable[[], float] = monotonic) -> None:
        self._turns = turns
        self._now = now
        self._lock = Lock()
        self._reckoned_at = now()
        self._since = _Second()
        self._work = PRIOR_SECONDS * PRIOR_JOURNEYS
        self._journeys = PRIOR_JOURNEYS
        self._other = 0.0
        self._ease = 1.0
        self._offered = 0.0
        self._permits = self._burst

    @property
    def rate(self) -> float:
        """People a second who may come in, as measured."""
        own = max(FULL * self._turns - self._other / MEMORY_SECONDS, LEAST_SHARE * self._turns)
        return self._ease * own * self._journeys / self._work

    @property
    def _burst(self) -> float:
        return max(SMALLEST_BURST, self.rate * BURST_SECONDS)

    def note(self, *, worked: float, waited: float, is_journey: bool) -> None:
        """Note a request: seconds at work, seconds until its turn (or until it was sent away).

        ``is_journey``: it belongs to one, and not to the console or a program.
        """
        with self._lock:
            if not is_journey:
                self._since.other += worked
                return
            self._since.work += worked
            self._since.pages += 1
            self._since.late += waited > LATE_SECONDS

    def take(self) -> bool:
        """Use a permit if there is one."""
        with self._lock:
            self._reckon()
            if self._permits < 1:
                return False
            self._use()
            return True

    def take_promised(self) -> None:
        """Use a permit that was offered, even if there is none left."""
        with self._lock:
            self._reckon()
            self._use()
            self._offered = max(0.0, self._offered - 1)

    def offer(self, most: int) -> int:
        """Return how many of ``most`` people may be called; they come by ``take_promised``."""
        with self._lock:
            self._reckon()
            offered = max(0, min(most, math.floor(self._permits - self._offered)))
            self._offered += offered
            return offered

    def _use(self) -> None:
        self._permits -= 1
        self._since.entered += 1

    def _reckon(self) -> None:
        now = self._now()
        passed = now - self._reckoned_at
        if passed < _STEP_SECONDS:
            return
        self._reckoned_at = now
        self._measure(math.exp(-passed / MEMORY_SECONDS))
        self._offered *= math.exp(-passed / ABSENT_SECONDS)
        self._permits = min(self._burst, self._permits + self.rate * passed)

    def _measure(self, kept: float) -> None:
        since, self._since = self._since, _Second()
        fading = PRIOR_JOURNEYS * (1 - kept)
        self._work = self._work * kept + since.work + fading * PRIOR_SECONDS
        self._journeys = self._journeys * kept + since.entered + fading
        self._other = self._other * kept + since.other
        if since.late > since.pages * LATE_SHARE:
            self._ease = max(_LEAST, self._ease * _SLOWER)
        else:
            self._ease = min(1.0, self._ease + _FASTER)
