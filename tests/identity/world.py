"""Challenges, holders of cards and revocation sources for the tests of identity."""

from collections.abc import Callable
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from tests.conftest import NOW
from zaitaku import wire
from zaitaku.core.ids import ChallengeId, JourneyId
from zaitaku.core.signing import Keyring
from zaitaku.identity.anchors import TrustAnchors
from zaitaku.identity.model import Challenge, VerifiedCard
from zaitaku.identity.revocation import RevocationSource, RevocationStatus
from zaitaku.identity.verification import ProofVerifier, verify_card_proof
from zaitaku.sandbox.authority import PINNED, TestAuthority
from zaitaku.sandbox.profile import Signer

ORIGIN = "https://zaitaku.example"
DOCUMENT = '{"decisions":[],"type":"zaitaku-consent/1"}'
KEYS = Keyring(("newest-key-of-thirty-two-characters", "former-key-of-thirty-two-characters"))
CHALLENGE = Challenge(
    id=ChallengeId("challenge-1"),
    journey=JourneyId("journey-1"),
    document=DOCUMENT,
    origin=ORIGIN,
    nonce=bytes(range(32)),
    expires_at=NOW + timedelta(minutes=10),
)


class Says:
    """A revocation source with one answer, which counts how often it is asked."""

    def __init__(self, answer: RevocationStatus) -> None:
        self.answer = answer
        self.asked = 0

    def status(
        self, certificate: x509.Certificate, issuer: x509.Certificate, now: datetime
    ) -> RevocationStatus:
        self.asked += 1
        return self.answer


def good() -> Says:
    return Says(RevocationStatus.GOOD)


def anchors_of(authority: TestAuthority) -> TrustAnchors:
    return TrustAnchors(tuple(authority.roots[entry].certificate for entry in PINNED))


def der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


def signed(card: Signer, message: bytes) -> bytes:
    return card.sign(message)


def proof(card: Signer, challenge: Challenge) -> wire.CardProof:
    signature = signed(card, challenge.statement)
    return wire.CardProof(challenge.id, der(card.certificate).hex(), signature.hex())


def verify(
    authority: TestAuthority,
    card: Signer,
    *,
    challenge: Challenge = CHALLENGE,
    signature: bytes | None = None,
    certificate: bytes | None = None,
    revocation: RevocationSource | None = None,
    now: datetime = NOW,
) -> VerifiedCard:
    """Verify ``card``'s proof for ``CHALLENGE``, with whatever a test puts in its place."""
    return verify_card_proof(
        challenge=challenge,
        certificate=der(card.certificate) if certificate is None else certificate,
        signature=signed(card, CHALLENGE.statement) if signature is None else signature,
        verifier=ProofVerifier(anchors_of(authority), revocation or good(), KEYS),
        now=now,
    )


Builder = x509.CertificateBuilder
Change = Callable[[Builder], Builder]
