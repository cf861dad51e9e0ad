"""What was said about a certificate, for as long as it may be repeated."""

import hmac
import secrets
from collections import OrderedDict
from datetime import datetime, timedelta
from threading import Lock
from typing import Final

from cryptography import x509

from zaitaku.identity.revocation.answer import VerifiedAnswer
from zaitaku.identity.revocation.source import RevocationStatus
from zaitaku.identity.subjects import issuer_key_id

LONGEST_MEMORY: Final = timedelta(hours=1)
MEMORY_SIZE: Final = 10_000


class AnswerMemory:
    """The answers that still stand, under names from which no serial number can be read.

    It is bounded in number and in time, and keeps a revocation no longer than a good word: a
    certificate does not come back, but its holder may have been told so by mistake.
    """

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
        name = self.name(certificate, issuer)
        with self._lock:
            status, ends = self._answers.get(name, (None, now))
        # A clock that was set back must not make it stand longer.
        return status if now < ends <= now + self.longest else None

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
        name = self.name(certificate, issuer)
        with self._lock:
            self._answers[name] = (answer.status, min(answer.next_update, now + self.longest))
            self._answers.move_to_end(name)
            while len(self._answers) > self.size:
                self._answers.popitem(last=False)

    def name(self, certificate: x509.Certificate, issuer: x509.Certificate) -> bytes:
        """Return the name of a certificate in this process: a keyed hash."""
        value = issuer_key_id(issuer) + str(certificate.serial_number).encode()
        return hmac.digest(self._name_key, value, "sha256")
