"""Revocation from a file that renews itself while it is used."""

import logging
from collections.abc import Callable
from datetime import datetime
from threading import Lock, Thread

from cryptography import x509

from zaitaku.identity.revocation.crl import CrlFile
from zaitaku.identity.revocation.refresh import RETRY, CrlRefresh, RefreshFailed
from zaitaku.identity.revocation.source import RevocationStatus

logger = logging.getLogger(__name__)

Work = Callable[[], None]


def in_the_background(work: Work) -> None:
    """Run ``work`` in a thread that ends with it, and with the process."""
    try:
        Thread(target=work, name="crl-refresh", daemon=True).start()
    except RuntimeError as error:  # no thread is to be had, or the process is ending
        logger.warning("revocation lists not renewed: %s", error)


class FreshCrlFile:
    """Lists in a file, looked after by whoever asks for them.

    No patient waits for a list: the one that is there answers until its nextUpdate while a new one
    is fetched in the background. A deployment where nobody asks needs none; where the last one has
    ended meanwhile, whoever comes first is told to try again in a moment.
    """

    def __init__(
        self, refresh: CrlRefresh, *, start: Callable[[Work], None] = in_the_background
    ) -> None:
        self.file = CrlFile(refresh.path)
        self._refresh = refresh
        self._start = start
        self._looked_at: datetime | None = None
        self._lock = Lock()

    def status(
        self, certificate: x509.Certificate, issuer: x509.Certificate, now: datetime
    ) -> RevocationStatus:
        """Look the certificate up as ``CrlFile`` does; have the file renewed when it is time."""
        if self._is_time_to_look(now) and self._refresh.is_due(now):
            self._start(lambda: self._renew(now))
        return self.file.status(certificate, issuer, now)

    def _is_time_to_look(self, now: datetime) -> bool:
        with self._lock:
            looked_at = self._looked_at
            if looked_at is not None and looked_at <= now < looked_at + RETRY:
                return False
            self._looked_at = now
            return True

    def _renew(self, now: datetime) -> None:
        try:
            outcome = self._refresh.refresh(now)
        except RefreshFailed as failure:
            logger.warning("revocation lists not renewed: %s", failure.detail)
        else:
            logger.info("revocation lists: %s", outcome)
