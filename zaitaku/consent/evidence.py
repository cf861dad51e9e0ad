"""Proving a record years later, from the record alone.

No certificate, no authority and no network is asked: that the certificate was good on the day was
verified then. What is proved here is that this key signed exactly this document for exactly this
challenge, and that the words it names are the words that were published.
"""

from dataclasses import dataclass

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from zaitaku.consent.document import ConsentDocument
from zaitaku.consent.errors import EvidenceBroken, MalformedDocument, UnknownWording
from zaitaku.consent.model import ConsentRecord, Evidence
from zaitaku.consent.statement import check_wordings
from zaitaku.consent.wording import Wordings
from zaitaku.identity.schemes import SCHEMES
from zaitaku.wire import document_digest, statement


@dataclass(frozen=True)
class VerifiedRecord:
    """A record that proves itself, with what it says."""

    record: ConsentRecord
    document: ConsentDocument


def verify_record(*, record: ConsentRecord, wordings: Wordings) -> VerifiedRecord:
    """Verify a record's digests, wordings and signature.

    Raises:
        EvidenceBroken: ``part`` is ``digest``, ``document``, ``journey``, ``wording``,
            ``algorithm``, ``public-key`` or ``signature``.
    """
    if document_digest(record.document).hex() != record.document_sha256:
        raise EvidenceBroken("digest")
    document = _document(record)
    try:
        check_wordings(document, wordings)
    except UnknownWording as error:
        raise EvidenceBroken("wording") from error
    _check_signature(record.evidence, record.document)
    return VerifiedRecord(record, document)


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
