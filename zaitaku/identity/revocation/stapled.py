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
    refusal = AnswerRefused("no naming hash")
    for algorithm in _NAMING_HASHES:
        builder = ocsp.OCSPRequestBuilder().add_certificate(certificate, issuer, algorithm())
        try:
            return verify_answer(
                content=content,
                request=builder.build(),
                nonce=None,
                issuer=issuer,
                now=now,
                freshness=freshness,
            )
        except AnswerRefused as error:
            refusal = error
    raise refusal
