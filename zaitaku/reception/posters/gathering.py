"""Adding up what many requests count, so that it is written once a second and not for each."""

from collections import Counter
from collections.abc import Callable, Hashable, Mapping
from threading import Event, Lock, Thread
from typing import Final, Generic, TypeVar

SECONDS: Final = 1.0
"""So long what is counted waits for more, where a process serves many."""

_Key = TypeVar("_Key", bound=Hashable)


class Gathering(Generic[_Key]):
    """Sums under keys, handed to ``write`` at once, or by a thread that lives while there are any.

    ``write`` raises nothing that its caller expects; what it was given is forgotten either way.
    """

    def __init__(self, write: Callable[[Mapping[_Key, int]], None]) -> None:
        self._write = write
        self._sums: Counter[_Key] = Counter()
        self._lock = Lock()
        self._waits = False
        self._is_under_way = False
        self._end = Event()

    def wait(self) -> None:
        """Let what is counted from now on wait for more."""
        self._waits = True

    def add(self, key: _Key) -> None:
        """Count one under ``key``."""
        with self._lock:
            self._sums[key] += 1
            begins = self._waits and not self._is_under_way
            self._is_under_way |= begins
        if not self._waits:
            self._hand_over()
        elif begins:
            Thread(target=self._go_on, name="gathering", daemon=True).start()

    def close(self) -> None:
        """Hand over what waits; what is counted afterwards does not wait."""
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
            sums, self._sums = self._sums, Counter()
        if sums:
            self._write(sums)
        return bool(sums)
