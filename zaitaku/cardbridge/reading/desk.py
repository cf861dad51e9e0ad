"""The one reading that a bridge does at a time, and the memory of those it did.

A reading begins with a verified request, is shown, takes PINs until one is right, keeps the proof
until the site has taken it, and ends with the address to go back to.

Whoever comes again with the same request, after a browser or a network that failed, finds the
reading as far as it has got: a proof that is not sent yet is sent without another PIN, and the way
back leads to the site with the same code. Both live in memory only, because a proof holds the
patient's certificate. A bridge that was started anew asks for the PIN once more; whether a
challenge was answered before is for the site to judge, which takes one proof for each.
"""

import math
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock
from typing import Final

from zaitaku import wire
from zaitaku.cardbridge.reading.pagestate import PageState
from zaitaku.cardbridge.trust.failures import ReadingGone, RequestExpired, RequestUsed
from zaitaku.cardbridge.trust.requests import CANCELLED, LEEWAY_SECONDS, VerifiedRequest

IDLE_SECONDS: Final = 20
"""A reading that nobody touched for so long may be given up in favour of another."""
MEMORY_SECONDS: Final = 3600
"""For so long after its end a reading's page still knows the way back to the site."""
NAME_BYTES: Final = 16


class BridgeOccupied(Exception):
    """Another reading is under way; ``wait`` says after how many seconds it may be given up."""

    def __init__(self, wait: int) -> None:
        super().__init__(wait)
        self.wait = wait


class ReadingWorks(Exception):
    """The card, or the sending of its proof, is still at work on this reading."""


def _new_name() -> str:
    return secrets.token_urlsafe(NAME_BYTES)


@dataclass(eq=False)
class Reading:
    """One reading; ``work`` is held while the card or the site is being spoken to."""

    asked: VerifiedRequest
    language: str
    touched: float
    """When somebody last attended to it, in seconds since 1970."""
    id: str = field(default_factory=_new_name, repr=False)
    token: str = field(default_factory=_new_name, repr=False)
    """Every form of this reading's pages carries it."""
    turn: int = 0
    """Counts the PINs shown to the card, so that a form that is sent twice is one try."""
    pages: PageState = field(default_factory=PageState, repr=False)
    """How it is shown, and what its latest form brought."""
    proof: wire.CardProof | None = field(default=None, repr=False)
    """Kept from the signature until the site has answered."""
    back: str | None = field(default=None, repr=False)
    """Where the browser goes; set when the reading is over."""
    is_done: bool = False
    """The site has taken the proof."""
    work: Lock = field(default_factory=Lock, repr=False)

    @property
    def request(self) -> wire.CardRequest:
        """What the site asked for."""
        return self.asked.request

    @property
    def deadline(self) -> float:
        """When the request is no longer live, in seconds since 1970."""
        return self.asked.ends_at

    def is_open(self, now: float) -> bool:
        """Tell whether there is still something to do."""
        return self.back is None and now <= self.deadline

    def seconds_to_wait(self, now: float) -> int:
        """Return in how many seconds it counts as left alone."""
        if self.work.locked():
            return IDLE_SECONDS
        return max(0, math.ceil(self.touched + IDLE_SECONDS - now))


class Desk:
    """Holds at most one open reading, and for a while those that are over."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._readings: dict[str, Reading] = {}
        self._used: dict[tuple[str, str], float] = {}

    def open(self, asked: VerifiedRequest, *, language: str, now: float) -> Reading:
        """Begin a reading, or return the one in which the same request was or will be answered.

        Raises:
            RequestUsed: the card was already read for it, and the proof is not wanted any more.
            BridgeOccupied: another reading is under way.
        """
        with self._lock:
            self._sweep(now)
            current = self._current(now)
            begun = self._begun(asked, current)
            if begun is not None:
                begun.touched = now
                return begun
            self._check_free(asked, current, now)
            reading = Reading(asked, language, now)
            self._readings[reading.id] = reading
            return reading

    def find(self, reading_id: str, now: float, *, attends: bool = True) -> Reading:
        """Return a reading by its name and, with ``attends``, note that somebody attends to it.

        Raises:
            ReadingGone: there is none.
            RequestExpired: it ran out of time.
        """
        with self._lock:
            self._sweep(now)
            reading = self._readings.get(reading_id)
            if reading is None:
                raise ReadingGone
            check_live(reading, now)
            if attends:
                reading.touched = now
            return reading

    @contextmanager
    def work_on(self, reading: Reading, *, patience: float) -> Iterator[None]:
        """Hold ``reading`` for card work or sending; nothing takes its place meanwhile.

        Raises:
            ReadingWorks: somebody else still held it after ``patience`` seconds.
            ReadingGone: another reading has taken its place.
        """
        if not reading.work.acquire(timeout=patience):
            raise ReadingWorks
        try:
            self._check_kept(reading)
            yield
        finally:
            reading.work.release()

    def _check_kept(self, reading: Reading) -> None:
        with self._lock:
            if self._readings.get(reading.id) is not reading:
                raise ReadingGone

    def keep_proof(self, reading: Reading, proof: wire.CardProof) -> bool:
        """Note that the card has signed: its request is never read again.

        Tells whether the proof is still wanted: the patient may have stopped meanwhile.
        """
        with self._lock:
            # Longer than the reading's own end: another look may find its request live until then.
            latest = max(reading.deadline, reading.request.expires_at)
            self._used[_name(reading.asked)] = latest + LEEWAY_SECONDS
            if reading.back is None:
                reading.proof = proof
            return reading.proof is proof

    def close(self, reading: Reading, query: str) -> str:
        """End ``reading`` and return where the browser goes; how it ended first is how it ended."""
        with self._lock:
            if reading.back is None:
                reading.back = reading.asked.back(query)
                reading.is_done = query != CANCELLED
            reading.proof = None
            return reading.back

    def give_up_idle(self, now: float) -> None:
        """Drop the reading under way if nobody attends to it any more.

        Raises:
            BridgeOccupied: somebody does.
        """
        with self._lock:
            current = self._current(now)
            if current is None:
                return
            if wait := current.seconds_to_wait(now):
                raise BridgeOccupied(wait)
            del self._readings[current.id]

    def _begun(self, asked: VerifiedRequest, current: Reading | None) -> Reading | None:
        if current is not None and _goes_on(current, asked):
            return current
        done = (one for one in self._readings.values() if one.is_done and one.asked == asked)
        return next(done, None)

    def _check_free(self, asked: VerifiedRequest, current: Reading | None, now: float) -> None:
        if _name(asked) in self._used:
            used = RequestUsed()
            used.back = asked.back(CANCELLED)
            raise used
        if current is None:
            return
        if not _gives_way(current, asked):
            raise BridgeOccupied(current.seconds_to_wait(now))
        del self._readings[current.id]

    def _current(self, now: float) -> Reading | None:
        return next((one for one in self._readings.values() if one.is_open(now)), None)

    def _sweep(self, now: float) -> None:
        for one in self._readings.values():
            if not one.is_open(now):
                one.proof = None
        self._readings = {
            name: one
            for name, one in self._readings.items()
            if now <= one.deadline + MEMORY_SECONDS
        }
        self._used = {name: until for name, until in self._used.items() if now <= until}


def check_live(reading: Reading, now: float) -> None:
    """Let a reading pass that is still live at ``now``, or over with its way back.

    Raises:
        RequestExpired: it ran out of time.
    """
    if reading.back is None and not reading.is_open(now):
        raise _expired(reading)


def _is_same_journey(one: wire.CardRequest, other: wire.CardRequest) -> bool:
    return (one.origin, one.return_path) == (other.origin, other.return_path)


def _goes_on(current: Reading, asked: VerifiedRequest) -> bool:
    """Tell whether ``asked`` is what ``current`` is about.

    A journey that asks anew for the very choices that the card has signed need not ask for the PIN
    again: the proof that waits is as good for it. (The two documents differ in when they were
    stated.)
    """
    if current.asked == asked:
        return True
    before, now = current.request, asked.request
    is_same = current.asked.shown == asked.shown and before.choices == now.choices
    is_waiting = current.proof is not None and not current.work.locked()
    return is_waiting and is_same and _is_same_journey(before, now)


def _gives_way(current: Reading, asked: VerifiedRequest) -> bool:
    # A journey asks anew after Back or a changed answer: what it asked before is over, unless the
    # card is at work on it, and nobody wants a proof of the old answers any more. An older request,
    # out of the browser's history or sent by somebody who kept it, never displaces a newer one.
    before, now = current.request, asked.request
    is_idle = not current.work.locked()
    return is_idle and _is_same_journey(before, now) and before.issued_at <= now.issued_at


def _name(asked: VerifiedRequest) -> tuple[str, str]:
    return asked.request.origin, asked.request.challenge


def _expired(reading: Reading) -> RequestExpired:
    expired = RequestExpired()
    expired.back = reading.asked.back(CANCELLED)
    return expired
