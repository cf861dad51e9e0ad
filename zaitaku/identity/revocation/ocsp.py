"""Revocation on line: asking an OCSP responder (RFC 6960) about one certificate."""

import hmac
import logging
import secrets
from collections import OrderedDict
from datetime import datetime, timedelta
from threading import Lock
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from zaitaku.identity.revocation.answer import AnswerRefused, VerifiedAnswer, verify_answer
from zaitaku.identity.revocation.exchange import Exchange, HttpExchange, SourceAway
from zaitaku.identity.revocation.source import RevocationStatus
from zaitaku.identity.subjects import issuer_key_id

logger = logging.getLogger(__name__)

NONCE_BYTES: Final = 32
"""As RFC 9654 §2.1 recommends."""
LONGEST_MEMORY: Final = timedelta(hours=1)
MEMORY_SIZE: Final = 10_000


class Ocsp:
    """An OCSP responder of the authority.

    A nonce goes with each question and must come back, so an old answer cannot be played again.
    """

    def __init__(self, url: str, *, exchange: Exchange | None = None) -> None:
        """``url`` is asked by HTTP POST unless another ``exchange`` is given."""
        self.exchange = exchange or HttpExchange(url)
        self.memory = AnswerMemory()

    def status(
        self, certificate: x509.Certificate, issuer: x509.Certificate, now: datetime
    ) -> RevocationStatus:
        """Ask the responder, unless its last answer still stands at ``now``.

        ``UNKNOWN`` when it is away, or its answer is refused or says so.
        """
        remembered = self.memory.recall(certificate, issuer, now)
        if remembered is not None:
            return remembered
        try:
            answer = self._ask(certificate, issuer, now)
        except (SourceAway, AnswerRefused) as failure:
            logger.warning("ocsp responder: %s: %s", type(failure).__name__, failure)
            return RevocationStatus.UNKNOWN
        self.memory.keep(certificate, issuer, answer, now)
        return answer.status

    def _ask(
        self, certificate: x509.Certificate, issuer: x509.Certificate, now: datetime
    ) -> VerifiedAnswer:
        nonce = secrets.token_bytes(NONCE_BYTES)
        builder = ocsp.OCSPRequestBuilder().add_certificate(certificate, issuer, SHA256())
        request = builder.add_extension(x509.OCSPNonce(nonce), critical=False).build()
        content = self.exchange(request.public_bytes(Encoding.DER))
        return verify_answer(content=content, request=request, nonce=nonce, issuer=issuer, now=now)


class AnswerMemory:
    """The answers that still stand, under names from which no serial number can be read."""

    def __init__(self, *, size: int = MEMORY_SIZE, longest: timedelta = LONGEST_MEMORY) -> None:
        self.size = size
        self.longest = longest
        self._name_key = secrets.token_bytes(32)
        self._answers: OrderedDict[bytes, tuple[RevocationStatus, datetime]] = OrderedDict()
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._answers)

    def recall(
        self, certificate: x509.Certificate, issuer: x509.Certificate, now: datetime
    ) -> RevocationStatus | None:
        """Return the remembered status if it still stands at ``now``."""
        name = self._name(certificate, issuer)
        with self._lock:
            status, ends = self._answers.get(name, (None, now))
        return status if now < ends else None

    def keep(
        self,
        certificate: x509.Certificate,
        issuer: x509.Certificate,
        answer: VerifiedAnswer,
        now: datetime,
    ) -> None:
        """Remember a decided answer until its nextUpdate, for ``longest`` at most."""
        if answer.next_update is None or answer.status is RevocationStatus.UNKNOWN:
            return
        name = self._name(certificate, issuer)
        with self._lock:
            self._answers[name] = (answer.status, min(answer.next_update, now + self.longest))
            self._answers.move_to_end(name)
            while len(self._answers) > self.size:
                self._answers.popitem(last=False)

    def _name(self, certificate: x509.Certificate, issuer: x509.Certificate) -> bytes:
        value = issuer_key_id(issuer) + str(certificate.serial_number).encode()
        return hmac.digest(self._name_key, value, "sha256")
