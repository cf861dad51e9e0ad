"""How many connections each worker of a web server holds, where all of them can see it.

All workers wait at one door, and whoever is there first takes who comes. A proxy or an app's server
keeps a few connections and sends everything over these: the quickest worker would have most of them
for good, and answers would wait for it while another has nothing to do.
"""

from mmap import mmap
from typing import Final

PLACES: Final = 256
"""Workers that are counted; a parent that has more lets the others take whoever comes."""
MARGIN: Final = 2
"""So far ahead nobody waits: clients that come and go are not to meet a closed door."""
_ABSENT: Final = -1
_WIDTH: Final = 4


class Occupancy:
    """Counts in memory that is shared with every process forked from the one that made it.

    Each worker writes its own count alone. A count that is a moment old costs a moment's wait.
    """

    def __init__(self) -> None:
        self._counts = memoryview(mmap(-1, PLACES * _WIDTH)).cast("i")
        self._free = list(range(PLACES))
        for place in self._free:
            self._counts[place] = _ABSENT

    def enter(self) -> int | None:
        """Return a place for a worker that is about to be forked; ``None``: there is none left."""
        return self._free.pop(0) if self._free else None

    def leave(self, place: int | None) -> None:
        """Take back the place of a worker that is gone, for the next one; again does nothing."""
        if place is not None and place not in self._free:
            self.withdraw(place)
            self._free.append(place)

    def tell(self, place: int | None, connections: int) -> None:
        """Say how many connections a worker holds that would take another."""
        if place is not None:
            self._counts[place] = connections

    def withdraw(self, place: int | None) -> None:
        """Say that a worker takes no more."""
        self.tell(place, _ABSENT)

    def is_ahead(self, connections: int) -> bool:
        """Tell whether some worker that would take another holds fewer by more than ``MARGIN``."""
        return any(_ABSENT < count < connections - MARGIN for count in self._counts.tolist())
