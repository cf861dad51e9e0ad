"""The short-lived store: journeys, challenges, sessions, counters. It is never the record.

One small port, two adapters (``ephemeral_sql``, ``ephemeral_redis``) that keep the same contract.
An entry is a flat mapping of strings under a key and dies after its time to live. Each call is one
round trip and atomic.
"""

from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Final, Protocol

Fields = Mapping[str, str]
"""Any text may be a key, a value or, unless it is empty, the name of a field."""

COUNT_FIELD: Final = "count"
"""A counter is an entry whose field of this name holds its decimal digits.

So it can also be read, taken and deleted.
"""


class EphemeralStore(Protocol):
    """What both adapters promise; every method raises ``StoreUnavailable`` when they cannot."""

    def create(self, key: str, fields: Fields, ttl: timedelta) -> bool:
        """Store ``fields`` under ``key`` unless a living entry has it; tell whether it was."""
        ...

    def read(self, key: str) -> Fields | None:
        """Return the living entry's fields, or ``None``."""
        ...

    def merge(self, key: str, fields: Fields, ttl: timedelta) -> Fields | None:
        """Set ``fields`` in a living entry and renew its time to live; return all its fields.

        ``None`` when no entry lives under ``key``: nothing is created then.
        """
        ...

    def take(self, key: str) -> Fields | None:
        """Remove the living entry and return its fields: of many takers exactly one gets it."""
        ...

    def discard(self, key: str, names: Collection[str]) -> None:
        """Remove the fields ``names`` from a living entry; it lives on, as long as before."""
        ...

    def delete(self, key: str) -> None:
        """Remove the entry if there is one."""
        ...

    def count(self, key: str, ttl: timedelta, step: int = 1) -> int:
        """Add ``step`` to a counter and return it; the time to live runs from the first count."""
        ...

    def count_all(self, keys: Mapping[str, timedelta]) -> list[int]:
        """Add one to each counter (with its time to live) and return them, in one round trip.

        Each is atomic by itself, not all together.
        """
        ...

    def close(self) -> None:
        """Give the connections back; the store is not used afterwards."""
        ...
