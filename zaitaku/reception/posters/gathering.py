"""Adding up what many requests count, so that it is written once a second and not for each."""

import logging
from collections import Counter
from collections.abc import Callable, Hashable, Mapping
from contextlib import suppress
from threading import Event, Lock, Thread
from typing import Final, Generic, TypeVar

log = logging.getLogger(__name__)

SECONDS: Final = 1.0
"""So long what is counted waits for more, where a process serves many."""
LAST_SECONDS: Final = 2.0
"""For so long a process that ends waits for what is being written."""

_Key = TypeVar("_Key", bound=Hashable)


class Gathering(Generic[_Key]):
    """Sums under keys, handed to ``write`` at once, or by a thread that lives while there are any.

    What ``write`` was given is forgotten, whatever became of it.
    """

    def __init__(self, write: Callable[[Mapping[_Key, int]], None]) -> None:
        self._write = write
        self._sums: Counter[_Key] = Counter()
        self._lock = Lock()
        self._waits = False
        self._thread: Thread | None = None
        self._end = Event()

    def wait(self) -> None:
        """Let what is counted from now on wait for more."""
        self._end.clear()
        self._waits = True

    def add(self, key: _Key) -> None:
        """Count one under ``key``."""
        with self._lock:
            self._sums[key] += 1
            waits = self._waits
            if waits and self._thread is None:
                self._begin()
        if not waits:
            self._hand_over(self._taken())

    def close(self) -> None:
        """Hand over what waits; what is counted afterwards does not wait."""
        with self._lock:
            self._waits = False
            thread = self._thread
        self._end.set()
        if thread is not None:
            thread.join(LAST_SECONDS)
        self._hand_over(self._taken())

    def _begin(self) -> None:
        thread = Thread(target=self._go_on, name="gathering", daemon=True)
        with suppress(RuntimeError):  # no thread is to be had: the next count tries again
            thread.start()
            self._thread = thread

    def _go_on(self) -> None:
        while True:
            self._end.wait(SECONDS)
            with self._lock:
                if not self._sums:
                    self._thread = None
                    return
            self._hand_over(self._taken())

    def _taken(self) -> Counter[_Key]:
        with self._lock:
            sums, self._sums = self._sums, Counter()
        return sums

    def _hand_over(self, sums: Counter[_Key]) -> None:
        if not sums:
            return
        try:
            self._write(sums)
        except Exception:
            log.exception("not counted", extra={"count": sums.total()})
