"""A limit on failed attempts in the short-lived store.

Every attempt is counted before it is looked at, so that many at once cannot slip past the limit;
one that succeeds is given back afterwards. Both numbers belong to one window of the clock and are
forgotten together.
"""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from zaitaku.core.clock import Clock
from zaitaku.core.ephemeral import COUNT_FIELD, EphemeralStore
from zaitaku.core.errors import TooManyAttempts

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Attempt:
    """One attempt that was let through and counted."""

    key: str


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

    def begin(self, subject: str) -> Attempt:
        """Count an attempt of ``subject`` (an address, a name).

        Raises:
            TooManyAttempts: too many have failed; ``retry_after`` is the end of the window.
            StoreUnavailable: the short-lived store is away: nobody is let through uncounted.
        """
        number, into = divmod(self._clock.now() - _EPOCH, self._window)
        digest = hashlib.sha256(subject.encode("utf-8", "surrogatepass")).hexdigest()
        attempt = Attempt(f"{self._kind}:{digest}:{number}")
        begun = self._ephemeral.count(f"{attempt.key}:begun", self._window)
        if begun > self._most and begun - self._given_back(attempt) > self._most:
            raise TooManyAttempts(retry_after=int((self._window - into).total_seconds()))
        return attempt

    def give_back(self, attempt: Attempt) -> None:
        """Take an attempt that succeeded out of the count; call it once for each.

        Raises:
            StoreUnavailable: the short-lived store is away.
        """
        self._ephemeral.count(f"{attempt.key}:succeeded", self._window)

    def _given_back(self, attempt: Attempt) -> int:
        found = self._ephemeral.read(f"{attempt.key}:succeeded")
        return int(found[COUNT_FIELD]) if found else 0
