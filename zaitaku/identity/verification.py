"""Verification of a card's proof.

The path has one step, from a pinned root to the card's certificate, so it is verified here check
by check instead of by a general path builder: each cause of refusal needs its own type, and the
authority's profile has neither a subject alternative name nor a readable subject.

The order of the checks is part of the design:

1. The certificate is readable. Nothing in it is believed yet.
2. A pinned root signed it. From here on its content is the authority's word.
3. It is an authentication certificate of a kind that we take (RFC 5280 §4.2, policy, key).
4. It and its root are in their period.
5. The card's signature covers this origin, nonce and document: whoever sent it holds the key.
6. It is not revoked. Asked last, because it may cost a question to the authority, and only those
   who have shown that they hold the card may cause one or learn its answer.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.x509.oid import ExtensionOID

from zaitaku.core.signing import Keyring
from zaitaku.identity.anchors import TrustAnchors
from zaitaku.identity.errors import (
    CertificateExpired,
    CertificateNotYetValid,
    CertificateRevoked,
    RevocationUnknown,
    SignatureMismatch,
    UnknownAuthority,
    WrongCertificate,
)
from zaitaku.identity.model import Challenge, VerifiedCard
from zaitaku.identity.revocation import RevocationSource, RevocationStatus
from zaitaku.identity.schemes import AUTHORITY_ALGORITHMS, SignatureScheme, scheme_for
from zaitaku.identity.subjects import public_key_bytes, serial_hashes, subject_hashes
from zaitaku.sdk.certificates import UNREADABLE, find_extension, unknown_critical

AUTH_POLICY: Final = x509.ObjectIdentifier("1.2.392.200149.8.5.1.3.30")
"""Certificate policy of the 利用者証明用電子証明書."""
MAXIMUM_CERTIFICATE_BYTES: Final = 8192
UNDERSTOOD_EXTENSIONS: Final = frozenset(
    {
        ExtensionOID.BASIC_CONSTRAINTS,
        ExtensionOID.KEY_USAGE,
        ExtensionOID.CERTIFICATE_POLICIES,
    }
)
"""Only these may be critical: RFC 5280 §4.2 refuses a critical one that is not processed."""


@dataclass(frozen=True)
class ProofVerifier:
    """What one deployment trusts and how it names patients."""

    anchors: TrustAnchors
    revocation: RevocationSource
    subject_keys: Keyring

    def hashes_of_serial(self, serial: int) -> tuple[tuple[str, ...], ...]:
        """Return the keyed hashes of a serial number that was typed, for each trusted root.

        It does not say which root issued it; within a root, the newest key goes first.
        """
        return tuple(
            serial_hashes(serial, issuer=root, keys=self.subject_keys)
            for root in self.anchors.roots
        )


def verify_card_proof(
    *,
    challenge: Challenge,
    certificate: bytes,
    signature: bytes,
    verifier: ProofVerifier,
    now: datetime,
) -> VerifiedCard:
    """Verify that a valid card signed ``challenge``; ``certificate`` is its DER encoding.

    Raises:
        WrongCertificate: unreadable, or of another policy, usage, algorithm or key.
        UnknownAuthority: no pinned root signed it.
        CertificateNotYetValid: its or its root's period has not begun at ``now``.
        CertificateExpired: its or its root's period is over at ``now``.
        SignatureMismatch: the signature does not cover the challenge's statement.
        CertificateRevoked: the authority revoked it.
        RevocationUnknown: no source knows whether it did.
    """
    card = read_certificate(certificate)
    issuer = verifier.anchors.issuer_of(card, now)
    if issuer is None:
        raise UnknownAuthority
    scheme = _check_profile(card)
    for link in (issuer, card):
        _check_period(link, now)
    if not scheme.is_valid(key=card.public_key(), signature=signature, message=challenge.statement):
        raise SignatureMismatch
    _check_revocation(verifier.revocation.status(card, issuer, now))
    return VerifiedCard(
        challenge=challenge.id,
        journey=challenge.journey,
        document=challenge.document,
        origin=challenge.origin,
        nonce=challenge.nonce,
        signature=signature,
        public_key=public_key_bytes(card),
        algorithm=scheme.name,
        subject_hashes=subject_hashes(certificate=card, issuer=issuer, keys=verifier.subject_keys),
        certificate_expires=card.not_valid_after_utc,
        verified_at=now,
    )


def read_certificate(encoded: bytes) -> x509.Certificate:
    """Read a DER certificate that a stranger sent.

    Raises:
        WrongCertificate: it is too long or not a certificate.
    """
    if len(encoded) > MAXIMUM_CERTIFICATE_BYTES:
        raise WrongCertificate("too long")
    try:
        card = x509.load_der_x509_certificate(encoded)
    except UNREADABLE as error:
        raise WrongCertificate("unreadable") from error
    if card.serial_number <= 0:  # RFC 5280 §4.1.2.2; the library only warns
        raise WrongCertificate("serial number")
    # The count of unused bits before the signature is the one octet that nobody signs and that
    # the library reads leniently: a certificate has one encoding here (X.690 §11.2).
    if not encoded.endswith(b"\0" + card.signature):
        raise WrongCertificate("signature field")
    return card


def _check_profile(card: x509.Certificate) -> SignatureScheme:
    try:
        extensions = card.extensions
        scheme = scheme_for(card.public_key())
    except UNREADABLE as error:
        raise WrongCertificate("unreadable content") from error
    if scheme is None or card.signature_algorithm_oid not in AUTHORITY_ALGORITHMS:
        raise WrongCertificate("algorithm")
    _check_critical(extensions)
    _check_usage(extensions)
    _check_policy(extensions)
    return scheme


def _check_critical(extensions: x509.Extensions) -> None:
    unknown = unknown_critical(extensions, UNDERSTOOD_EXTENSIONS)
    if unknown is not None:
        raise WrongCertificate(f"critical extension {unknown}")


def _check_usage(extensions: x509.Extensions) -> None:
    constraints = find_extension(extensions, x509.BasicConstraints)
    if constraints is not None and constraints.ca:
        raise WrongCertificate("an authority's own certificate")
    usage = find_extension(extensions, x509.KeyUsage)
    if usage is None or not usage.digital_signature:
        raise WrongCertificate("key usage")


def _check_policy(extensions: x509.Extensions) -> None:
    policies = find_extension(extensions, x509.CertificatePolicies)
    if policies is None or AUTH_POLICY not in {policy.policy_identifier for policy in policies}:
        raise WrongCertificate("policy")


def _check_period(certificate: x509.Certificate, now: datetime) -> None:
    if now < certificate.not_valid_before_utc:
        raise CertificateNotYetValid
    if now > certificate.not_valid_after_utc:
        raise CertificateExpired


def _check_revocation(status: RevocationStatus) -> None:
    if status is RevocationStatus.REVOKED:
        raise CertificateRevoked
    if status is not RevocationStatus.GOOD:
        raise RevocationUnknown
