"""A patient in front of the screen: what she presses, in the order of the pages."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import urllib3
from playwright.sync_api import Page, expect

from bench.walker import PREPARATION, Walker
from tests.e2e.running import RunningDemo

PIN = "1234"
REFERENCE = re.compile(r"(?<!\d)\d{6}-\d{3}-\d{4}(?!\d)")


def _glance(_: Page) -> None:
    """See a page without examining it."""


@dataclass
class Patient:
    """Somebody who walks the wizard; ``look`` is called on every page she sees."""

    page: Page
    look: Callable[[Page], object] = _glance

    def go_on(self) -> None:
        """Press the one primary button."""
        self.look(self.page)
        self.page.locator("main form button:not([name])").first.click()

    def choose(self, value: str) -> None:
        """Choose an answer by its value and go on."""
        self.page.locator(f'main input[type=radio][value="{value}"]').check()
        self.go_on()

    def begin(self, url: str) -> None:
        """Open the facility's page and get past the preparation."""
        self.page.goto(url)
        self.go_on()
        for _ in ("card", "pin", "reader"):
            self.choose("yes")

    def reach_choices(self, url: str, operator: str = "self") -> None:
        """Walk to the page where consent is asked (home visit, or online with a fixed date)."""
        self.begin(url)
        self.choose(operator)
        if self.page.url.endswith("/visit"):
            self.choose("walk-in")
        self.go_on()

    def reach_card(self, url: str) -> None:
        """Stand before the page of the card, on a home visit, with everything granted.

        The pages before it are answered without being drawn, for who has nothing to do with them:
        drawing them takes most of such a story's time.
        """
        origin = "/".join(url.split("/")[:3])
        had = {each["name"]: each["value"] for each in self.page.context.cookies(origin)}
        walker = Walker(urllib3.PoolManager(), origin, cookies=had)
        walker.get(url)
        for answer in ("", *PREPARATION, "", "all", ""):
            walker.post({"answer": answer} if answer else {})
        got = [
            {"name": name, "value": value, "url": origin} for name, value in walker.cookies.items()
        ]
        self.page.context.add_cookies(got)  # type: ignore[arg-type]
        self.page.goto(walker.location)
        expect(self.page).to_have_url(re.compile(r"/card(\?|$)"))

    def ask_card(self, url: str) -> None:
        """Go to the card bridge with everything granted."""
        self.reach_card(url)
        self.go_on()

    def decide_each(self, decisions: dict[str, str]) -> None:
        """Decide one by one; items that ``decisions`` does not name are granted."""
        self.choose("each")
        while found := re.search(r"/items/([a-z-]+)", self.page.url):
            self.choose(decisions.get(found[1], "grant"))

    def confirm_and_ask_card(self) -> None:
        """Confirm the answers and go to the card bridge."""
        expect(self.page).to_have_url(re.compile(r"/check(\?|$)"))
        self.go_on()
        self.go_on()

    def type_pin(self, pin: str = PIN) -> None:
        """Type the PIN into the bridge's own page."""
        self.look(self.page)
        self.page.locator("input[name=pin]").fill(pin)
        self.page.locator("form:has(input[name=pin]) button[data-submit]").click()

    def reference(self) -> str:
        """Return the reference number of the page that ends the journey."""
        expect(self.page).to_have_url(re.compile(r"/done$"))
        main = self.page.locator("main")
        expect(main).to_contain_text(REFERENCE)
        self.look(self.page)
        found = REFERENCE.search(main.inner_text())
        assert found
        return found[0]

    def give_consent(self, url: str, decisions: dict[str, str] | None = None) -> str:
        """Walk the whole way and return the reference number."""
        self.reach_choices(url)
        self.decide_each(decisions or {})
        self.confirm_and_ask_card()
        self.type_pin()
        return self.reference()


def lay_card(demo: RunningDemo, case: str) -> None:
    """Put the virtual card whose file's name ends in ``case`` into the reader, tries set back."""
    box = _box(demo)
    card = next(card["id"] for card in box["cards"] if card["id"].endswith(case))
    for act in ("insert", "reset"):
        _post(demo, f"/virtual/{act}", {"token": box["token"], "card": card})


def take_card_away(demo: RunningDemo) -> None:
    """Leave the reader empty."""
    _post(demo, "/virtual/remove", {"token": _box(demo)["token"]})


def _box(demo: RunningDemo) -> dict[str, Any]:
    body: dict[str, Any] = urllib3.request("GET", f"{demo.bridge}/virtual/cards", timeout=5).json()
    return body


def _post(demo: RunningDemo, path: str, fields: dict[str, str]) -> None:
    answer = urllib3.request(
        "POST",
        demo.bridge + path,
        body=urlencode(fields),
        headers={"Content-Type": "application/x-www-form-urlencoded"},
        redirect=False,
    )
    assert answer.status == 303, answer.data
