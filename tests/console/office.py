"""A facility's office: its staff, and browsers in which every page that arrives is checked."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit
from xml.etree.ElementTree import Element

from flask import Flask
from werkzeug.test import TestResponse

from tests.consent.world import World
from tests.patient.lint import check_page, words
from zaitaku.accounts.model import Account, Role
from zaitaku.accounts.service import AccountService
from zaitaku.core.clock import FixedClock
from zaitaku.facilities.model import Facility
from zaitaku.services import Services

PASSWORD: Final = "midori-zaka-2026"
USER_IDS: Final = {
    Role.MASTER: "master",
    Role.MASTER_RESET: "reset",
    Role.ADMIN: "kanri",
    Role.GENERAL: "ippan",
    Role.MEDICAL_VIEW: "etsuran",
}


def employ(accounts: AccountService, facility: Facility) -> None:
    """Register one account of each role that people use, all with the same password."""
    for role, user_id in USER_IDS.items():
        register(accounts, role, user_id, facility)


def register(accounts: AccountService, role: Role, user_id: str, facility: Facility) -> Account:
    """Register an account that need not change its password."""
    new = accounts.register(
        facility.id,
        role=role,
        user_id=user_id,
        name="みどり",
        kana="ミドリ",
        actor="test",
        password=PASSWORD,
        must_change=False,
    )
    return new.account


@dataclass
class Office:
    """The application and what is behind it."""

    app: Flask
    services: Services
    world: World
    clock: FixedClock

    def employ(self, facility: Facility) -> None:
        """Register the staff of a facility."""
        employ(self.services.accounts, facility)

    def register(self, role: Role, user_id: str, facility: Facility) -> Account:
        """Register an account that need not change its password."""
        return register(self.services.accounts, role, user_id, facility)

    def browser(self) -> "Browser":
        """Return a browser in which nobody is logged in."""
        return Browser(self)

    def logged_in(self, role: Role = Role.ADMIN, facility: Facility | None = None) -> "Browser":
        """Return a browser in which somebody of this role is logged in."""
        browser = self.browser()
        browser.log_in(USER_IDS[role], facility=facility)
        return browser


@dataclass
class Browser:
    """A browser without JavaScript: follows redirects, keeps cookies, sends the forms it sees."""

    office: Office
    page: Element = field(init=False)
    answer: TestResponse = field(init=False)
    path: str = field(init=False, default="")

    def __post_init__(self) -> None:
        self.client = self.office.app.test_client()

    @property
    def status(self) -> int:
        return self.answer.status_code

    @property
    def heading(self) -> str:
        return words(next(self.page.iter("h1")))

    @property
    def title(self) -> str:
        return words(next(self.page.iter("title")))

    @property
    def text(self) -> str:
        return words(next(self.page.iter("main")))

    def log_in(
        self, user_id: str, password: str = PASSWORD, *, facility: Facility | None = None
    ) -> int:
        """Open the login page and send it."""
        code = str((facility or self.office.world.facility).code)
        self.get("/console/login")
        return self.send(institution_code=code, user_id=user_id, password=password)

    def get(self, path: str) -> int:
        """Open a page."""
        return self._arrive(path, self.client.get(path, base_url=self._origin))

    def post(self, path: str, values: Mapping[str, str]) -> int:
        """Post without looking at a form first."""
        return self._arrive(path, self.client.post(path, data=values, base_url=self._origin))

    def send(self, **values: str) -> int:
        """Send the page's form with its hidden fields."""
        form = self.form()
        return self.post(form.attrib.get("action", self.path), self.hidden(form) | values)

    def search(self, **values: str) -> int:
        """Send the page's search."""
        form = next(each for each in self.page.iter("form") if each.get("role") == "search")
        return self.post(form.attrib["action"], self.hidden(form) | values)

    def form(self) -> Element:
        """Return the page's form that posts, its search left aside."""
        (form,) = [
            each
            for each in self.page.iter("form")
            if each.attrib["method"] == "post" and each.get("role") != "search"
        ]
        return form

    @staticmethod
    def hidden(form: Element) -> dict[str, str]:
        """Return the hidden fields of a form."""
        return {
            each.attrib["name"]: each.attrib["value"]
            for each in form.iter("input")
            if each.attrib["type"] == "hidden"
        }

    def links(self) -> dict[str, str]:
        """Return the addresses of the page's links, by their words."""
        return {words(each): each.attrib["href"] for each in self.page.iter("a")}

    def follow(self, label: str) -> int:
        """Open the link whose words are ``label``."""
        return self.get(self.links()[label])

    def rows(self) -> list[list[str]]:
        """Return the cells of the page's table body."""
        (body,) = self.page.iter("tbody")
        return [[words(cell) for cell in row] for row in body.iter("tr")]

    @property
    def _origin(self) -> str:
        return self.office.services.settings.origin

    def _arrive(self, path: str, answer: TestResponse) -> int:
        while answer.status_code in {302, 303}:
            path = answer.location
            assert urlsplit(path).netloc == ""
            answer = self.client.get(path, base_url=self._origin)
        self.path, self.answer = path, answer
        if answer.mimetype == "text/html" and answer.text:
            self.page = check_page(answer.text)
            # An object that a template wrote out instead of what it holds.
            assert "&lt;built-in" not in answer.text
            assert " object at 0x" not in answer.text
            assert self.page.attrib["lang"] == "ja"
            assert answer.headers["Cache-Control"] == "no-store"
        return answer.status_code
