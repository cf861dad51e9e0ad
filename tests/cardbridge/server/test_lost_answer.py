"""A proof whose answer was lost is sent again, to a site that takes one proof for a challenge."""

import json
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from werkzeug.test import TestResponse
from werkzeug.wrappers import Request, Response

from tests.cardbridge.cards import Material, make_card
from tests.cardbridge.server.fakesite import FakeSite, serving
from tests.cardbridge.server.rig import Opened, Rig, choices, document_of, hidden_fields, page_name
from tests.identity.world import KEYS, anchors_of, der, good
from zaitaku import wire
from zaitaku.cardbridge.trust import site as site_module
from zaitaku.cardbridge.virtual.card import VirtualCard
from zaitaku.cardbridge.virtual.inprocess import InProcessService
from zaitaku.cardbridge.virtual.reader import VirtualReader
from zaitaku.core.clock import SystemClock
from zaitaku.core.ephemeral import EphemeralStore, Fields
from zaitaku.core.ephemeral_sql import SqlEphemeralStore
from zaitaku.core.errors import StoreUnavailable, ZaitakuError
from zaitaku.core.ids import JourneyId
from zaitaku.identity.keys import RequestKeys
from zaitaku.identity.model import VerifiedCard
from zaitaku.identity.service import IdentityService
from zaitaku.identity.verification import ProofVerifier
from zaitaku.sandbox.authority import Generation, TestAuthority
from zaitaku.sandbox.profile import Period

PATIENCE = 0.4
"""Seconds for which the bridge waits for the site's answer here."""
JOURNEY = JourneyId("journey-1")
RETURN_PATH = "/j/journey-1/card/return"


@dataclass
class RealSite(FakeSite):
    """A site with the real service behind its door, and trouble on the way out of it."""

    identity: IdentityService | None = None
    troubles: list[str] = field(default_factory=list)

    def _take(self, request: Request) -> Response:
        body = json.loads(request.get_data())
        self.proofs.append(body)
        answer = self._accept(wire.CardProof.from_mapping(body))
        trouble = self.troubles.pop(0) if self.troubles else ""
        if trouble == "lost":
            time.sleep(PATIENCE * 2)
        return Response("{}", HTTPStatus.BAD_GATEWAY) if trouble == "gateway" else answer

    def _accept(self, proof: wire.CardProof) -> Response:
        assert self.identity is not None
        try:
            return Response(json.dumps({"code": self.identity.accept(proof)}))
        except ZaitakuError as error:
            return Response(json.dumps({"error": error.code}), error.status)


class DownOnce:
    """A store that is away when the outcome is to be written, once."""

    def __init__(self, store: EphemeralStore) -> None:
        self.store = store
        self.is_down = True

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)

    def create(self, key: str, fields: Fields, ttl: timedelta) -> bool:
        if key.startswith("outcome:") and self.is_down:
            self.is_down = False
            raise StoreUnavailable
        return self.store.create(key, fields, ttl)


@dataclass
class Scene:
    """A reading that the real service asked for."""

    site: RealSite
    identity: IdentityService
    token: str
    opened: Opened
    card: VirtualCard

    def send_again(self, page: TestResponse) -> TestResponse:
        """Press もう一度送る."""
        url = f"{self.opened.path}/send"
        return self.opened.rig.post(url, token=hidden_fields(page)["token"])

    def proven(self, answer: TestResponse) -> VerifiedCard:
        """Return what the site knows by the code with which the browser comes back."""
        assert answer.status_code == HTTPStatus.SEE_OTHER, page_name(answer)
        code = parse_qs(urlsplit(answer.location).query)["code"][0]
        verified = self.identity.outcome(code, JOURNEY)
        assert isinstance(verified, VerifiedCard)
        return verified


@pytest.fixture(scope="module")
def living(tmp_path_factory: pytest.TempPathFactory) -> TestAuthority:
    """An authority under this machine's clock, as the bridge is."""
    return TestAuthority.open(tmp_path_factory.mktemp("authority"), SystemClock())


@pytest.fixture
def scene(
    tmp_path: Path, living: TestAuthority, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Scene]:
    monkeypatch.setattr(site_module, "READ_SECONDS", PATIENCE)
    card = card_of(living, tmp_path / "issued.json")
    reader = VirtualReader()
    reader.insert(card)
    with (
        serving(RealSite()) as site,
        closing(SqlEphemeralStore(f"sqlite:///{tmp_path / 'store.db'}", SystemClock())) as store,
    ):
        assert isinstance(site, RealSite)
        site.identity = identity = service_of(living, store, site.origin, tmp_path)
        site.keys_body = json.dumps(identity.published_keys()).encode()
        rig = Rig(site, InProcessService(reader), tmp_path / "state")
        token = asked_by(identity)
        yield Scene(site, identity, token, opened_with(rig, token), card)


def card_of(authority: TestAuthority, path: Path) -> VirtualCard:
    now = SystemClock().now()
    issued = authority.issue_for(Period(now - timedelta(days=1), now + timedelta(days=99)))
    root = authority.roots[Generation.SECOND].certificate
    assert isinstance(issued.key, RSAPrivateKey)
    return make_card(path, Material(issued.key, der(issued.certificate), der(root)))


def service_of(
    authority: TestAuthority, store: EphemeralStore, origin: str, folder: Path
) -> IdentityService:
    return IdentityService(
        ephemeral=store,
        request_keys=RequestKeys.make(folder / "request-key.pem"),
        verifier=ProofVerifier(anchors_of(authority), good(), KEYS),
        origin=origin,
        clock=SystemClock(),
        lifetime=timedelta(minutes=10),
    )


def asked_by(identity: IdentityService) -> str:
    asked = identity.ask(
        journey=JOURNEY,
        document=document_of(choices()),
        choices=choices(),
        language="ja",
        return_path=RETURN_PATH,
    )
    return asked.token


def opened_with(rig: Rig, token: str) -> Opened:
    answer = rig.read(token)
    assert answer.status_code == HTTPStatus.SEE_OTHER, page_name(answer)
    return Opened(rig, urlsplit(answer.location).path)


@pytest.mark.parametrize("trouble", ["lost", "gateway"])
def test_a_proof_whose_answer_was_lost_is_sent_again_and_counts(scene: Scene, trouble: str) -> None:
    scene.site.troubles = [trouble]
    page = scene.opened.enter()
    assert page_name(page) == "send-failed"
    verified = scene.proven(scene.send_again(page))
    assert verified.document == document_of(choices())
    first, second = scene.site.proofs
    assert first == second
    assert scene.card.tries == 3


def test_a_proof_that_met_a_store_that_was_away_is_sent_again_and_counts(scene: Scene) -> None:
    scene.identity.ephemeral = DownOnce(scene.identity.ephemeral)
    page = scene.opened.enter()
    assert page_name(page) == "send-failed"
    assert scene.proven(scene.send_again(page)).journey == JOURNEY


def test_a_proof_that_counted_is_made_again_after_a_restart_and_finds_its_code(
    scene: Scene,
) -> None:
    """The bridge has forgotten that the card signed; the site has not, and judges."""
    scene.site.troubles = ["gateway"]
    scene.opened.enter()
    rig = scene.opened.rig
    again = Rig(rig.site, rig.readers, rig.state)
    answer = again.read(scene.token)
    verified = scene.proven(Opened(again, answer.location).enter())
    assert verified.journey == JOURNEY
    first, second = scene.site.proofs
    assert first == second


def test_a_challenge_that_another_proof_has_answered_leads_back(scene: Scene) -> None:
    scene.site.troubles = ["gateway"]
    page = scene.opened.enter()
    reading = scene.opened.rig.app.extensions["zaitaku-bridge"].desk._readings
    kept = next(iter(reading.values()))
    kept.proof = replace(kept.proof, signature="00")
    assert page_name(scene.send_again(page)) == "send-refused"
