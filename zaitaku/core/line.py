"""The line before the door: first come, first served, over all processes of a deployment.

Two counters in the short-lived store are all that is shared: how many numbers were drawn, and up
to which number people were called. A person's number is in their own browser's signed cookie, so
nothing is kept of anybody. A process whose permits are plentiful does not look at the counters; it
learns of a line from the first who comes with a number. Then it looks once a second.

Each process calls as many as its own permits allow. Nobody says that they leave: so it counts how
many of those who were called come, and calls as many more; and as long as there is room for all who
are known to be there, whoever asks comes in at once, called or not. So a place whose browser never
asks again holds nobody up.

When the store is away there is no line: each process then decides by its own permits alone, and who
is not let in is told to try again. A store that has lost the counters gets them back from whoever
remembers them. Where nobody does, because the processes began anew as well, whoever holds a number
that was never drawn stood in the line that was lost, before everybody in this one.
"""

import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from threading import Lock
from time import monotonic
from typing import Final

from zaitaku.core.ephemeral import COUNT_FIELD, EphemeralStore
from zaitaku.core.errors import StoreUnavailable
from zaitaku.core.permits import Permits

log = logging.getLogger(__name__)

KEPT: Final = timedelta(days=2)
_DRAWN: Final = "line:drawn"
_CALLED: Final = "line:called"
_LOOK_SECONDS: Final = 1.0
_AWAY_SECONDS: Final = 5.0
"""So long nobody asks a store that did not answer."""
_MEASURED_SECONDS: Final = 60.0
_SHORTEST_MEASURE: Final = 5.0
"""What was seen for a shorter time says nothing about how fast the line moves."""

SHORTEST_PAUSE: Final = 5
LONGEST_PAUSE: Final = 30
UNKNOWN_PAUSE: Final = 10
_ASKS: Final = 6
"""So often somebody asks until their turn comes, unless that were too often or too seldom."""
_LATE: Final = 1.5
_LATE_SECONDS: Final = 2.0
"""Who has not asked again after so much more than their pause is not there."""
_RESTORING: Final = timedelta(seconds=3)
"""So long nobody else puts a counter back: each who did would move it once more."""
_LONGEST_SECONDS: Final = 24 * 3600
"""A line that would take longer than this does not move: nobody knows how long it takes."""


@dataclass(frozen=True)
class Place:
    """Where somebody stands in line."""

    number: int | None
    """``None``: the store is away, so there are no numbers."""
    ahead: int = 0
    wait: timedelta | None = None
    """How long it will take as fast as the line moves now; ``None``: nobody knows yet."""

    @property
    def pause(self) -> int:
        """In how many seconds they should ask again."""
        if self.wait is None:
            return UNKNOWN_PAUSE
        return max(SHORTEST_PAUSE, min(LONGEST_PAUSE, int(self.wait.total_seconds() / _ASKS)))


class Line:
    """One process's view of the line; any number of threads may use it."""

    def __init__(
        self,
        *,
        ephemeral: Callable[[], EphemeralStore],
        permits: Permits,
        now: Callable[[], float] = monotonic,
    ) -> None:
        self._ephemeral = ephemeral
        self._permits = permits
        self._now = now
        self._looking = Lock()
        self._look_due = now()
        self._is_away = False
        self._drawn = 0
        self._called = 0
        self._seen: deque[tuple[float, int]] = deque()
        self._there: dict[int, float] = {}
        """Until when whoever holds these numbers should have asked again.

        Only who has shown a number before: a browser that keeps none would be counted each time.
        """

    @property
    def length(self) -> int:
        """How many have drawn a number and were not called yet, as last seen."""
        return max(0, self._drawn - self._called)

    def waiting(self) -> int:
        """Return how many who have waited once are there, of those who asked this process last."""
        self._forget_who_left()
        return len(self._there)

    def knock(self, number: int | None) -> Place | None:
        """Return the place of somebody with ``number`` (``None``: they just came).

        ``None`` lets them in.
        """
        if number is None and not self.length and self._permits.take_plentiful():
            return None
        self._look_when_due()
        if self._is_away:
            return None if self._permits.take() else Place(number)
        if self._let_in(number):
            return None
        if number is not None:
            return self._noted(number)
        drawn = self._draw()
        return Place(None) if drawn is None else self._place(drawn)

    def standing(self, number: int | None) -> Place | None:
        """Return the place of somebody in line without letting them in; ``None``: it is time."""
        self._look_when_due()
        if number is None or self._is_away or self._has_room or self._is_due(number):
            return None
        return self._noted(number)

    def _is_due(self, number: int) -> bool:
        return number <= self._called or self._is_of_lost_line(number)

    def _is_of_lost_line(self, number: int) -> bool:
        if number > self._drawn:  # as last seen: another process may have drawn it since
            try:
                self._drawn = max(self._drawn, self._counted(_DRAWN, self._drawn))
            except StoreUnavailable:
                self._stay_away()
        return number > self._drawn

    def _let_in(self, number: int | None) -> bool:
        if number is not None and number <= self._called:
            is_in = self._permits.take_called()
        elif self.length and not (number and self._is_of_lost_line(number)):
            is_in = self._has_room and self._permits.take()
        else:
            is_in = self._permits.take()
        if is_in and number is not None:
            self._there.pop(number, None)
        return is_in

    @property
    def _has_room(self) -> bool:
        return not self._permits.are_scarce and self._permits.left > len(self._there)

    def _noted(self, number: int) -> Place:
        place = self._place(number)
        self._there[number] = self._now() + place.pause * _LATE + _LATE_SECONDS
        return place

    def _place(self, number: int) -> Place:
        if number <= self._called or number > self._drawn:
            return Place(number, 0, timedelta(0))
        ahead, speed = number - self._called - 1, self._speed()
        is_known = ahead + 1 < speed * _LONGEST_SECONDS
        return Place(number, ahead, timedelta(seconds=(ahead + 1) / speed) if is_known else None)

    def _speed(self) -> float:
        """Return how many people a second were called of late; 0 when that cannot be said."""
        seen = tuple(self._seen)
        if not seen:
            return 0.0
        (first, called), now = seen[0], self._now()
        passed = now - first
        return (self._called - called) / passed if passed >= _SHORTEST_MEASURE else 0.0

    def _draw(self) -> int | None:
        # What was seen before asking is less than any number drawn after it, unless it was lost.
        # What other threads have seen meanwhile says nothing: their answers may have come first.
        known = self._drawn
        try:
            number = self._ephemeral().count(_DRAWN, KEPT)
            if number <= known:
                number = self._restored(_DRAWN, number, known + 1)
        except StoreUnavailable:
            self._stay_away()
            return None
        self._drawn = max(self._drawn, number)
        return number if number > known else None

    def _restored(self, key: str, found: int, known: int) -> int:
        """Put a lost counter back; return where it stands, as far as it is known.

        One does it. Whoever else finds it lost meanwhile leaves it alone and tries again later.
        """
        if not self._ephemeral().create(f"{key}:restored", {"by": "one"}, _RESTORING):
            return found
        now = self._read(key)
        if now >= known:  # another has done it just before
            return found
        return self._ephemeral().count(key, KEPT, known - now)

    def _read(self, key: str) -> int:
        fields = self._ephemeral().read(key)
        return int(fields[COUNT_FIELD]) if fields else 0

    def _look_when_due(self) -> None:
        if self._now() < self._look_due or not self._looking.acquire(blocking=False):
            return
        try:
            self._look_due = self._now() + _LOOK_SECONDS
            self._look()
            self._is_away = False
        except StoreUnavailable:
            self._stay_away()
        finally:
            self._looking.release()

    def _stay_away(self) -> None:
        if not self._is_away:
            log.warning("the line is closed: the short-lived store is away")
        self._is_away = True
        self._look_due = self._now() + _AWAY_SECONDS

    def _look(self) -> None:
        self._drawn = max(self._drawn, self._counted(_DRAWN, self._drawn))
        self._called = max(self._called, self._counted(_CALLED, self._called))
        self._forget_who_left()
        if not self.length:
            self._seen.clear()
            return
        more = self._permits.call(self.length)
        if more:
            self._called = max(self._called, self._ephemeral().count(_CALLED, KEPT, more))
        self._remember()

    def _forget_who_left(self) -> None:
        now = self._now()
        for number in [number for number, until in tuple(self._there.items()) if until < now]:
            self._there.pop(number, None)

    def _counted(self, key: str, known: int) -> int:
        found = self._read(key)
        return self._restored(key, found, known) if found < known else found

    def _remember(self) -> None:
        now = self._now()
        self._seen.append((now, self._called))
        while now - self._seen[0][0] > _MEASURED_SECONDS:
            self._seen.popleft()
