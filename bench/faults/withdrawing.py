"""Withdrawing consents while patients walk, and looking whether the console still shows them.

Each turn a patient consents at the clinic, somebody of the clinic looks (and sees), the consent is
withdrawn, and the same page is asked for again as soon as the withdrawal is acknowledged. Refused
is only what the page says is withdrawn; a site that does not answer has refused nothing.
"""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from itertools import cycle
from typing import Final, Self
from uuid import uuid4

from sqlalchemy import select

from bench.faults.patients import GaveUp, walk_once
from bench.faults.posters import cards_kept_back
from bench.faults.probing import Browsers, Outcome
from bench.faults.site import ACTOR, Site, poster_of
from bench.walker import Walker
from zaitaku.consent.present import PresentConsents
from zaitaku.consent.tables import consent
from zaitaku.consent.withdrawal import Requester, WithdrawalRequest, withdrawable
from zaitaku.core.errors import StoreUnavailable, ZaitakuError
from zaitaku.core.ids import ConsentId
from zaitaku.services import Services

EVERY_SECONDS: Final = 3.0
_AGAIN_SECONDS: Final = 0.3
_PAGE: Final = "medical-information?kind=treatment&period=latest&months=12"
_WITHDRAWN: Final = "この情報を見る同意は、取り消されています。"
_TROUBLE: Final = (AssertionError, GaveUp, KeyError, ZaitakuError)


@dataclass
class Withdrawing:
    """A thread that withdraws one consent after another, and looks at it before and after."""

    site: Site
    services: Services
    every: float = EVERY_SECONDS
    seen: int = 0
    """Consents that the console showed before they were withdrawn: the look is a real one."""
    refused: int = 0
    """Of these, of how many it said afterwards that they are withdrawn."""
    stale: list[str] = field(default_factory=list)
    """Consents that it still showed afterwards."""
    unanswered: int = 0
    """Looks afterwards to which no answer, or one that says nothing of it, came."""
    browsers: Browsers = field(default_factory=Browsers)

    def __post_init__(self) -> None:
        self._end = threading.Event()
        self._once = threading.Event()
        self._hand = ThreadPoolExecutor(1)
        self._clinic = self.site.facilities[0]
        self._staff: Walker | None = None

    def __enter__(self) -> Self:
        self._work = self._hand.submit(self._withdraw_all)
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._hand.shutdown()
        self._work.result()  # a probe that broke has seen nothing since

    def _withdraw_all(self) -> None:
        for card in cycle(cards_kept_back(self.site.cards)):
            with suppress(*_TROUBLE):
                browser = self.browsers.new()
                poster = poster_of(self.services, self._clinic)
                walk = walk_once(browser, self.site.origin, poster, card)
                if walk.is_acknowledged:
                    self._turn(self._consent_of(walk.reference))
            if self._end.wait(self.every):
                return

    def wait_for_one(self, seconds: float) -> None:
        """Wait until one consent was seen, withdrawn and looked at again, or the time is over."""
        self._once.wait(seconds)

    def _turn(self, name: ConsentId) -> None:
        is_seen = self._look(name) is Outcome.WORKED
        self._withdraw(name)
        self.seen += is_seen
        found = self._look(name)
        if found is Outcome.WORKED:
            self.stale.append(f"shown after its withdrawal: {name}")
        self.refused += is_seen and found is Outcome.REFUSED
        self.unanswered += found is Outcome.NO_ANSWER
        if self.refused or self.stale:
            self._once.set()

    def _consent_of(self, reference: str) -> ConsentId:
        chosen = (consent.c.facility_id == self._clinic.id) & (consent.c.reference == reference)
        with self.services.database.reading() as connection:
            return ConsentId(connection.execute(select(consent.c.id).where(chosen)).scalar_one())

    def _withdraw(self, name: ConsentId) -> None:
        # The same request again gives what it did the first time, so a lost answer costs nothing.
        request = self._request(name)
        while True:
            with suppress(StoreUnavailable):
                self.services.withdrawals.withdraw(self._clinic.id, request, actor=ACTOR)
                return
            time.sleep(_AGAIN_SECONDS)

    def _request(self, name: ConsentId) -> WithdrawalRequest:
        with self.services.database.reading() as connection:
            held = PresentConsents(connection, self._clinic.id).find(name)
        return WithdrawalRequest.checked(
            name,
            items=withdrawable(held.granted(self.services.clock.now())),
            requester=Requester.SELF,
            reason="faults",
            expected=held.version,
            submission=uuid4().hex,
        )

    def _look(self, name: ConsentId) -> Outcome:
        """Look at medical information on the strength of a consent: ``WORKED`` where it shows."""
        address = f"{self.site.origin}/console/consented-patients/{name}/{_PAGE}"
        for _ in range(2):
            try:
                answer = self._logged_in().ask("GET", address)
            except (AssertionError, GaveUp):
                return Outcome.NO_ANSWER
            if answer.status == HTTPStatus.OK:
                return Outcome.WORKED
            if not 300 <= answer.status < 400:
                is_said = _WITHDRAWN in answer.data.decode()
                is_refused = answer.status == HTTPStatus.FORBIDDEN and is_said
                return Outcome.REFUSED if is_refused else Outcome.NO_ANSWER
            self._staff = None  # to the log-in: the session is gone with the short-lived store
        return Outcome.NO_ANSWER

    def _logged_in(self) -> Walker:
        if self._staff is None:
            staff = Walker(self.browsers.new(), self.site.origin)
            staff.get(f"{self.site.origin}/console/login")
            staff.post(
                {
                    "institution_code": str(self._clinic.code),
                    "user_id": self.site.user_id,
                    "password": self.site.password,
                }
            )
            self._staff = staff
        return self._staff
