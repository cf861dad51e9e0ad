"""A whole site with one clinic, and a visitor who walks it as a browser without JavaScript does."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import parse_qs, urlencode, urlsplit
from xml.etree.ElementTree import Element

from cryptography.hazmat.primitives.serialization import Encoding
from flask import Flask
from werkzeug.test import TestResponse

from tests.patient.lint import check_page, words
from zaitaku import wire
from zaitaku.core.clock import FixedClock
from zaitaku.facilities.model import Channel, EnvironmentSettings, Facility
from zaitaku.reception.model import UrlAct, UrlVersion
from zaitaku.sandbox.authority import TestAuthority
from zaitaku.sandbox.profile import Signer
from zaitaku.services import Services

ALL_ITEMS = EnvironmentSettings(
    surgery=True, clinical=True, medication=False, home_visit=True, online=True
)


@dataclass
class Site:
    """The application, its services, and the clinic whose URLs are walked."""

    app: Flask
    services: Services
    clock: FixedClock
    authority: TestAuthority
    facility: Facility

    def path(self, channel: Channel = Channel.HOME_VISIT) -> str:
        """Return the path of the clinic's present URL."""
        address = self.services.reception.address(self.version(channel))
        return address.removeprefix(self.services.settings.origin)

    def version(self, channel: Channel = Channel.HOME_VISIT) -> UrlVersion:
        """Return the present version of the clinic's URL."""
        return self.services.reception.show(self.facility.id, channel).current

    def rotate(self, channel: Channel = Channel.HOME_VISIT) -> None:
        """Retire the clinic's present URL."""
        self.services.reception.change(
            UrlAct.ROTATE,
            self.facility.id,
            channel,
            expected=self.version(channel).id,
            actor="test",
            reason="test",
        )

    def change_settings(self, **changes: object) -> None:
        """Give the clinic other settings."""
        present = self.services.facilities.find(self.facility.code)
        self.services.facilities.change_settings(
            present.id,
            replace(present.settings, **changes),  # type: ignore[arg-type]
            expected_version=present.settings_version,
            actor="test",
        )

    def visitor(self) -> "Visitor":
        """Return somebody with a browser of their own."""
        return Visitor(self)


@dataclass
class Visitor:
    """Somebody with a browser; every page that arrives is checked."""

    site: Site
    page: Element = field(init=False)
    status: int = field(init=False, default=0)
    location: str = field(init=False, default="")
    titles: dict[str, str] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.client = self.site.app.test_client()

    @property
    def heading(self) -> str:
        return words(next(self.page.iter("h1")))

    @property
    def title(self) -> str:
        return words(next(self.page.iter("title")))

    @property
    def text(self) -> str:
        return words(self.page)

    def get(self, path: str) -> int:
        """Open ``path`` and follow redirects to a page."""
        return self._arrive(path, self.client.get(path, base_url=self._origin))

    def post(self, path: str, values: Mapping[str, str]) -> int:
        """Send a form and follow redirects to a page."""
        return self._arrive(path, self.client.post(path, data=values, base_url=self._origin))

    def send(self, answer: str = "", **values: str) -> int:
        """Fill in the page's last form and send it."""
        fields = self.hidden() | values | ({"answer": answer} if answer else {})
        return self.post(self.location, fields)

    def hidden(self) -> dict[str, str]:
        """Return the hidden fields of the page's last form."""
        form = list(self.page.iter("form"))[-1]
        return {
            entry.attrib["name"]: entry.attrib["value"]
            for entry in form.iter("input")
            if entry.attrib["type"] == "hidden"
        }

    def chosen(self) -> str:
        """Return the answer that is chosen already; empty: none is."""
        given = (entry for entry in self.page.iter("input") if "checked" in entry.attrib)
        return next((entry.attrib["value"] for entry in given), "")

    def link(self, text: str) -> str:
        """Return the address of the link whose words begin with ``text``."""
        links = [entry for entry in self.page.iter("a") if words(entry).startswith(text)]
        return links[0].attrib["href"]

    def start(self, channel: Channel = Channel.HOME_VISIT, query: str = "") -> str:
        """Begin a journey and return its path."""
        self.get(self.site.path(channel) + query)
        self.send()
        return self.location.removesuffix("/prepare")

    def prepare(self) -> None:
        """Have everything at hand."""
        for _ in range(3):
            self.send("yes")

    def walk_to_check(self, channel: Channel = Channel.HOME_VISIT, mode: str = "all") -> str:
        """Answer everything up to the check page."""
        journey = self.start(channel)
        self.prepare()
        self.send("self")
        if channel is Channel.ONLINE:
            self.send("walk-in")
        self.send()
        self.send(mode)
        return journey

    def walk_to_card(self, channel: Channel = Channel.HOME_VISIT, mode: str = "all") -> str:
        """Answer and confirm everything."""
        journey = self.walk_to_check(channel, mode)
        self.send()
        return journey

    def ask(self, journey: str, **values: str) -> wire.CardRequest:
        """Ask for a card and return what the bridge is asked."""
        self.get(f"{journey}/card")
        answer = self.client.post(
            f"{journey}/card", data=self.hidden() | values, base_url=self._origin
        )
        assert answer.status_code == 303, answer.text
        return read_request(answer.location)

    def prove(self, request: wire.CardRequest, card: Signer) -> str:
        """Have ``card`` sign, post the proof as the bridge does, return the way back."""
        signature = card.sign(request.statement())
        certificate = card.certificate.public_bytes(Encoding.DER).hex()
        proof = wire.CardProof(request.challenge, certificate, signature.hex())
        answer = self.site.app.test_client().post(
            wire.PROOF_PATH,
            data=proof.to_json(),
            content_type="application/json",
            base_url=self._origin,
        )
        assert answer.status_code == 200, answer.text
        return f"{request.return_path}?{urlencode({'code': json.loads(answer.text)['code']})}"

    def read_card(self, journey: str, card: Signer) -> int:
        """Ask, sign, come back."""
        return self.get(self.prove(self.ask(journey), card))

    @property
    def _origin(self) -> str:
        return self.site.services.settings.origin

    def _arrive(self, path: str, answer: TestResponse) -> int:
        while answer.status_code in {302, 303}:
            path = answer.location
            answer = self.client.get(path, base_url=self._origin)
        self.status = answer.status_code
        self.location = path
        if answer.mimetype == "text/html":
            self.page = check_page(answer.text)
            self.titles[path] = self.title
            self._check_headers(answer)
        return answer.status_code

    def _check_headers(self, answer: TestResponse) -> None:
        policy = answer.headers["Content-Security-Policy"]
        assert "unsafe" not in policy
        assert answer.headers["Cache-Control"] == "no-store"


def read_request(location: str) -> wire.CardRequest:
    """Return the claims of the signed request that ``location`` carries."""
    address = urlsplit(location)
    assert address.hostname == "127.0.0.1"
    token = parse_qs(address.query)["request"][0]
    claims = token.split(".")[1]
    padded = claims + "=" * (-len(claims) % 4)
    return wire.CardRequest.from_claims(json.loads(base64.urlsafe_b64decode(padded)))
