"""Verification of a card's proof, for sites that run without zaitaku's server.

The path has one step, from a given root to the card's certificate. The order is the server's own
(``zaitaku.identity.verification``): nothing in a certificate is believed before a root has signed
it, and nobody is asked about revocation before the sender has shown that they hold the card. Both
are held to the same vectors.
"""

import hashlib
import hmac
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtensionOID, SignatureAlgorithmOID

from zaitaku import wire
from zaitaku.sdk.algorithms import Algorithm, algorithm_for
from zaitaku.sdk.certificates import UNREADABLE, find_extension, unknown_critical
from zaitaku.sdk.errors import (
    CertificateExpired,
    CertificateNotYetValid,
    CertificateRevoked,
    RevocationUnknown,
    SignatureMismatch,
    UnknownAuthority,
    WrongCertificate,
)
from zaitaku.sdk.trust import CardTrust, Revocation

AUTH_POLICY: Final = x509.ObjectIdentifier("1.2.392.200149.8.5.1.3.30")
"""Certificate policy of the 利用者証明用電子証明書."""
MAXIMUM_CERTIFICATE_BYTES: Final = 8192
_UNDERSTOOD: Final = frozenset(
    {
        ExtensionOID.BASIC_CONSTRAINTS,
        ExtensionOID.KEY_USAGE,
        ExtensionOID.CERTIFICATE_POLICIES,
    }
)
_ISSUED_WITH: Final = frozenset(
    {SignatureAlgorithmOID.RSA_WITH_SHA256, SignatureAlgorithmOID.ECDSA_WITH_SHA384}
)


@dataclass(frozen=True)
class Challenge:
    """What one card is asked to sign, once."""

    name: str
    origin: str
    nonce: str
    """``wire.NONCE_BYTES`` random bytes in lower-case hex."""
    document: str
    """Canonical consent document."""

    @property
    def statement(self) -> bytes:
        """The bytes that the card has to sign."""
        nonce = bytes.fromhex(self.nonce)
        return wire.statement(origin=self.origin, nonce=nonce, document=self.document)


@dataclass(frozen=True)
class VerifiedProof:
    """A card that signed this document: made only by ``verify_proof``."""

    challenge: Challenge
    algorithm: str
    """Name of the ``Algorithm``; keep it with ``public_key`` and ``signature`` as evidence."""
    public_key: bytes
    """SubjectPublicKeyInfo (RFC 5280 §4.1), DER."""
    signature: bytes
    certificate_expires: datetime
    verified_at: datetime
    identity: bytes = field(repr=False)
    """Issuer's key and serial number: what makes a certificate one of its kind (RFC 5280
    §4.1.2.2)."""

    def subject(self, key: bytes) -> str:
        """Return the name under which to know this card: a keyed hash, 64 hex characters.

        A serial number has so few values that an unkeyed hash of it can be undone.

        Raises:
            ValueError: ``key`` is shorter than 32 bytes.
        """
        if len(key) < hashlib.sha256().digest_size:
            raise ValueError("the key needs at least 32 bytes")
        return hmac.digest(key, self.identity, "sha256").hex()


def verify_proof(
    *, challenge: Challenge, proof: wire.CardProof, trust: CardTrust, now: datetime
) -> VerifiedProof:
    """Verify that a valid card signed ``challenge``.

    Raises:
        ValueError: the proof is for another challenge.
        WrongCertificate: unreadable, or of another policy, usage, algorithm or key.
        UnknownAuthority: no given root signed it.
        CertificateNotYetValid: its or its root's period has not begun at ``now``.
        CertificateExpired: its or its root's period is over at ``now``.
        SignatureMismatch: the signature does not cover the challenge's statement.
        CertificateRevoked: the authority revoked it.
        RevocationUnknown: nobody could say whether it did.
    """
    if proof.challenge != challenge.name:
        raise ValueError("a proof for another challenge")
    card = _read_certificate(bytes.fromhex(proof.certificate))
    issuer = trust.issuer_of(card, now)
    if issuer is None:
        raise UnknownAuthority
    algorithm = _check_profile(card)
    for link in (issuer, card):
        _check_period(link, now)
    signature = bytes.fromhex(proof.signature)
    if not algorithm.is_valid(card.public_key(), signature, challenge.statement):
        raise SignatureMismatch
    _check_standing(trust.standing(card, issuer, now))
    return VerifiedProof(
        challenge=challenge,
        algorithm=algorithm.name,
        public_key=_public_key(card),
        signature=signature,
        certificate_expires=card.not_valid_after_utc,
        verified_at=now,
        identity=hashlib.sha256(_public_key(issuer)).digest() + _serial(card),
    )


def _read_certificate(encoded: bytes) -> x509.Certificate:
    if len(encoded) > MAXIMUM_CERTIFICATE_BYTES:
        raise WrongCertificate("too long")
    try:
        card = x509.load_der_x509_certificate(encoded)
    except UNREADABLE as error:
        raise WrongCertificate("unreadable") from error
    if card.serial_number <= 0:  # RFC 5280 §4.1.2.2; the library only warns
        raise WrongCertificate("serial number")
    # The count of unused bits before the signature is one octet that nobody signs (X.690 §11.2).
    if not encoded.endswith(b"\0" + card.signature):
        raise WrongCertificate("signature field")
    return card


def _check_profile(card: x509.Certificate) -> Algorithm:
    try:
        extensions = card.extensions
        algorithm = algorithm_for(card.public_key())
    except UNREADABLE as error:
        raise WrongCertificate("unreadable content") from error
    if algorithm is None or card.signature_algorithm_oid not in _ISSUED_WITH:
        raise WrongCertificate("algorithm")
    if unknown_critical(extensions, _UNDERSTOOD) is not None:
        raise WrongCertificate("critical extension")
    _check_usage(extensions)
    return algorithm


def _check_usage(extensions: x509.Extensions) -> None:
    constraints = find_extension(extensions, x509.BasicConstraints)
    if constraints is not None and constraints.ca:
        raise WrongCertificate("an authority's own certificate")
    usage = find_extension(extensions, x509.KeyUsage)
    if usage is None or not usage.digital_signature:
        raise WrongCertificate("key usage")
    policies = find_extension(extensions, x509.CertificatePolicies)
    if policies is None or AUTH_POLICY not in {policy.policy_identifier for policy in policies}:
        raise WrongCertificate("policy")


def _check_period(certificate: x509.Certificate, now: datetime) -> None:
    if now < certificate.not_valid_before_utc:
        raise CertificateNotYetValid
    if now > certificate.not_valid_after_utc:
        raise CertificateExpired


def _check_standing(standing: Revocation) -> None:
    if standing is Revocation.REVOKED:
        raise CertificateRevoked
    if standing is not Revocation.GOOD:
        raise RevocationUnknown


def _public_key(certificate: x509.Certificate) -> bytes:
    key = certificate.public_key()
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _serial(certificate: x509.Certificate) -> bytes:
    serial = certificate.serial_number
    return serial.to_bytes((serial.bit_length() + 7) // 8, "big")
