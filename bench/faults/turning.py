"""Retiring URLs while patients walk, and trying what was retired.

At every turn one patient has walked up to the card by the old URL, another scans the old poster:
neither may come through once the retirement is acknowledged. Tried is only what was refused with
the page that says so; a site that does not answer has refused nobody.
"""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from itertools import cycle
from typing import Any, Final, Self
from uuid import UUID

from bench.faults.patients import GaveUp
from bench.faults.posters import Poster, cards_in_hand
from bench.faults.probing import Browsers, Outcome
from bench.faults.site import ACTOR, Site, poster_of
from bench.walker import Card, Walker
from zaitaku.core.errors import Conflict, StoreUnavailable
from zaitaku.core.ids import UrlVersionId
from zaitaku.facilities.model import Channel, Facility
from zaitaku.reception.model import UrlAct
from zaitaku.services import Services

TURN_SECONDS: Final = 2.0
_AGAIN_SECONDS: Final = 0.3


@dataclass
class Straggler(Walker):
    """A patient whose card has answered, and who comes back late."""

    way_back: str = ""

    def prove(self, url: str, card: Card) -> None:
        """Walk to the card page and have the card's answer taken; register nothing."""
        for _ in self.steps(url, card):
            if self.location.endswith("/card"):
                break
        answer = card.answer(self._ask_card())
        self.way_back = f"{self.location}/return?code={self._send(answer)}"

    def come_back(self) -> Outcome:
        """Come back with the card's answer: ``WORKED`` where a reference number is shown."""
        try:
            answer, address = self._request("GET", self.way_back), self.way_back
            while answer.status == HTTPStatus.SEE_OTHER:
                address = self._absolute(answer.headers["Location"])
                answer = self._request("GET", address)
        except GaveUp:
            return Outcome.NO_ANSWER
        is_done = answer.status == HTTPStatus.OK and address.endswith("/done")
        return Outcome.WORKED if is_done else _refusal(answer)


def _refusal(answer: Any) -> Outcome:
    # 410 is said of a retired URL alone; a journey that is lost, say, is another thing (404).
    return Outcome.REFUSED if answer.status == HTTPStatus.GONE else Outcome.NO_ANSWER


@dataclass
class Turning:
    """A thread that turns the URLs of all clinics but the first, one after another."""

    site: Site
    services: Services
    every: float = TURN_SECONDS
    retired: dict[str, float] = field(default_factory=dict)
    """By version: when its retirement was acknowledged (CLOCK_MONOTONIC)."""
    stale: list[str] = field(default_factory=list)
    """What should have been refused and was not."""
    refused: int = 0
    """Old posters that were refused."""
    refused_late: int = 0
    """Patients who had come by one before, came back with their card's answer, and were refused."""
    unanswered: int = 0
    """Trials to which no answer, or one that says nothing of it, came."""
    browsers: Browsers = field(default_factory=Browsers)

    def __post_init__(self) -> None:
        self._end = threading.Event()
        self._once = threading.Event()
        self._hand = ThreadPoolExecutor(1)
        self._cards = cycle(cards_in_hand(self.site.cards))

    def __enter__(self) -> Self:
        self._work = self._hand.submit(self._turn_all)
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._hand.shutdown()
        self._work.result()  # a probe that broke has seen nothing since

    def _turn_all(self) -> None:
        for facility in cycle(self.site.facilities[1:]):
            with suppress(StoreUnavailable):
                self.turn(facility)
            if self._end.wait(self.every):
                return

    def wait_for_one(self, seconds: float) -> None:
        """Wait until an old poster and a latecomer were refused, or the time is over."""
        self._once.wait(seconds)

    def turn(self, facility: Facility) -> None:
        """Retire a clinic's URL and try the old one.

        Raises:
            StoreUnavailable: the database went away before it was done.
        """
        old = poster_of(self.services, facility)
        straggler = self._straggler(old)
        self._retire(facility, old)
        self.retired[old.version] = time.monotonic()
        self.site.hang_posters(self.services)
        self.refused += self._is_refused(self._scan(old), f"let in by {old.version}")
        if straggler is not None:
            late = straggler.come_back()
            self.refused_late += self._is_refused(late, f"registered by {old.version}")
        if self.stale or (self.refused and self.refused_late):
            self._once.set()

    def _is_refused(self, outcome: Outcome, broken: str) -> bool:
        if outcome is Outcome.WORKED:
            self.stale.append(broken)
        self.unanswered += outcome is Outcome.NO_ANSWER
        return outcome is Outcome.REFUSED

    def _retire(self, facility: Facility, old: Poster) -> None:
        # An act whose answer was lost may be done: the present version tells.
        while poster_of(self.services, facility).version == old.version:
            try:
                self.services.reception.change(
                    UrlAct.ROTATE,
                    facility.id,
                    Channel.HOME_VISIT,
                    expected=UrlVersionId(UUID(old.version)),
                    actor=ACTOR,
                    reason="faults",
                )
            except (StoreUnavailable, Conflict):
                time.sleep(_AGAIN_SECONDS)

    def _straggler(self, old: Poster) -> Straggler | None:
        walker = Straggler(self.browsers.new(), self.site.origin)
        try:
            walker.prove(old.url, next(self._cards))
        except (AssertionError, GaveUp, KeyError):
            return None
        return walker

    def _scan(self, old: Poster) -> Outcome:
        """Scan the old poster: ``WORKED`` where it still opens a journey."""
        try:
            answer = self.browsers.new().request("GET", old.url)
        except GaveUp:
            return Outcome.NO_ANSWER
        is_open = answer.status < HTTPStatus.BAD_REQUEST
        return Outcome.WORKED if is_open else _refusal(answer)
