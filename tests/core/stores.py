"""The adapters of the short-lived store as one kind of thing, so that one suite fits them all."""

from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Barrier
from typing import TypeVar

from redis import Redis

from zaitaku.core.clock import JST, FixedClock
from zaitaku.core.ephemeral import EphemeralStore, Fields
from zaitaku.core.ephemeral_open import open_ephemeral
from zaitaku.core.errors import StoreUnavailable

NOW = datetime(2026, 11, 20, 10, 0, tzinfo=JST)
HOUR = timedelta(hours=1)
THREADS = 16

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class StoreCase:
    """One adapter on a real store, with a way to let time go by in it."""

    url: str
    store: EphemeralStore
    pass_time: Callable[[timedelta], None]


def sql_case(url: str) -> StoreCase:
    """Open the SQL adapter under a clock of its own."""
    clock = FixedClock(NOW)
    return StoreCase(url, open_ephemeral(url, clock), clock.advance)


def redis_case(url: str) -> StoreCase:
    """Open the Redis adapter; as time goes by, every key's time to live is shortened."""

    def pass_time(step: timedelta) -> None:
        with Redis.from_url(url) as client:
            for key in client.scan_iter():
                client.pexpire(key, client.pttl(key) - step // timedelta(milliseconds=1))

    return StoreCase(url, open_ephemeral(url, FixedClock(NOW)), pass_time)


def all_at_once(act: Callable[[int], Answer], threads: int = THREADS) -> list[Answer]:
    """Run ``act`` in many threads that start together; return what each answered."""
    barrier = Barrier(threads)

    def wait_and_act(number: int) -> Answer:
        barrier.wait()
        return act(number)

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(wait_and_act, range(threads)))


def take_each(url: str, keys: list[str]) -> list[str]:
    """Take every key and return those that were had (runs in a process of its own)."""
    store = open_ephemeral(url, FixedClock(NOW))
    taken = [key for key in keys if store.take(key) is not None]
    store.close()
    return taken


def create_each(url: str, keys: list[str]) -> list[str]:
    """Create every key and return those that were new (runs in a process of its own)."""
    store = open_ephemeral(url, FixedClock(NOW))
    created = [key for key in keys if store.create(key, {"n": "1"}, HOUR)]
    store.close()
    return created


def count_often(url: str, key: str, times: int) -> list[int]:
    """Count ``times`` times and return each number (runs in a process of its own)."""
    store = open_ephemeral(url, FixedClock(NOW))
    numbers = [store.count(key, HOUR) for _ in range(times)]
    store.close()
    return numbers


def merge_often(url: str, key: str, names: list[str]) -> int:
    """Merge one field after another and return how many are there (in a process of its own)."""
    store = open_ephemeral(url, FixedClock(NOW))
    seen = [len(store.merge(key, {name: "1"}, HOUR) or {}) for name in names]
    store.close()
    return seen[-1]


class AwayStore:
    """A short-lived store that nobody can reach."""

    def count(self, key: str, ttl: timedelta, step: int = 1) -> int:
        raise StoreUnavailable("away")

    def count_all(self, keys: Mapping[str, timedelta]) -> list[int]:
        raise StoreUnavailable("away")

    def create(self, key: str, fields: Fields, ttl: timedelta) -> bool:
        raise StoreUnavailable("away")

    def read(self, key: str) -> Fields | None:
        raise StoreUnavailable("away")

    def merge(self, key: str, fields: Fields, ttl: timedelta) -> Fields | None:
        raise StoreUnavailable("away")

    def take(self, key: str) -> Fields | None:
        raise StoreUnavailable("away")

    def discard(self, key: str, names: Collection[str]) -> None:
        raise StoreUnavailable("away")

    def delete(self, key: str) -> None:
        raise StoreUnavailable("away")

    def close(self) -> None:
        """There is nothing to close."""
