"""Revocation from a file of lists, by the rules of ``zaitaku.sdk.crl``."""

from datetime import datetime
from pathlib import Path

from cryptography import x509

from zaitaku.identity.revocation.source import RevocationStatus
from zaitaku.sdk.crl import RevocationLists


class CrlFile:
    """Revocation lists in a file that somebody keeps up to date."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lists = RevocationLists(path)

    def status(
        self, certificate: x509.Certificate, issuer: x509.Certificate, now: datetime
    ) -> RevocationStatus:
        """Look the certificate up in the lists of ``issuer`` that are current at ``now``.

        ``UNKNOWN`` when the file is away or broken, or no list in it is signed by the issuer,
        current (a passed nextUpdate ends a list) and meant for this certificate.
        """
        return RevocationStatus(self._lists(certificate, issuer, now))

    def first_end(self) -> datetime | None:
        """Return when the first of the lists ends; ``None`` when there is none that does."""
        return self._lists.first_end()
