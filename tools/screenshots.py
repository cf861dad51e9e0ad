"""Takes the pictures of README and docs from the running demo.

``python -m tools.screenshots`` writes ``docs/screenshots/*.png`` (a phone's view at 390×844, the
console's at 1200×800), ``docs/screenshots/poster.png``, and every page of the console, whole, in
``docs/screenshots/console``.
"""

import re
import tempfile
from pathlib import Path
from typing import Final

import pypdfium2
from playwright.sync_api import Browser, Page

from tests.e2e.chromium import chromium, phone_context
from tests.e2e.clinic import Clinic
from tests.e2e.patient import Patient, lay_card
from tests.e2e.running import RunningDemo, running_demo

FOLDER: Final = Path(__file__).parent.parent / "docs" / "screenshots"


class Album:
    """Saves what a page shows, once under each name."""

    def __init__(self) -> None:
        self._names = {
            r"/r/": "entry",
            r"/choose$": "choose",
            r"/items/surgery$": "item",
            r"/check$": "check",
            r"/card$": "card",
            r"/reading/": "bridge-pin",
            r"/done$": "done",
        }

    def look(self, page: Page) -> None:
        """Save the page if it is one of those wanted."""
        found = next((part for part in self._names if re.search(part, page.url)), None)
        if found is not None:
            page.wait_for_load_state("load")
            if "/reading/" in page.url:
                page.locator("#pin-heading").scroll_into_view_if_needed()
            page.screenshot(path=FOLDER / f"{self._names.pop(found)}.png")


def main() -> None:
    """Walk the demo and take every picture."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        running_demo(Path(folder)) as demo,
        chromium() as browser,
    ):
        _patient(browser, demo)
        _console(browser, demo)
    with (
        tempfile.TemporaryDirectory() as folder,
        running_demo(Path(folder), is_empty=False) as demo,
        chromium() as browser,
    ):
        _whole_console(browser, demo)


def _patient(browser: Browser, demo: RunningDemo) -> None:
    page = phone_context(browser).new_page()
    patient = Patient(page, Album().look)
    for card in ("takahashi-kiyo", "yamada-hanako", "sato-taro"):
        lay_card(demo, card)
        patient.give_consent(demo.patient_url("home-visit"), {"surgery": "refuse"})


CONSOLE: Final = {
    "menu": "",
    "patients": "consented-patients",
    "appointments": "appointments",
    "urls": "reception-urls",
    "posters": "reception-urls/home-visit/posters",
    "traffic": "reception-urls/home-visit/traffic",
    "poster-archive": "reception-urls/all-posters",
    "url-change": "reception-urls/home-visit/rotate",
    "url-history": "reception-urls/home-visit/history",
    "activation-codes": "activation-codes",
    "accounts": "accounts",
    "account-new": "accounts/new",
    "password-resets": "password-resets",
    "account-imports": "account-imports",
    "password": "password",
    "sign-in": "own-sign-in",
    "second-factor": "second-factor",
    "settings": "environment-settings",
    "settings-history": "environment-settings/history",
    "preview": "environment-settings/preview/home-visit/entry",
    "test-data": "test-data",
    "view-history": "view-history",
    "audit-trail": "audit-trail",
    "audit-check": "audit-trail/check",
    "help": "help",
}
"""Pages of the console, by the names of their pictures."""


def _whole_console(browser: Browser, demo: RunningDemo) -> None:
    window = {"width": 1200, "height": 800}
    clinic = Clinic(phone_context(browser, viewport=window).new_page(), demo)
    page, folder = clinic.page, FOLDER / "console"
    folder.mkdir(exist_ok=True)
    page.goto(f"{demo.origin}/console/login")
    page.screenshot(path=folder / "login.png")
    clinic.log_in()
    for name, path in CONSOLE.items():
        page.goto(f"{demo.origin}/console/{path}")
        page.screenshot(path=folder / f"{name}.png", full_page=True)
    page.goto(f"{demo.origin}/console/consented-patients")
    page.locator("tbody th a").first.click()
    detail = page.url
    page.screenshot(path=folder / "patient.png", full_page=True)
    for name, path in PATIENT.items():
        page.goto(f"{detail}/{path}")
        page.screenshot(path=folder / f"{name}.png", full_page=True)


PATIENT: Final = {
    "eligibility": "eligibility",
    "medical-information": "medical-information",
    "withdrawal": "withdrawal",
}


def _console(browser: Browser, demo: RunningDemo) -> None:
    window = {"width": 1200, "height": 800}
    clinic = Clinic(phone_context(browser, viewport=window).new_page(), demo)
    clinic.log_in()
    for name, path in (
        ("console-patients", "consented-patients"),
        ("console-urls", "reception-urls"),
    ):
        clinic.page.goto(f"{demo.origin}/console/{path}")
        clinic.page.screenshot(path=FOLDER / f"{name}.png")
    poster = pypdfium2.PdfDocument(clinic.download("home-visit", "poster"))[0]
    poster.render(scale=1.2).to_pil().save(FOLDER / "poster.png")


if __name__ == "__main__":
    main()
