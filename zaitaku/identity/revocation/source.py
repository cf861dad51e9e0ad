"""What every revocation source promises, and several of them in a row."""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from cryptography import x509


class RevocationStatus(StrEnum):
    """What a source knows about one certificate."""

    GOOD = "good"
    REVOKED = "revoked"
    UNKNOWN = "unknown"
    """The source is away, out of date, or does not cover the certificate."""


class RevocationSource(Protocol):
    """Somebody who may know. Trouble of its own is ``UNKNOWN``, never an exception."""

    def status(
        self, certificate: x509.Certificate, issuer: x509.Certificate, now: datetime
    ) -> RevocationStatus:
        """Tell what is known at ``now`` about ``certificate``, which ``issuer`` signed."""
        ...


class RevocationChain:
    """Several sources that all have to agree: it fails closed.

    What any of them revokes is revoked. Good is only what every one of them calls good: a list that
    has ended, or a responder that is away, may be the very one that would have said otherwise. So
    one that does not know makes it ``UNKNOWN``, and so does a chain without sources. All are asked
    until one revokes: a revocation is told apart from not knowing.
    """

    def __init__(self, sources: Iterable[RevocationSource]) -> None:
        self.sources = tuple(sources)

    def status(
        self, certificate: x509.Certificate, issuer: x509.Certificate, now: datetime
    ) -> RevocationStatus:
        """Ask the sources in their order."""
        statuses = set()
        for source in self.sources:
            status = source.status(certificate, issuer, now)
            if status is RevocationStatus.REVOKED:
                return status
            statuses.add(status)
        agreed = statuses == {RevocationStatus.GOOD}
        return RevocationStatus.GOOD if agreed else RevocationStatus.UNKNOWN
