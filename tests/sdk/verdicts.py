"""What SDK and server say of one proof."""

from functools import cache

from cryptography import x509

from tests.identity.world import KEYS, Says
from tests.sdk.vectors import CHALLENGE, NOW, PROOFS
from zaitaku import wire
from zaitaku.core.ids import ChallengeId, JourneyId
from zaitaku.identity.anchors import TrustAnchors
from zaitaku.identity.errors import VerificationFailed
from zaitaku.identity.model import Challenge
from zaitaku.identity.revocation import RevocationStatus
from zaitaku.identity.verification import ProofVerifier, verify_card_proof
from zaitaku.sdk import CardTrust, ProofRefused, Revocation, verify_proof


@cache
def roots() -> tuple[x509.Certificate, ...]:
    """Return the roots of the vectors."""
    return tuple(x509.load_pem_x509_certificates(PROOFS["roots"].encode()))


def of_sdk(certificate: bytes, signature: bytes, revocation: str = "good") -> str:
    """Return the SDK's verdict."""
    proof = wire.CardProof(CHALLENGE.name, certificate.hex(), signature.hex())
    trust = CardTrust(roots(), lambda *_: Revocation(revocation))
    try:
        verify_proof(challenge=CHALLENGE, proof=proof, trust=trust, now=NOW)
    except ProofRefused as refusal:
        return refusal.code
    return "verified"


def of_server(certificate: bytes, signature: bytes, revocation: str = "good") -> str:
    """Return the server's verdict."""
    challenge = Challenge(
        id=ChallengeId(CHALLENGE.name),
        journey=JourneyId("journey-1"),
        document=CHALLENGE.document,
        origin=CHALLENGE.origin,
        nonce=bytes.fromhex(CHALLENGE.nonce),
        expires_at=NOW,
    )
    says = Says(RevocationStatus(revocation))
    try:
        verify_card_proof(
            challenge=challenge,
            certificate=certificate,
            signature=signature,
            verifier=ProofVerifier(TrustAnchors(roots()), says, KEYS),
            now=NOW,
        )
    except VerificationFailed as failure:
        return failure.code
    return "verified"
