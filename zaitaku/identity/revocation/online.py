"""A source that is asked over a network: remembered, asked once at a time, left alone when away."""

import logging
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from datetime import datetime, timedelta
from threading import Lock
from typing import Final

from cryptography import x509

from zaitaku.identity.connection import SourceAway
from zaitaku.identity.revocation.answer import AnswerRefused, VerifiedAnswer
from zaitaku.identity.revocation.memory import AnswerMemory
from zaitaku.identity.revocation.source import RevocationStatus

logger = logging.getLogger(__name__)

FAILURES_IN_A_ROW: Final = 5
REST: Final = timedelta(seconds=30)
LONGEST_WAIT: Final = timedelta(seconds=15)
"""How long somebody waits for another's question; the question has its own, shorter bound."""

Ask = Callable[[x509.Certificate, x509.Certificate, datetime], VerifiedAnswer]
"""Asks about a certificate and its issuer; raises ``SourceAway`` or ``AnswerRefused``."""


class Breaker:
    """Leaves a source alone that was away several times in a row.

    Otherwise each patient would wait for a dead address, and each of them would hold a thread of
    the server. After the rest one question goes through; when it is answered, all do.
    """

    def __init__(self, *, failures: int = FAILURES_IN_A_ROW, rest: timedelta = REST) -> None:
        self.failures = failures
        self.rest = rest
        self._failed = 0
        self._rests: tuple[datetime, datetime] | None = None
        self._lock = Lock()

    def enter(self, now: datetime) -> None:
        """Let a question through, or raise ``SourceAway``."""
        with self._lock:
            if self._failed < self.failures or self._rests is None:
                return
            begins, ends = self._rests
            # A clock that was set back must not make the rest longer.
            if begins <= now < ends:
                raise SourceAway("left alone for a while")
            self._rests = (now, now + self.rest)

    def failed(self, now: datetime) -> None:
        """Note that the source was away."""
        with self._lock:
            self._failed += 1
            self._rests = (now, now + self.rest)

    def answered(self) -> None:
        """Note that it answered."""
        with self._lock:
            self._failed = 0
            self._rests = None


class SingleFlight:
    """Of those who ask the same at the same time, one asks and all get the answer."""

    def __init__(self, *, longest: timedelta = LONGEST_WAIT) -> None:
        self.longest = longest
        self._flying: dict[bytes, Future[VerifiedAnswer]] = {}
        self._lock = Lock()

    def run(self, name: bytes, work: Callable[[], VerifiedAnswer]) -> VerifiedAnswer:
        """Do ``work`` unless somebody does it under this ``name``; return or raise its outcome.

        Raises:
            TimeoutError: whoever does it has not come to an end.
        """
        own: Future[VerifiedAnswer] = Future()
        with self._lock:
            flying = self._flying.setdefault(name, own)
        if flying is own:
            self._land(name, own, work)
        return flying.result(self.longest.total_seconds())

    def _land(
        self, name: bytes, own: Future[VerifiedAnswer], work: Callable[[], VerifiedAnswer]
    ) -> None:
        try:
            own.set_result(work())
        except Exception as error:  # noqa: BLE001 - whoever waits gets it, and this caller too
            own.set_exception(error)
        finally:
            # Ended from outside, it still must not keep the others waiting.
            own.cancel()
            with self._lock:
                del self._flying[name]


class Online:
    """A ``RevocationSource`` around a way to ask."""

    def __init__(
        self,
        name: str,
        ask: Ask,
        *,
        memory: AnswerMemory | None = None,
        breaker: Breaker | None = None,
    ) -> None:
        """``name`` stands in the log."""
        self.memory = AnswerMemory() if memory is None else memory
        self._name = name
        self._ask = ask
        self._breaker = breaker or Breaker()
        self._flight = SingleFlight()

    def status(
        self, certificate: x509.Certificate, issuer: x509.Certificate, now: datetime
    ) -> RevocationStatus:
        """Ask, unless the last answer still stands at ``now``.

        ``UNKNOWN`` when the source is away, or its answer is refused or says so.
        """
        remembered = self.memory.recall(certificate, issuer, now)
        if remembered is not None:
            return remembered
        name = self.memory.name(certificate, issuer)
        try:
            answer = self._flight.run(name, lambda: self._asked(certificate, issuer, now))
        except (SourceAway, AnswerRefused, CancelledError) as failure:
            logger.warning("%s: %s: %s", self._name, type(failure).__name__, failure)
            return RevocationStatus.UNKNOWN
        except Exception as failure:  # noqa: BLE001 - a source never raises; its text may be private
            logger.error("%s: %s", self._name, type(failure).__name__)  # noqa: TRY400
            return RevocationStatus.UNKNOWN
        return answer.status

    def _asked(
        self, certificate: x509.Certificate, issuer: x509.Certificate, now: datetime
    ) -> VerifiedAnswer:
        self._breaker.enter(now)
        try:
            answer = self._ask(certificate, issuer, now)
        except SourceAway:
            self._breaker.failed(now)
            raise
        except Exception:
            self._breaker.answered()
            raise
        self._breaker.answered()
        self.memory.keep(certificate, issuer, answer, now)
        return answer
