"""Reading an OCSP answer (RFC 6960): what has to hold before one word of it is believed."""

import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID, OCSPExtensionOID

from zaitaku.identity.revocation.source import RevocationStatus
from zaitaku.sdk.certificates import (
    CLOCK_SKEW,
    STRONG_HASHES,
    UNREADABLE,
    did_sign,
    find_extension,
    is_in_period,
    unknown_critical,
)

_STATUSES: Final = {
    ocsp.OCSPCertStatus.GOOD: RevocationStatus.GOOD,
    ocsp.OCSPCertStatus.REVOKED: RevocationStatus.REVOKED,
    ocsp.OCSPCertStatus.UNKNOWN: RevocationStatus.UNKNOWN,
}
_UNDERSTOOD_IN_ANSWER: Final = frozenset({OCSPExtensionOID.NONCE})
_UNDERSTOOD_IN_RESPONDER: Final = frozenset(
    {
        ExtensionOID.BASIC_CONSTRAINTS,
        ExtensionOID.KEY_USAGE,
        ExtensionOID.EXTENDED_KEY_USAGE,
        ExtensionOID.CERTIFICATE_POLICIES,
        ExtensionOID.OCSP_NO_CHECK,
    }
)


class AnswerRefused(Exception):
    """The answer is not to be believed; the text is for the log and names no certificate."""


@dataclass(frozen=True)
class VerifiedAnswer:
    """What the authority said, and until when it stands (``None``: for this question only)."""

    status: RevocationStatus
    next_update: datetime | None


def verify_answer(
    *,
    content: bytes,
    request: ocsp.OCSPRequest,
    nonce: bytes | None,
    issuer: x509.Certificate,
    now: datetime,
    freshness: timedelta | None = None,
) -> VerifiedAnswer:
    """Verify the DER ``content`` that answers ``request``.

    In the order of RFC 6960 §3.2: readable and successful; signed by the issuer or by a responder
    that the issuer appointed; for our question; about our certificate; recent enough.

    It is for our question when ``nonce`` is in it. Where ``freshness`` is given, an answer that has
    no nonce will do, if its thisUpdate is not further back; and where nobody asked (``nonce`` is
    ``None``: the answer was handed over, stapled), only its thisUpdate counts.

    Raises:
        AnswerRefused: one of these does not hold.
    """
    try:
        response = ocsp.load_der_ocsp_response(content)
        _check_success(response)
        _check_signature(response, issuer, now)
        is_ours = _is_ours(response, nonce)
        single = _single(response, request)
        status = _STATUSES[single.certificate_status]
    except UNREADABLE as error:
        raise AnswerRefused("unreadable") from error
    _check_time(single, now)
    ends = single.next_update_utc
    if not is_ours:
        ends = _fresh_until(single, freshness, now)
    return VerifiedAnswer(status, ends)


def _check_success(response: ocsp.OCSPResponse) -> None:
    if response.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
        raise AnswerRefused(f"status {response.response_status.name}")


def _check_signature(response: ocsp.OCSPResponse, issuer: x509.Certificate, now: datetime) -> None:
    appointed = (
        certificate
        for certificate in response.certificates
        if _is_appointed(certificate, issuer, now)
    )
    for signer in (issuer, *appointed):
        if _is_named(response, signer) and _did_sign_answer(signer, response):
            return
    raise AnswerRefused("not signed by the issuer or its responder")


def _is_appointed(certificate: x509.Certificate, issuer: x509.Certificate, now: datetime) -> bool:
    """Tell whether ``issuer`` made this a responder's certificate (RFC 6960 §4.2.2.2).

    It must carry ``id-pkix-ocsp-nocheck``: otherwise its own revocation would have to be asked
    for, and there is nobody else to ask.
    """
    if not (did_sign(issuer, certificate) and is_in_period(certificate, now)):
        return False
    extensions = certificate.extensions
    usage = find_extension(extensions, x509.ExtendedKeyUsage)
    return (
        usage is not None
        and ExtendedKeyUsageOID.OCSP_SIGNING in usage
        and find_extension(extensions, x509.OCSPNoCheck) is not None
        and unknown_critical(extensions, _UNDERSTOOD_IN_RESPONDER) is None
    )


def _is_named(response: ocsp.OCSPResponse, signer: x509.Certificate) -> bool:
    if response.responder_name is not None:
        return response.responder_name == signer.subject
    digest = x509.SubjectKeyIdentifier.from_public_key(signer.public_key()).digest
    return response.responder_key_hash == digest


def _did_sign_answer(signer: x509.Certificate, response: ocsp.OCSPResponse) -> bool:
    algorithm = response.signature_hash_algorithm
    if not isinstance(algorithm, STRONG_HASHES):
        return False
    try:
        _verify(signer.public_key(), response, algorithm)
    except InvalidSignature:
        return False
    return True


def _verify(
    key: CertificatePublicKeyTypes,
    response: ocsp.OCSPResponse,
    algorithm: hashes.HashAlgorithm,
) -> None:
    message = response.tbs_response_bytes
    if isinstance(key, RSAPublicKey):
        key.verify(response.signature, message, PKCS1v15(), algorithm)
    elif isinstance(key, EllipticCurvePublicKey):
        key.verify(response.signature, message, ECDSA(algorithm))
    else:
        raise InvalidSignature


def _is_ours(response: ocsp.OCSPResponse, nonce: bytes | None) -> bool:
    """Tell whether the answer carries our nonce; one that carries another is refused."""
    extensions = response.extensions
    if unknown_critical(extensions, _UNDERSTOOD_IN_ANSWER) is not None:
        raise AnswerRefused("critical extension")
    found = find_extension(extensions, x509.OCSPNonce)
    if nonce is None or found is None:
        return False
    if not hmac.compare_digest(found.nonce, nonce):
        raise AnswerRefused("nonce")
    return True


def _fresh_until(
    single: ocsp.OCSPSingleResponse, freshness: timedelta | None, now: datetime
) -> datetime:
    """Return until when an answer that is not bound to a question may stand."""
    if freshness is None:
        raise AnswerRefused("nonce")
    ends = single.this_update_utc + freshness
    if now > ends:
        raise AnswerRefused("not fresh")
    return min(ends, single.next_update_utc or single.this_update_utc)


def _single(response: ocsp.OCSPResponse, request: ocsp.OCSPRequest) -> ocsp.OCSPSingleResponse:
    matching = [single for single in response.responses if _is_about(single, request)]
    if len(matching) != 1:
        raise AnswerRefused("about another certificate")
    return matching[0]


def _is_about(single: ocsp.OCSPSingleResponse, request: ocsp.OCSPRequest) -> bool:
    return (
        single.hash_algorithm.name == request.hash_algorithm.name
        and single.issuer_name_hash == request.issuer_name_hash
        and single.issuer_key_hash == request.issuer_key_hash
        and single.serial_number == request.serial_number
    )


def _check_time(single: ocsp.OCSPSingleResponse, now: datetime) -> None:
    if single.this_update_utc > now + CLOCK_SKEW:
        raise AnswerRefused("from the future")
    # Without nextUpdate newer information is always at hand (RFC 6960 §2.4): only fresh will do.
    ends = single.next_update_utc or single.this_update_utc
    # Nothing is added to the end: "never" is written as the last moment that there is.
    if now - CLOCK_SKEW > ends:
        raise AnswerRefused("out of date")
