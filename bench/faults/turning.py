"""Retiring URLs while patients walk, and trying what was retired.

At every turn one patient has walked up to the card by the old URL, another scans the old poster:
neither may come through once the retirement is acknowledged.
"""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import cycle
from typing import Final, Self
from uuid import UUID

from bench.faults.patients import GaveUp, ReloadingBrowser
from bench.faults.posters import Poster, cards_in_hand
from bench.faults.site import ACTOR, Site, poster_of
from bench.walker import Card, Walker
from zaitaku.core.errors import Conflict, StoreUnavailable
from zaitaku.core.ids import UrlVersionId
from zaitaku.facilities.model import Channel, Facility
from zaitaku.reception.model import UrlAct
from zaitaku.services import Services

TURN_SECONDS: Final = 2.0
_PATIENCE_SECONDS: Final = 10.0
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

    def is_registered_late(self) -> bool:
        """Come back with the card's answer; tell whether a reference number is shown."""
        try:
            self.get(self.way_back)
        except (AssertionError, GaveUp):
            return False
        return self.location.endswith("/done")


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
                self._once.set()
            if self._end.wait(self.every):
                return

    def wait_for_one(self, seconds: float) -> None:
        """Wait until one URL was retired and tried, or the time is over."""
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
        if self._lets_in(old):
            self.stale.append(f"let in by {old.version}")
        if straggler is not None and straggler.is_registered_late():
            self.stale.append(f"registered by {old.version}")

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
        walker = Straggler(ReloadingBrowser(_PATIENCE_SECONDS), self.site.origin)
        try:
            walker.prove(old.url, next(self._cards))
        except (AssertionError, GaveUp, KeyError):
            return None
        return walker

    def _lets_in(self, old: Poster) -> bool:
        """Tell whether the old poster still opens a journey."""
        browser = ReloadingBrowser(_PATIENCE_SECONDS)
        try:
            return browser.request("GET", old.url).status < 400
        except GaveUp:
            return False
