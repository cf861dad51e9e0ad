"""Patients who reload a page that does not come, and give up when it never does."""

import random
import re
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final

import urllib3
from urllib3.exceptions import HTTPError

from bench.faults.journal import Walk
from bench.faults.posters import Poster
from bench.walker import Card, Walker

PATIENCE_SECONDS: Final = 60.0
"""How long a patient goes on asking for one page."""
CONNECT_SECONDS: Final = 3.0
ANSWER_SECONDS: Final = 20.0
_PAUSES: Final = (0.2, 0.6)
_REFERENCE: Final = re.compile(r"\d{6}-\d{3}-\d{4}")
_JOURNEY: Final = re.compile(r"/j/([^/]+)/done")
_REGISTERING: Final = "/card/return?code="


class GaveUp(Exception):
    """The patient's patience ended at one page."""


@dataclass
class ReloadingBrowser:
    """A browser whose user asks again for what failed, as the address bar does.

    A form that got no answer is sent again as it was: what was done already must show.
    """

    patience: float = PATIENCE_SECONDS
    pool: urllib3.PoolManager = field(
        default_factory=lambda: urllib3.PoolManager(
            timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=ANSWER_SECONDS), retries=False
        )
    )
    first_sent: dict[str, float] = field(default_factory=dict)
    """When each address was asked for the first time in this walk."""
    address: str = "10.0.0.1"
    """Where the patient is, as the proxy in front would say."""
    troubles: Counter[str] = field(default_factory=Counter)
    cookies: dict[str, str] = field(default_factory=dict)
    """Also those of the pages that were asked for again: a place in line is one of them."""

    def begin(self) -> None:
        """Be the browser of another patient, somewhere else."""
        self.first_sent.clear()
        self.troubles.clear()
        self.cookies.clear()
        self.address = f"10.{'.'.join(str(random.randrange(1, 255)) for _ in range(3))}"

    def request(
        self,
        method: str,
        url: str,
        *,
        body: str | None = None,
        headers: Mapping[str, str] | None = None,
        redirect: bool = False,
    ) -> urllib3.BaseHTTPResponse:
        """Ask until there is an answer that is no failure of the server's.

        Raises:
            GaveUp: there was none in time.
        """
        self.first_sent.setdefault(url, time.monotonic())
        told = {**(headers or {}), "X-Forwarded-For": self.address}
        options = {"body": body, "headers": told, "redirect": redirect}
        deadline, trouble = time.monotonic() + self.patience, ""
        while time.monotonic() < deadline:
            answer, trouble = self._once(method, url, options)
            if answer is not None:
                return answer
            self.troubles[trouble] += 1
            time.sleep(random.uniform(*_PAUSES))
        raise GaveUp(trouble)

    def _once(
        self, method: str, url: str, options: Mapping[str, Any]
    ) -> tuple[urllib3.BaseHTTPResponse | None, str]:
        headers = options["headers"]
        is_page = headers.get("Content-Type") != "application/json"  # that is the bridge's
        if is_page:
            kept = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
            options = {**options, "headers": {**headers, "Cookie": kept}}
        try:
            answer = self.pool.request(method, url, **options)
        except HTTPError as error:
            return None, type(error).__name__
        if is_page:
            self._keep(answer)
        is_failure = answer.status >= 500 or answer.status == HTTPStatus.TOO_MANY_REQUESTS
        return (None, str(answer.status)) if is_failure else (answer, "")

    def _keep(self, answer: urllib3.BaseHTTPResponse) -> None:
        for cookie in answer.headers.getlist("Set-Cookie"):
            name, _, value = cookie.partition(";")[0].partition("=")
            self.cookies[name] = value


def walk_once(
    browser: ReloadingBrowser,
    origin: str,
    poster: Poster,
    card: Card,
    walking: type[Walker] = Walker,
) -> Walk:
    """Let a patient walk from the poster to the reference number, or to where it ended."""
    browser.begin()
    entered = time.monotonic()
    walker = walking(browser, origin)
    failure = ""
    try:
        page = walker.give_consent(poster.url, card)
    except (AssertionError, GaveUp, KeyError, IndexError) as error:
        page, failure = "", f"{type(error).__name__} {_without_addresses(str(error))}"
    shown = _REFERENCE.search(page)
    named = _JOURNEY.search(walker.location)
    return Walk(
        version=poster.version,
        entered=browser.first_sent.get(poster.url, entered),
        ended=time.monotonic(),
        journey=named[1] if named else "",
        registering=_registering(browser.first_sent),
        reference=shown[0] if shown else "",
        failure=failure or ("" if shown else "no reference number"),
        troubles=dict(browser.troubles),
    )


def _registering(first_sent: Mapping[str, float]) -> float:
    sent = [moment for url, moment in first_sent.items() if _REGISTERING in url]
    return min(sent, default=0.0)


def _without_addresses(text: str) -> str:
    return re.sub(r"\S*/\S*", "…", text)[:80]
