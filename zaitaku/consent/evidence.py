"""What a record keeps as proof, and proving it years later, from the record alone.

No certificate, no authority and no network is asked: that the certificate was good on the day was
verified then. What is proved here is that this key signed exactly this document for exactly this
challenge, and that the words it names are the words that were published.

Of an ID token it is proved besides that it names our provider and us, was good on that day, and is
about the person whose credential the record names. Whose the key was that signed, the card's or the
provider's, stands in the record alone, which the database does not let anybody change. A provider
has few keys, so a list of them from elsewhere proves that too (``TokenTrust.provider_keys``).
"""

from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from zaitaku.consent.document import ConsentDocument
from zaitaku.consent.errors import EvidenceBroken, MalformedDocument, UnknownWording
from zaitaku.consent.model import ConsentRecord, Evidence, IdToken
from zaitaku.consent.statement import check_wordings
from zaitaku.consent.wording import Wordings
from zaitaku.identity.model import Verified, VerifiedCard, VerifiedToken
from zaitaku.identity.oidc.errors import AppRefused
from zaitaku.identity.oidc.id_token import (
    TokenTrust,
    Witness,
    public_key_of,
    signature_of,
    verify_kept_token,
)
from zaitaku.identity.schemes import SCHEMES
from zaitaku.wire import document_digest, statement

APP_ALGORITHM: Final = "openid-id-token-rs256"
"""Stands in a record's ``algorithm`` where an ID token is the evidence."""


@dataclass(frozen=True)
class TokenProof:
    """What a record with an ID token is proved against."""

    holder: str
    """The keyed hash under which the record's credential is known."""
    trust: TokenTrust


@dataclass(frozen=True)
class VerifiedRecord:
    """A record that proves itself, with what it says."""

    record: ConsentRecord
    document: ConsentDocument
    witness: Witness | None = None
    """Of an ID token; ``None``: a card signed."""


def evidence_of(verified: Verified) -> Evidence:
    """Return what the record keeps of a reading, by card or by phone."""
    if isinstance(verified, VerifiedToken):
        return _token_evidence(verified)
    return _card_evidence(verified)


def _card_evidence(card: VerifiedCard) -> Evidence:
    return Evidence(
        origin=card.origin,
        nonce=card.nonce,
        signature=card.signature,
        public_key=card.public_key,
        algorithm=card.algorithm,
        certificate_expires=card.certificate_expires,
        verified_at=card.verified_at,
    )


def _token_evidence(verified: VerifiedToken) -> Evidence:
    return Evidence(
        origin=verified.origin,
        nonce=verified.nonce,
        signature=signature_of(verified.token),
        public_key=public_key_of(verified.key),
        algorithm=APP_ALGORITHM,
        certificate_expires=verified.expires,
        verified_at=verified.verified_at,
        id_token=IdToken(verified.token, verified.key),
    )


def verify_record(
    *, record: ConsentRecord, wordings: Wordings, tokens: TokenProof | None = None
) -> VerifiedRecord:
    """Verify a record's digests, wordings and signature; without ``tokens`` no ID token is taken.

    Raises:
        EvidenceBroken: ``part`` is ``digest``, ``document``, ``journey``, ``wording``,
            ``algorithm``, ``public-key``, ``signature``, ``id-token``, ``holder`` or
            ``provider-key``.
    """
    if document_digest(record.document).hex() != record.document_sha256:
        raise EvidenceBroken("digest")
    document = _document(record)
    try:
        check_wordings(document, wordings)
    except UnknownWording as error:
        raise EvidenceBroken("wording") from error
    if record.evidence.id_token is None:
        _check_signature(record.evidence, record.document)
        return VerifiedRecord(record, document)
    if tokens is None:
        raise EvidenceBroken("id-token")
    witness = _token_witness(record.evidence, record.evidence.id_token, record.document, tokens)
    return VerifiedRecord(record, document, witness)


def _document(record: ConsentRecord) -> ConsentDocument:
    try:
        document = ConsentDocument.parse_canonical(record.document)
    except MalformedDocument as error:
        raise EvidenceBroken("document") from error
    if document.journey != record.journey:
        raise EvidenceBroken("journey")
    return document


def _check_signature(evidence: Evidence, document: str) -> None:
    scheme = next((known for known in SCHEMES if known.name == evidence.algorithm), None)
    if scheme is None:
        raise EvidenceBroken("algorithm")
    try:
        key = load_der_public_key(evidence.public_key)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise EvidenceBroken("public-key") from error
    message = statement(origin=evidence.origin, nonce=evidence.nonce, document=document)
    if not isinstance(key, RSAPublicKey | EllipticCurvePublicKey) or not scheme.accepts(key):
        raise EvidenceBroken("public-key")
    if not scheme.is_valid(key=key, signature=evidence.signature, message=message):
        raise EvidenceBroken("signature")


def _token_witness(evidence: Evidence, kept: IdToken, document: str, tokens: TokenProof) -> Witness:
    if evidence.algorithm != APP_ALGORITHM:
        raise EvidenceBroken("algorithm")
    witness = _verified_token(evidence, kept, document, tokens.trust)
    known = tokens.trust.provider_keys
    if known is not None and witness.thumbprint not in known:
        raise EvidenceBroken("provider-key")
    if tokens.holder not in witness.subject_hashes:
        raise EvidenceBroken("holder")
    return witness


def _verified_token(evidence: Evidence, kept: IdToken, document: str, trust: TokenTrust) -> Witness:
    message = statement(origin=evidence.origin, nonce=evidence.nonce, document=document)
    try:
        witness = verify_kept_token(
            token=kept.token,
            key=kept.key,
            statement=message,
            at=evidence.verified_at,
            trust=trust,
        )
        is_whole = evidence.signature == signature_of(kept.token)
        is_key = evidence.public_key == public_key_of(kept.key)
    except AppRefused as error:
        raise EvidenceBroken("id-token") from error
    if not is_key:
        raise EvidenceBroken("public-key")
    if not is_whole:
        raise EvidenceBroken("signature")
    return witness
