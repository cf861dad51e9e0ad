"""What many requests leave to be done later: together, once a second, and in nobody's way."""

from collections import deque
from collections.abc import Callable, Sequence
from threading import Event, Lock, Thread
from typing import Final, Generic, TypeVar

SECONDS: Final = 1.0
"""So long what was left waits for more, where a process serves many."""
MOST: Final = 10_000
"""What waits at most; then the oldest is forgotten. It comes to that when a store hangs."""

_Item = TypeVar("_Item")


class Gathering(Generic[_Item]):
    """Items for ``do``, at once, or by a thread that lives while there are any.

    ``do`` raises nothing that its caller expects; what it was given is forgotten either way.
    """

    def __init__(self, do: Callable[[Sequence[_Item]], None]) -> None:
        self._do = do
        self._items: deque[_Item] = deque(maxlen=MOST)
        self._lock = Lock()
        self._waits = False
        self._is_under_way = False
        self._end = Event()

    def wait(self) -> None:
        """Let what is left from now on wait for more."""
        self._waits = True

    def add(self, item: _Item) -> None:
        """Leave an item."""
        with self._lock:
            self._items.append(item)
            begins = self._waits and not self._is_under_way
            self._is_under_way |= begins
        if not self._waits:
            self._hand_over()
        elif begins:
            Thread(target=self._go_on, name="gathering", daemon=True).start()

    def close(self) -> None:
        """Have done what waits; what is left afterwards does not wait."""
        self._waits = False
        self._end.set()
        self._hand_over()

    def _go_on(self) -> None:
        try:
            while not self._end.wait(SECONDS) and self._hand_over():
                continue
        finally:
            with self._lock:
                self._is_under_way = False

    def _hand_over(self) -> bool:
        with self._lock:
            items = list(self._items)
            self._items.clear()
        if items:
            self._do(items)
        return bool(items)
