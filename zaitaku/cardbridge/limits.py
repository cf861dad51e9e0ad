"""How often something may happen, so that nobody makes the bridge hammer a site or a card."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Final

from zaitaku.cardbridge.failures import TooOften


@dataclass(frozen=True)
class Pace:
    """So many at once, and then one more whenever ``seconds`` have passed."""

    burst: int
    seconds: float


KEYS_OF_A_SITE: Final = Pace(burst=20, seconds=2)
"""Fetching the keys of one site: once a reading, far more than a patient needs."""
KEYS_IN_ALL: Final = Pace(burst=40, seconds=1)
PROOFS: Final = Pace(burst=10, seconds=2)
"""Sending a proof to one site, the same one again included."""
PINS: Final = Pace(burst=10, seconds=5)
"""Showing a PIN to a card, whichever: a card stops after three, a box of cards would not."""


class Limiter:
    """A token bucket for each name; the clock is seconds that never go back."""

    def __init__(self, pace: Pace, clock: Callable[[], float] = time.monotonic) -> None:
        self._pace = pace
        self._clock = clock
        self._lock = Lock()
        self._full_at: dict[str, float] = {}

    def take(self, name: str = "") -> None:
        """Count one more of ``name``.

        Raises:
            TooOften: it is too soon; nothing is counted.
        """
        with self._lock:
            now = self._clock()
            self._full_at = {one: full for one, full in self._full_at.items() if full > now}
            full = max(self._full_at.get(name, now), now) + self._pace.seconds
            over = full - now - self._pace.burst * self._pace.seconds
            if over > 0:
                raise TooOften(wait=math.ceil(over))
            self._full_at[name] = full
