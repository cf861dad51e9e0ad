"""How often something may happen, so that nobody makes the bridge hammer a site or a card."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Final

from zaitaku.cardbridge.trust.failures import TooOften


@dataclass(frozen=True)
class Pace:
    """So many at once, and then one more whenever ``seconds`` have passed."""

    burst: int
    seconds: float


NO_LIMIT: Final = Pace(burst=1, seconds=0)


@dataclass(frozen=True)
class Paces:
    """What a bridge allows; far more than people need, far less than a program could."""

    keys_of_a_site: Pace = Pace(burst=20, seconds=2)
    """Fetching the keys of one site: once for each reading."""
    keys_in_all: Pace = Pace(burst=40, seconds=1)
    proofs: Pace = Pace(burst=20, seconds=1)
    """Sending a proof to one site, the same one again included."""
    pins: Pace = Pace(burst=20, seconds=3)
    """PINs typed, right or wrong: a card stops after three, a pile of cards would not."""


USUAL: Final = Paces()
UNLIMITED: Final = Paces(NO_LIMIT, NO_LIMIT, NO_LIMIT, NO_LIMIT)
"""For measuring."""


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
