"""A bridge under test: its clock, its card, the site that asks, and a browser of sorts."""

import hashlib
import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.cardbridge.cards import PIN
from tests.cardbridge.server.fakesite import FakeSite
from zaitaku import wire
from zaitaku.cardbridge.card.transport import ReaderService
from zaitaku.cardbridge.reading.config import BridgeConfig
from zaitaku.cardbridge.web.app import create_bridge

PORT = 18231
BASE = f"http://127.0.0.1:{PORT}"
RETURN_PATH = "/j/journey-1/card/return"
WORDING = "医師などが、手術の情報を見ることに同意しますか。"
FACILITY = "架空在宅クリニック"
LABELS = {"surgery": "手術", "clinical": "診療・薬剤", "checkup": "特定健診"}


def return_path_of(challenge: str) -> str:
    """Return where the browser goes back to after ``challenge``."""
    return RETURN_PATH if challenge == "c-1" else f"/j/journey-of-{challenge}/card/return"


def choices() -> tuple[wire.Choice, ...]:
    """Return what the patient chose: the last is refused."""
    return tuple(
        wire.Choice(item, f"{label}について、同意しますか。\n{WORDING}", item != "checkup")
        for item, label in LABELS.items()
    )


def document_of(
    shown: tuple[wire.Choice, ...],
    facility: str = FACILITY,
    language: str = "ja",
    **changes: object,
) -> str:
    """Return the consent document for the choices; ``changes`` replace its members."""
    decisions = [
        {
            "item": choice.item,
            "wording": {"sha256": hashlib.sha256(choice.wording.encode()).hexdigest()},
            "decision": "grant" if choice.granted else "refuse",
        }
        for choice in shown
    ]
    body = {
        "facility": {"name": facility},
        "channel": "home-visit",
        "language": language,
        "operator": "self",
        "decisions": decisions,
    }
    return json.dumps({**body, **changes}, ensure_ascii=False)


def claims_for(
    origin: str, *, now: float, challenge: str = "c-1", **changes: Any
) -> dict[str, Any]:
    """Return the claims of a card request; ``changes`` replace claims."""
    shown = choices()
    language = str(changes.get("language", "ja"))
    request = wire.CardRequest(
        origin=origin,
        challenge=challenge,
        nonce="5a" * wire.NONCE_BYTES,
        issued_at=int(now),
        expires_at=int(now) + 600,
        document=document_of(shown, language=language),
        choices=shown,
        language=language,
        return_path=RETURN_PATH,
    )
    claims: dict[str, Any] = json.loads(json.dumps({**request.claims(), **changes}))
    return claims


@dataclass
class Rig:
    """The bridge and everything around it."""

    site: FakeSite
    readers: ReaderService
    state: Path
    shift: float = 0
    """Seconds by which the bridge's clock is ahead."""
    extra: dict[str, Any] = field(default_factory=dict)
    language: str = "ja"

    def __post_init__(self) -> None:
        settings = {"test_origins": frozenset({self.site.origin})} | self.extra
        self.config = BridgeConfig(
            readers=self.readers, state=self.state, port=PORT, now=self.now, **settings
        )
        self.app = create_bridge(self.config)

    def now(self) -> float:
        """The bridge's clock."""
        return time.time() + self.shift

    def client(self) -> FlaskClient:
        """A new browser."""
        return self.app.test_client()

    def token(self, challenge: str = "c-1", **changes: Any) -> str:
        """Return a signed request; each challenge is another journey's unless told otherwise."""
        told = {"language": self.language, "return_path": return_path_of(challenge), **changes}
        return self.site.sign(
            claims_for(self.site.origin, now=time.time(), challenge=challenge, **told)
        )

    def read(self, token: str, **query: str) -> TestResponse:
        """Open the bridge with a request, as a browser comes from the site."""
        return self.get("/read", request=token, **query)

    def get(self, path: str, /, **query: str) -> TestResponse:
        """Fetch a page."""
        return self.get_as(path, {}, **query)

    def get_as(self, path: str, headers: Mapping[str, str], /, **query: str) -> TestResponse:
        """Fetch a page with the fields that some browser sends."""
        return self.client().get(
            path, base_url=BASE, query_string=query or None, headers=dict(headers)
        )

    def post(self, path: str, /, **fields: str) -> TestResponse:
        """Post a form as a page of the bridge does."""
        return self.post_as(path, {}, **fields)

    def post_as(self, path: str, headers: Mapping[str, str], /, **fields: str) -> TestResponse:
        """Post a form and go on to the page that shows what it brought, as a browser does.

        ``headers`` replace those that our own pages bring about.
        """
        answer = self.post_only(path, headers, **fields)
        target = answer.location or ""
        return self.get(target) if is_notice(target) else answer

    def post_only(self, path: str, headers: Mapping[str, str], /, **fields: str) -> TestResponse:
        """Post a form without going on to the page that shows what it brought."""
        sent = {"Origin": "null", "Sec-Fetch-Site": "same-origin", **headers}
        return self.client().post(path, base_url=BASE, data=fields, headers=sent)

    def opened(self, challenge: str = "c-1", **changes: Any) -> "Opened":
        """Open a reading and return its page."""
        answer = self.read(self.token(challenge, **changes))
        assert answer.status_code == 303, page_name(answer)
        return Opened(self, urlsplit(answer.location).path)


@dataclass
class Opened:
    """One open reading, as the patient's browser sees it."""

    rig: Rig
    path: str

    def page(self, **query: str) -> TestResponse:
        """Fetch its page."""
        return self.rig.get(self.path, **query)

    def fields(self, **query: str) -> dict[str, str]:
        """Return the hidden fields of its PIN form."""
        return hidden_fields(self.page(**query))

    def enter(self, pin: str = PIN, **changes: str) -> TestResponse:
        """Type a PIN into a freshly fetched page."""
        return self.rig.post(f"{self.path}/pin", **{**self.fields(), "pin": pin, **changes})

    def cancel(self) -> TestResponse:
        """Press やめて戻る."""
        return self.rig.post(f"{self.path}/cancel", token=self.fields()["token"])


def is_notice(location: str) -> bool:
    """Tell whether an answer leads to the page that shows what a form brought."""
    return location.startswith("/reading/") and "after=" in location


def hidden_fields(answer: TestResponse) -> dict[str, str]:
    """Return all hidden fields of a page by name."""
    pattern = r'<input type="hidden" name="([^"]+)" value="([^"]*)">'
    return dict(re.findall(pattern, answer.text))


def page_name(answer: TestResponse) -> str:
    """Return which page it is."""
    found = re.search(r'<main data-page="([^"]+)">', answer.text)
    assert found is not None, answer.text[:500]
    return found[1]


def back_to(site: FakeSite, query: str) -> str:
    """Return the address at the site to which the browser goes back."""
    return f"{site.origin}{RETURN_PATH}?{query}"


def check_signature(proof: dict[str, Any], public_key: Any, claims: dict[str, Any]) -> None:
    """Fail unless the proof's signature covers the request's statement."""
    statement = wire.CardRequest.from_claims(claims).statement()
    public_key.verify(bytes.fromhex(proof["signature"]), statement, PKCS1v15(), SHA256())
