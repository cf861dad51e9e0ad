"""How many requests a process works on at the same time, and who goes first when more come.

A few at once are as fast as many: they share one interpreter. So the others wait here, where it is
seen how many they are and who they are, and not in the server's own queue, where they would all
grow slow together. The place of who waits may be taken by somebody more urgent, and nobody waits
for longer than their rank allows: whoever cannot be served soon is told so at once.
"""

from collections import deque
from dataclasses import dataclass, field
from enum import IntEnum
from threading import Lock
from typing import Final


class Rank(IntEnum):
    """What a request is for, the most urgent first."""

    REGISTERING = 0
    """The card has signed: all that is left is to keep it and to say so."""
    UNDER_WAY = 1
    """A page of a journey that has begun."""
    CONSOLE = 2
    ENTERING = 3
    """Somebody who has not begun."""


ACTIVE: Final = 4
"""Requests that a process works on at once; they also wait for stores, so more than one."""
WAITING: Final = 16
"""More would wait longer than they may at five milliseconds each."""
THREADS: Final = 32
"""Threads that a server should give a process: more than work and wait together, so that who is
turned away never waits for a thread."""
SMALL_BODY_BYTES: Final = 64 * 1024
"""A body of at most this length is there before a server gives its request to a thread."""
READING: Final = THREADS // 4
"""Threads of a process that may wait for larger bodies at the same time."""
SENDING: Final = THREADS - ACTIVE - WAITING
"""Threads of a process that may wait for clients to take their answers at the same time."""

PATIENCE_SECONDS: Final = {
    Rank.REGISTERING: 2.0,
    Rank.UNDER_WAY: 0.2,
    Rank.CONSOLE: 0.2,
    Rank.ENTERING: 0.2,
}
"""How long each rank waits at most for its turn.

Nobody but a registration waits so long that, with the work itself, it could take 300 ms.
"""
_KEPT_FREE: Final = {Rank.REGISTERING: 0, Rank.UNDER_WAY: 0, Rank.CONSOLE: 2, Rank.ENTERING: 1}
"""Turns that a rank leaves to those before it; a long export holds no patient up."""
ASIDE: Final = 4
"""Requests that may stand aside at the same time: each may hold a connection to the database, of
which a process has fifteen."""
ASIDE_SECONDS: Final = 2.0
"""Who stands aside goes on after this time, turn or not: long work is done some day in any rush."""
_FOR_OTHERS: Final = 4
"""Each fourth turn goes to a page under way first, and registrations have half of the places at
most: however many requests look like one, nobody who is under way is shut out."""
_IN_ORDER: Final = tuple(Rank)
_OTHERS_FIRST: Final = (Rank.UNDER_WAY, Rank.REGISTERING, Rank.CONSOLE, Rank.ENTERING)


@dataclass(frozen=True)
class GateState:
    """How full a gate is now, and how often it has turned somebody away."""

    active: int
    waiting: int
    turned_away: tuple[int, ...]
    """Since the start, by rank."""


@dataclass(eq=False)
class _Waiter:
    rank: Rank
    turn: Lock = field(default_factory=Lock)
    is_admitted: bool = False

    def __post_init__(self) -> None:
        self.turn.acquire()


class Gate:
    """Lets in at most ``active`` at a time; at most ``waiting`` wait, by rank and then in order."""

    def __init__(self, active: int = ACTIVE, waiting: int = WAITING) -> None:
        self._active = active
        self._most_waiting = waiting
        self._free = active
        self._waiting = 0
        self._given = 0
        self._aside = 0
        self._lock = Lock()
        self._queues: tuple[deque[_Waiter], ...] = tuple(deque() for _ in Rank)
        self._turned_away = [0 for _ in Rank]

    def enter_at_once(self, rank: Rank) -> bool:
        """Take a turn if one is free for ``rank``. If so, ``leave`` must be called once."""
        with self._lock:
            return self._takes_free(rank)

    def enter(self, rank: Rank) -> bool:
        """Wait for a turn; tell whether it came. If so, ``leave`` must be called once."""
        with self._lock:
            if self._takes_free(rank):
                return True
            waiter = self._queue_up(rank)
        return waiter is not None and self._await(waiter, PATIENCE_SECONDS[rank])

    def leave(self) -> None:
        """Give the turn back: the next in line takes it."""
        with self._lock:
            self._free += 1
            self._hand_on()

    def give_way(self, rank: Rank) -> None:
        """Let who waits for this turn have it, and wait a little for another one.

        Long work does so between its parts. Where nobody waits, or too many stand aside already,
        it goes on at once. If no turn came in time, or others needed the place in the queue, it
        goes on as one more: there may be so many more at work as stand aside.
        """
        with self._lock:
            if not self._waiting or self._aside >= ASIDE:
                return
            self._free += 1
            if not self._hand_on():
                self._free -= 1
                return
            waiter = self._wait_behind(rank)
            self._aside += 1
        has_turn = self._await(waiter, ASIDE_SECONDS)
        with self._lock:
            self._aside -= 1
            self._free -= not has_turn

    @property
    def active(self) -> int:
        """How many are at work."""
        return self._active - self._free

    def state(self) -> GateState:
        """Return how things stand."""
        with self._lock:
            return GateState(self._active - self._free, self._waiting, tuple(self._turned_away))

    def _takes_free(self, rank: Rank) -> bool:
        is_free = self._free > _KEPT_FREE[rank]
        self._free -= is_free
        return is_free

    def _queue_up(self, rank: Rank) -> _Waiter | None:
        if rank is Rank.REGISTERING and self._is_half_registering():
            self._turned_away[rank] += 1
            return None
        if self._waiting >= self._most_waiting and not self._make_room(rank):
            self._turned_away[rank] += 1
            return None
        return self._wait_behind(rank)

    def _wait_behind(self, rank: Rank) -> _Waiter:
        waiter = _Waiter(rank)
        self._queues[rank].append(waiter)
        self._waiting += 1
        return waiter

    def _hand_on(self) -> bool:
        """Give a turn that is free to the next in line; tell whether somebody took it."""
        waiter = self._next()
        if waiter is None:
            return False
        self._free -= 1
        waiter.is_admitted = True
        waiter.turn.release()
        return True

    def _is_half_registering(self) -> bool:
        return 2 * len(self._queues[Rank.REGISTERING]) >= self._most_waiting

    def _make_room(self, rank: Rank) -> bool:
        """Send away the last of the least urgent, if they are less urgent than ``rank``."""
        for lower in reversed(Rank):
            if lower <= rank:
                return False
            if self._queues[lower]:
                self._remove(self._queues[lower].pop())
                return True
        return False

    def _remove(self, waiter: _Waiter) -> None:
        self._waiting -= 1
        self._turned_away[waiter.rank] += 1
        waiter.turn.release()

    def _next(self) -> _Waiter | None:
        is_for_others = self._given % _FOR_OTHERS == _FOR_OTHERS - 1
        for rank in _OTHERS_FIRST if is_for_others else _IN_ORDER:
            if self._queues[rank] and self._free > _KEPT_FREE[rank]:
                self._waiting -= 1
                self._given += 1
                return self._queues[rank].popleft()
        return None

    def _await(self, waiter: _Waiter, seconds: float) -> bool:
        if not waiter.turn.acquire(timeout=seconds):
            with self._lock:
                # The turn may have come at the very end.
                if waiter in self._queues[waiter.rank]:
                    self._queues[waiter.rank].remove(waiter)
                    self._remove(waiter)
        return waiter.is_admitted
