"""No log line, metric or span tells of a person, a journey or a key: everything is walked and read.

What must not be told is taken from the walk itself, and each piece is first shown to have been
used, so that the search is known to search for something.
"""

import re
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.console.office import PASSWORD
from tests.patient.conftest import Cards
from tests.watching.collector import attributes
from tests.watching.conftest import Watched
from zaitaku.core.errors import StoreUnavailable
from zaitaku.eligibility.model import Insured, Sex
from zaitaku.eligibility.sandbox import SandboxEligibility
from zaitaku.identity.subjects import subject_hashes
from zaitaku.sandbox.profile import Signer

TARO = Insured("person-1", "在宅　太郎", "ザイタク　タロウ", date(1941, 3, 3), Sex.MALE)
PIN = "4931"
LIST = "/console/consented-patients"
RANDOM = re.compile(r"[A-Za-z0-9_-]{22,}")


@dataclass
class Ear:
    """Hears what passes between browsers and the site: addresses, forms, cookies, pages."""

    passed: list[str] = field(default_factory=list)

    def listen(self, app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
        """Hear what every browser and bridge of ``app`` sends and gets from now on."""
        ear = self

        class Heard(FlaskClient):
            def open(self, *args: Any, **options: Any) -> TestResponse:
                answer = super().open(*args, **options)
                ear.passed += [str(args), str(options), answer.get_data(as_text=True)]
                ear.passed.append(str(answer.headers))
                return answer

        monkeypatch.setattr(app, "test_client_class", Heard)

    @property
    def text(self) -> str:
        """All of it."""
        return "\n".join(self.passed)


def insure(watched: Watched, card: Signer) -> tuple[str, ...]:
    services = watched.site.services
    issuer = services.identity.verifier.anchors.issuer_of(card.certificate, services.clock.now())
    assert issuer is not None
    keys = services.settings.subject_keys
    hashes = subject_hashes(certificate=card.certificate, issuer=issuer, keys=keys)
    SandboxEligibility(services.database).bind(hashes[0], TARO)
    return hashes


def walk(watched: Watched, cards: Cards) -> str:
    """Register, then fail in many ways; return the journey's path."""
    visitor = watched.site.visitor()
    journey = visitor.walk_to_card()
    assert visitor.read_card(journey, cards.good) == 200
    assert visitor.heading == "登録が終わりました"
    for card in (cards.expired, cards.revoked, cards.foreign):
        refused = watched.site.visitor()
        other = refused.walk_to_card()
        assert refused.read_card(other, card) >= 400
    stranger = watched.site.visitor()
    assert stranger.get(journey + "/check") >= 400
    assert stranger.get(f"/r/nobody.knows?pin={PIN}&name={TARO.name}") == 404
    assert stranger.get(f"/{TARO.kana}") == 404
    stranger.get("/e")
    stranger.send(number="1234567890123")
    assert stranger.post("/e", {"number": "1", "csrf_token": "forged"}) == 400
    return journey


def work(watched: Watched) -> None:
    """Look the patient up, withdraw, be refused."""
    browser = watched.office.browser()
    browser.log_in("kanri", "wrong-password-2026")
    browser.log_in("kanri")
    assert browser.get(LIST) == 200
    assert browser.get(f"{LIST}?kana=ザイタク&name=在宅　太郎&birth_date=1941-03-03") in {200, 422}
    assert browser.get(LIST) == 200
    browser.get(next(href for label, href in browser.links().items() if "在宅" in label))
    assert TARO.name.replace("　", " ") in browser.text
    for page in ("audit-trail", "accounts", "urls", "settings", "view-history"):
        browser.get(f"/console/{page}")


def break_down(watched: Watched) -> None:
    """Fail as nobody foresaw, with words that nobody may read."""
    app = watched.site.app

    def fail() -> str:
        raise RuntimeError(f"{TARO.name} {PIN}")

    def away() -> str:
        raise StoreUnavailable("OperationalError") from ValueError(TARO.kana)

    client = app.test_client()
    kept = app.view_functions["ops.alive"]
    for view in (fail, away):
        app.view_functions["ops.alive"] = view
        assert client.get("/healthz", base_url="http://localhost:8000").status_code >= 500
    app.view_functions["ops.alive"] = kept


def secrets_of(watched: Watched, cards: Cards, ear: Ear, journey: str) -> dict[str, str]:
    """Return everything that may not be told, by what it is."""
    site = watched.site
    receipt = site.services.consent.receipt_of(journey.removeprefix("/j/"))  # type: ignore[arg-type]
    assert receipt is not None
    certificate = cards.good.certificate
    named = {
        "name": TARO.name,
        "surname": "在宅　",
        "kana": TARO.kana,
        "birth date": "1941-03-03",
        "birth date, spoken": "1941年3月3日",
        "typed number": "1234567890123",
        "password": PASSWORD,
        "wrong password": "wrong-password-2026",
        "URL token": site.path().removeprefix("/r/"),
        "journey": journey.removeprefix("/j/"),
        "reference": receipt.reference,
        "certificate": certificate.public_bytes(Encoding.DER).hex(),
        "user id": "user_id': 'kanri",
        "PIN": f"pin={PIN}",
    }
    drawn = {f"drawn: {text}": text for text in RANDOM.findall(ear.text) if is_drawn(text)}
    return named | drawn


def is_drawn(text: str) -> bool:
    """Tell a name that was drawn at random from a long word."""
    return (
        any(map(str.isupper, text)) and any(map(str.islower, text)) and bool(re.search(r"\d", text))
    )


def unseen(watched: Watched, cards: Cards, hashes: tuple[str, ...]) -> dict[str, str]:
    """Return what never passes a browser as it is, and may not be told either."""
    serial = cards.good.certificate.serial_number
    settings = watched.site.services.settings
    keys = (*settings.url_keys.keys, *settings.session_keys.keys, *settings.subject_keys.keys)
    return {
        "serial": str(serial),
        "serial in hex": f"{serial:x}",
        **{f"hash {number}": text for number, text in enumerate(hashes)},
        **{f"key {number}": text for number, text in enumerate(keys)},
        "PIN in words": f" {PIN}",
    }


def test_nothing_that_is_watched_tells_of_anybody(
    watched: Watched, cards: Cards, monkeypatch: pytest.MonkeyPatch
) -> None:
    ear = Ear()
    hashes = insure(watched, cards.good)
    ear.listen(watched.site.app, monkeypatch)
    journey = walk(watched, cards)
    work(watched)
    break_down(watched)
    watched.tracing.close()

    private = secrets_of(watched, cards, ear, journey)
    told = {
        "log": "\n".join(map(str, watched.lines())),
        "metrics": watched.metrics(),
        "traces": b"".join(watched.collector.bodies).decode("utf-8", "replace"),
    }
    assert not {name for name, text in private.items() if text not in ear.text}
    searched = {**private, **unseen(watched, cards, hashes)}
    assert len(searched) > 60
    leaks = {
        (place, name)
        for place, text in told.items()
        for name, secret in searched.items()
        if secret in text
    }
    assert leaks == set()
    assert_told_what_happened(watched)


def assert_told_what_happened(watched: Watched) -> None:
    metrics = watched.metrics()
    for line in (
        'zaitaku_journeys_total{event="begun"} 4.0',
        'zaitaku_journeys_total{event="registered"} 1.0',
        'zaitaku_proofs_total{outcome="good",way="card"} 1.0',
        'zaitaku_proofs_total{outcome="certificate-revoked",way="card"} 1.0',
        'zaitaku_requests_total{method="GET",route="/healthz",status="500"} 1.0',
        "zaitaku_requests_under_way 0.0",
        'zaitaku_store_uses{store="database"} 0.0',
    ):
        assert line in metrics, line
    answered = {each["request"] for each in watched.lines() if each["logger"] == "zaitaku.request"}
    assert all(re.fullmatch(r"\d{4}-\d{4}-\d{4}", each) for each in answered)
    spans = watched.collector.spans()
    requests = [attributes(span) for span in spans if span.kind == span.SPAN_KIND_SERVER]
    assert {each["zaitaku.request"] for each in requests} == answered
    assert {"verify card", "database write", "database read", "ephemeral merge"} <= {
        span.name for span in spans
    }
    known = {*REQUEST_ATTRIBUTES, "error.type"}
    assert {name for span in spans for name in attributes(span)} <= known
    assert all(each.keys() == REQUEST_ATTRIBUTES for each in requests)


REQUEST_ATTRIBUTES = frozenset(
    {"http.request.method", "http.route", "http.response.status_code", "zaitaku.request"}
)
