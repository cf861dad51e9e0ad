"""A service that asks and takes proofs, and what its tests do with it."""

import hashlib
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from tests.identity.world import KEYS, ORIGIN, anchors_of, der, good, signed
from zaitaku import wire
from zaitaku.core.clock import FixedClock
from zaitaku.core.ephemeral import EphemeralStore
from zaitaku.core.ids import JourneyId
from zaitaku.identity.keys import ALGORITHM, RequestKeys
from zaitaku.identity.model import SignedRequest
from zaitaku.identity.revocation import RevocationSource
from zaitaku.identity.service import IdentityService
from zaitaku.identity.verification import ProofVerifier
from zaitaku.sandbox.authority import TestAuthority
from zaitaku.sandbox.profile import Signer

JOURNEY = JourneyId("journey-1")
LIFETIME = timedelta(minutes=10)
WORDING = "手術情報を見ることに同意します。"
DOCUMENT = json.dumps(
    {
        "channel": "home-visit",
        "language": "ja",
        "operator": "self",
        "facility": {"name": "みどり坂クリニック"},
        "decisions": [
            {
                "decision": "grant",
                "item": "surgery",
                "wording": {"sha256": hashlib.sha256(WORDING.encode()).hexdigest()},
            }
        ],
    },
    separators=(",", ":"),
)
CHOICES = (wire.Choice("surgery", WORDING, True),)


@pytest.fixture
def keys(tmp_path: Path) -> RequestKeys:
    return RequestKeys.make(tmp_path / "request-key.pem")


Opener = Callable[[RevocationSource], IdentityService]


@pytest.fixture
def opened(
    authority: TestAuthority, ephemeral: EphemeralStore, clock: FixedClock, keys: RequestKeys
) -> Opener:
    """Open a service on a given revocation source."""
    return lambda revocation: IdentityService(
        ephemeral=ephemeral,
        request_keys=keys,
        verifier=ProofVerifier(anchors_of(authority), revocation, KEYS),
        origin=ORIGIN,
        clock=clock,
        lifetime=LIFETIME,
    )


@pytest.fixture
def service(opened: Opener) -> IdentityService:
    return opened(good())


def ask(
    service: IdentityService, journey: JourneyId = JOURNEY, hand_over: str = ""
) -> SignedRequest:
    return service.ask(
        journey=journey,
        document=DOCUMENT,
        choices=CHOICES,
        language="ja",
        return_path="/j/journey-1/card/return",
        hand_over=hand_over,
    )


def request_in(service: IdentityService, asked: SignedRequest) -> wire.CardRequest:
    """Read the signed request as a bridge does: with the published keys."""
    published = KeySet.import_key_set({"keys": service.published_keys()["keys"]})
    token = jwt.decode(asked.token, published, algorithms=[ALGORITHM])
    assert token.header["typ"] == wire.REQUEST_TYPE
    return wire.CardRequest.from_claims(token.claims)


def proof_of(service: IdentityService, asked: SignedRequest, card: Signer) -> wire.CardProof:
    request = request_in(service, asked)
    signature = signed(card, request.statement())
    return wire.CardProof(request.challenge, der(card.certificate).hex(), signature.hex())
