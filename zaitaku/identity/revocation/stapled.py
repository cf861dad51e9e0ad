"""An authority's answer that somebody else fetched and hands over with something (stapled).

It carries no nonce of ours, so only its age tells it from one that has been true once.
"""

from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.x509 import ocsp

from zaitaku.identity.revocation.answer import AnswerRefused, VerifiedAnswer, verify_answer
from zaitaku.identity.revocation.exchange import ANSWER_LIMIT
from zaitaku.sdk.certificates import UNREADABLE

_NAMING_HASHES: Final = (SHA256, SHA1)
"""They only name the certificate (RFC 6960 §4.1.1); many responders know SHA-1 alone."""


def verify_stapled(
    *,
    content: bytes,
    certificate: x509.Certificate,
    issuer: x509.Certificate,
    freshness: timedelta,
    now: datetime,
) -> VerifiedAnswer:
    """Verify a DER answer about ``certificate``, not further back than ``freshness`` at ``now``.

    Raises:
        AnswerRefused: too long, not the authority's word, about another certificate, too old, or
            from the future.
    """
    if len(content) > ANSWER_LIMIT:
        raise AnswerRefused("too long")
    algorithm = _naming_hash(content)
    builder = ocsp.OCSPRequestBuilder().add_certificate(certificate, issuer, algorithm)
    return verify_answer(
        content=content,
        request=builder.build(),
        nonce=None,
        issuer=issuer,
        now=now,
        freshness=freshness,
    )


def _naming_hash(content: bytes) -> SHA1 | SHA256:
    """Return the hash with which the answer names its certificate: it only names."""
    try:
        used = {type(single.hash_algorithm) for single in _singles(content)}
    except UNREADABLE as error:
        raise AnswerRefused("unreadable") from error
    found = next((algorithm for algorithm in _NAMING_HASHES if algorithm in used), None)
    if found is None:
        raise AnswerRefused("about another certificate")
    return found()


def _singles(content: bytes) -> list[ocsp.OCSPSingleResponse]:
    response = ocsp.load_der_ocsp_response(content)
    if response.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
        return []
    return list(response.responses)
