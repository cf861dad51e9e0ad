"""A limit on failed attempts in the short-lived store.

Every attempt is counted before it is looked at, so that many at once cannot slip past the limit;
one that succeeds is given back afterwards. Both numbers belong to one window of the clock and are
forgotten together. The numbers stand in ``zaitaku.core.limits``.
"""

import hashlib
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Self

from zaitaku.core.clock import Clock
from zaitaku.core.ephemeral import COUNT_FIELD, EphemeralStore
from zaitaku.core.errors import StoreUnavailable, TooManyAttempts
from zaitaku.core.limits import Limit

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Attempt:
    """One attempt that was let through and counted."""

    key: str


def count_against(
    limits: Mapping[Limit, str],
    *,
    ephemeral: EphemeralStore,
    clock: Clock,
    factor: int = 1,
    refusal: type[TooManyAttempts] = TooManyAttempts,
) -> None:
    """Count one act against each of ``limits`` for its subject; one round trip in all.

    ``factor`` raises all of them.

    Raises:
        TooManyAttempts: (as ``refusal``) a limit was reached before; the act must not be done.
        StoreUnavailable: the short-lived store is away.
    """
    now = clock.now()
    windows = [_window(limit.kind, subject, limit.window, now) for limit, subject in limits.items()]
    keys = {window.key: limit.window for limit, window in zip(limits, windows, strict=True)}
    numbers = ephemeral.count_all(keys)
    ends = [
        window.seconds_left
        for limit, window, number in zip(limits, windows, numbers, strict=True)
        if number > limit.most * factor
    ]
    if ends:
        raise refusal(retry_after=max(ends))


@dataclass(frozen=True)
class _Window:
    key: str
    seconds_left: int


def _window(kind: str, subject: str, length: timedelta, now: datetime) -> _Window:
    number, into = divmod(now - _EPOCH, length)
    digest = hashlib.sha256(subject.encode("utf-8", "surrogatepass")).hexdigest()
    return _Window(f"{kind}:{digest}:{number}", math.ceil((length - into).total_seconds()))


class FailureLimit:
    """At most ``most`` failures (those under way included) of one kind in one window."""

    def __init__(
        self, kind: str, *, most: int, window: timedelta, ephemeral: EphemeralStore, clock: Clock
    ) -> None:
        self._kind = kind
        self._most = most
        self._window = window
        self._ephemeral = ephemeral
        self._clock = clock

    @classmethod
    def of(cls, limit: Limit, *, ephemeral: EphemeralStore, clock: Clock) -> Self:
        """Return the limit that the table describes."""
        return cls(
            limit.kind, most=limit.most, window=limit.window, ephemeral=ephemeral, clock=clock
        )

    def begin(self, subject: str) -> Attempt:
        """Count an attempt of ``subject`` (an address, a name).

        Raises:
            TooManyAttempts: too many have failed; ``retry_after`` is the end of the window.
            StoreUnavailable: the short-lived store is away: nobody is let through uncounted.
        """
        window = _window(self._kind, subject, self._window, self._clock.now())
        attempt = Attempt(window.key)
        begun = self._ephemeral.count(f"{attempt.key}:begun", self._window)
        if begun > self._most and begun - self._given_back(attempt) > self._most:
            raise TooManyAttempts(retry_after=window.seconds_left)
        return attempt

    def give_back(self, attempt: Attempt) -> None:
        """Take an attempt that succeeded out of the count; call it once for each.

        Raises:
            StoreUnavailable: the short-lived store is away.
        """
        self._ephemeral.count(f"{attempt.key}:succeeded", self._window)

    @contextmanager
    def unless_away(self, attempt: Attempt) -> Iterator[None]:
        """Give the attempt back when a store is away meanwhile: nothing was learnt by it.

        Else whoever tries again while it is away would be refused when it is back.
        """
        try:
            yield
        except StoreUnavailable:
            with suppress(StoreUnavailable):
                self.give_back(attempt)
            raise

    def _given_back(self, attempt: Attempt) -> int:
        found = self._ephemeral.read(f"{attempt.key}:succeeded")
        return int(found[COUNT_FIELD]) if found else 0
