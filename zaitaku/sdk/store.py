"""Where a site keeps what lives for minutes: challenges, first proofs, outcomes."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Final, Protocol

from zaitaku.sdk.errors import StoreFull

ENTRY_LIMIT: Final = 10_000


class OnceStore(Protocol):
    """Three steps; ``create`` is atomic over all processes of the site.

    In Redis they are ``SET name value NX PX``, ``GET`` and ``DEL``; in SQL an insert that gives way
    to a living row, a select of a living row and a delete. Values hold consent documents: keep them
    where only the site can read.
    """

    def create(self, name: str, value: str, seconds: float) -> bool:
        """Keep ``value`` for so many seconds unless ``name`` lives; tell whether it was kept."""
        ...

    def read(self, name: str) -> str | None:
        """Return the value that lives under ``name``."""
        ...

    def delete(self, name: str) -> None:
        """Remove what stands under ``name``, if anything does."""
        ...


@dataclass(frozen=True)
class _Entry:
    value: str
    ends: float


class MemoryStore:
    """A store for one process; it forgets everything when the process ends."""

    def __init__(
        self, *, limit: int = ENTRY_LIMIT, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._limit = limit
        self._now = now
        self._lock = Lock()
        self._entries: dict[str, _Entry] = {}

    def create(self, name: str, value: str, seconds: float) -> bool:
        """Keep ``value`` for so many seconds unless ``name`` lives; tell whether it was kept.

        Raises:
            StoreFull: there are as many living entries as there may be.
        """
        with self._lock:
            if self._living(name) is not None:
                return False
            self._make_room()
            self._entries[name] = _Entry(value, self._now() + seconds)
            return True

    def read(self, name: str) -> str | None:
        """Return the value that lives under ``name``."""
        with self._lock:
            entry = self._living(name)
            return entry.value if entry else None

    def delete(self, name: str) -> None:
        """Remove what stands under ``name``, if anything does."""
        with self._lock:
            self._entries.pop(name, None)

    def _living(self, name: str) -> _Entry | None:
        entry = self._entries.get(name)
        return entry if entry is not None and self._now() < entry.ends else None

    def _make_room(self) -> None:
        if len(self._entries) < self._limit:
            return
        now = self._now()
        self._entries = {name: one for name, one in self._entries.items() if now < one.ends}
        if len(self._entries) >= self._limit:
            raise StoreFull
