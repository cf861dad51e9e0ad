"""The values of a card's proof, standard library only."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Self

from zaitaku import wire
from zaitaku.core.ephemeral import Fields
from zaitaku.core.ids import ChallengeId, JourneyId


@dataclass(frozen=True)
class SignedRequest:
    """A card request, ready for the browser to carry to the bridge."""

    challenge: ChallengeId
    token: str
    """The signed request (JWS compact serialization)."""
    expires_at: datetime


@dataclass(frozen=True)
class Challenge:
    """What one card is asked to sign, once."""

    id: ChallengeId
    journey: JourneyId
    document: str
    """Canonical consent document (RFC 8785 text)."""
    origin: str
    nonce: bytes
    expires_at: datetime
    hand_over: str = ""
    """The hand-over that the request was made for; empty: the journey's own browser."""

    @property
    def statement(self) -> bytes:
        """The bytes that the card has to sign."""
        return wire.statement(origin=self.origin, nonce=self.nonce, document=self.document)

    def to_fields(self) -> dict[str, str]:
        """Return this challenge as an entry of the short-lived store."""
        return {
            "id": self.id,
            "journey": self.journey,
            "document": self.document,
            "origin": self.origin,
            "nonce": self.nonce.hex(),
            "expires_at": self.expires_at.isoformat(),
            "hand_over": self.hand_over,
        }

    @classmethod
    def from_fields(cls, fields: Fields) -> Self:
        """Read back what ``to_fields`` wrote."""
        return cls(
            id=ChallengeId(fields["id"]),
            journey=JourneyId(fields["journey"]),
            document=fields["document"],
            origin=fields["origin"],
            nonce=bytes.fromhex(fields["nonce"]),
            expires_at=datetime.fromisoformat(fields["expires_at"]),
            hand_over=fields.get("hand_over", ""),
        )


@dataclass(frozen=True)
class VerifiedToken:
    """An ID token that binds this document: made only by ``oidc.service`` and its copy.

    The patient's own phone read the card, and the OpenID provider vouches for it.
    """

    challenge: ChallengeId
    journey: JourneyId
    document: str
    origin: str
    nonce: bytes
    """Of the challenge; the token's own ``nonce`` is the digest of the statement."""
    token: str = field(repr=False)
    """The ID token as it came (JWS compact serialization)."""
    key: str = field(repr=False)
    """The provider's public key that signed it, a JWK as JSON."""
    subject_hashes: tuple[str, ...]
    """Keyed hashes that stand for issuer and subject, newest key first."""
    expires: datetime
    """The token's ``exp``."""
    verified_at: datetime

    def to_fields(self) -> dict[str, str]:
        """Return this token as an entry of the short-lived store."""
        return {
            "challenge": self.challenge,
            "journey": self.journey,
            "document": self.document,
            "origin": self.origin,
            "nonce": self.nonce.hex(),
            "token": self.token,
            "key": self.key,
            "subject_hashes": " ".join(self.subject_hashes),
            "expires": self.expires.isoformat(),
            "verified_at": self.verified_at.isoformat(),
        }

    @classmethod
    def from_fields(cls, fields: Fields) -> Self:
        """Read back what ``to_fields`` wrote."""
        return cls(
            challenge=ChallengeId(fields["challenge"]),
            journey=JourneyId(fields["journey"]),
            document=fields["document"],
            origin=fields["origin"],
            nonce=bytes.fromhex(fields["nonce"]),
            token=fields["token"],
            key=fields["key"],
            subject_hashes=tuple(fields["subject_hashes"].split()),
            expires=datetime.fromisoformat(fields["expires"]),
            verified_at=datetime.fromisoformat(fields["verified_at"]),
        )


@dataclass(frozen=True)
class VerifiedCard:
    """A card that signed this document: made only by ``verify_card_proof`` and its copy.

    It has what a record needs as evidence, and neither the certificate nor its serial number.
    """

    challenge: ChallengeId
    journey: JourneyId
    document: str
    origin: str
    nonce: bytes
    signature: bytes
    public_key: bytes
    """SubjectPublicKeyInfo, DER."""
    algorithm: str
    """Name of the ``SignatureScheme``."""
    subject_hashes: tuple[str, ...]
    """Keyed hashes that stand for the certificate, newest key first."""
    certificate_expires: datetime
    verified_at: datetime

    def to_fields(self) -> dict[str, str]:
        """Return this card as an entry of the short-lived store."""
        return {
            "challenge": self.challenge,
            "journey": self.journey,
            "document": self.document,
            "origin": self.origin,
            "nonce": self.nonce.hex(),
            "signature": self.signature.hex(),
            "public_key": self.public_key.hex(),
            "algorithm": self.algorithm,
            "subject_hashes": " ".join(self.subject_hashes),
            "certificate_expires": self.certificate_expires.isoformat(),
            "verified_at": self.verified_at.isoformat(),
        }

    @classmethod
    def from_fields(cls, fields: Fields) -> Self:
        """Read back what ``to_fields`` wrote."""
        return cls(
            challenge=ChallengeId(fields["challenge"]),
            journey=JourneyId(fields["journey"]),
            document=fields["document"],
            origin=fields["origin"],
            nonce=bytes.fromhex(fields["nonce"]),
            signature=bytes.fromhex(fields["signature"]),
            public_key=bytes.fromhex(fields["public_key"]),
            algorithm=fields["algorithm"],
            subject_hashes=tuple(fields["subject_hashes"].split()),
            certificate_expires=datetime.fromisoformat(fields["certificate_expires"]),
            verified_at=datetime.fromisoformat(fields["verified_at"]),
        )


Verified = VerifiedCard | VerifiedToken
"""Who agreed to what, in either way: by a card at a reader, or by the patient's phone."""
