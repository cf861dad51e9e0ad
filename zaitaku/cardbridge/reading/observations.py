"""What a running bridge remembers of its troubles, for whoever is asked to help.

Codes and times only, in memory only: no address, no name, nothing that was typed.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Final

from zaitaku.cardbridge.trust.limits import Paces
from zaitaku.cardbridge.trust.site import PublishedKeys, SiteClient

TROUBLES_KEPT: Final = 10


@dataclass(frozen=True)
class Trouble:
    """One page that told of a trouble."""

    code: str
    """The page's name."""
    at: float
    """Seconds since 1970."""


class Observations:
    """The latest troubles, and how far the site's clock was ahead; safe for several threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._troubles: deque[Trouble] = deque(maxlen=TROUBLES_KEPT)
        self._clock_difference: float | None = None

    def note_trouble(self, code: str, at: float) -> None:
        """Remember a trouble; one that is shown again and again is one, at its latest time."""
        with self._lock:
            if self._troubles and self._troubles[-1].code == code:
                self._troubles.pop()
            self._troubles.append(Trouble(code, at))

    def note_clock(self, difference: float) -> None:
        """Remember by how many seconds the clock of the site that asked last was ahead."""
        with self._lock:
            self._clock_difference = difference

    @property
    def troubles(self) -> tuple[Trouble, ...]:
        """The latest troubles, newest first."""
        with self._lock:
            return tuple(reversed(self._troubles))

    @property
    def clock_difference(self) -> float | None:
        """Seconds by which the site's clock was ahead; None: no site has told."""
        with self._lock:
            return self._clock_difference


class TimedSite(SiteClient):
    """The conversation with the site, with an ear for its clock."""

    def __init__(
        self,
        ca_file: Path | None,
        paces: Paces,
        observations: Observations,
        now: Callable[[], float],
    ) -> None:
        super().__init__(ca_file, paces)
        self._observations = observations
        self._now = now

    def fetch_keys(self, origin: str) -> PublishedKeys:
        """As ``SiteClient.fetch_keys``."""
        published = super().fetch_keys(origin)
        if published.site_time is not None:
            self._observations.note_clock(published.site_time - self._now())
        return published
