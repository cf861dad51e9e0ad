"""Revocation on line: asking an OCSP responder (RFC 6960) about one certificate."""

import secrets
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from zaitaku.identity.revocation.answer import VerifiedAnswer, verify_answer
from zaitaku.identity.revocation.exchange import Exchange, HttpExchange
from zaitaku.identity.revocation.memory import AnswerMemory
from zaitaku.identity.revocation.online import Online
from zaitaku.identity.revocation.source import RevocationStatus

NONCE_BYTES: Final = 32
"""As RFC 9654 §2.1 recommends."""


class Ocsp:
    """An OCSP responder of the authority, or a cache before it.

    A nonce goes with each question. It must come back, so that an old answer cannot be played
    again; a cache cannot know it, so where the operator sets a ``freshness`` an answer without
    nonce is taken that is not older.
    """

    def __init__(
        self,
        url: str,
        *,
        exchange: Exchange | None = None,
        freshness: timedelta | None = None,
        memory: AnswerMemory | None = None,
    ) -> None:
        """``url`` is asked by HTTP POST unless another ``exchange`` is given."""
        self.exchange = exchange or HttpExchange(url)
        self.freshness = freshness
        self._online = Online("ocsp responder", self._ask, memory=memory)

    def status(
        self, certificate: x509.Certificate, issuer: x509.Certificate, now: datetime
    ) -> RevocationStatus:
        """Ask the responder, unless its last answer still stands at ``now``.

        ``UNKNOWN`` when it is away, or its answer is refused or says so.
        """
        return self._online.status(certificate, issuer, now)

    def _ask(
        self, certificate: x509.Certificate, issuer: x509.Certificate, now: datetime
    ) -> VerifiedAnswer:
        nonce = secrets.token_bytes(NONCE_BYTES)
        builder = ocsp.OCSPRequestBuilder().add_certificate(certificate, issuer, SHA256())
        request = builder.add_extension(x509.OCSPNonce(nonce), critical=False).build()
        content = self.exchange(request.public_bytes(Encoding.DER))
        return verify_answer(
            content=content,
            request=request,
            nonce=nonce,
            issuer=issuer,
            now=now,
            freshness=self.freshness,
        )
