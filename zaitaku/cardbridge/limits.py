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


SECOND: Final = 1_000_000_000
"""In nanoseconds, which are counted so that nothing is rounded."""


class Limiter:
    """A token bucket for each name; the clock is nanoseconds that never go back."""

    def __init__(self, pace: Pace, clock: Callable[[], int] = time.monotonic_ns) -> None:
        self._step = round(pace.seconds * SECOND)
        self._room = pace.burst * self._step
        self._clock = clock
        self._lock = Lock()
        self._empty_at: dict[str, int] = {}

    def take(self, name: str = "") -> None:
        """Count one more of ``name``.

        Raises:
            TooOften: it is too soon; nothing is counted.
        """
        with self._lock:
            now = self._clock()
            self._empty_at = {one: at for one, at in self._empty_at.items() if at > now}
            empty_at = self._empty_at.get(name, now) + self._step
            over = empty_at - now - self._room
            if over > 0:
                raise TooOften(wait=math.ceil(over / SECOND))
            self._empty_at[name] = empty_at
