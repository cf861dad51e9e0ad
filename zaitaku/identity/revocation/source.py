"""What every revocation source promises, and several of them in a row."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, Protocol

from cryptography import x509
from cryptography.hazmat.primitives import hashes

CLOCK_SKEW: Final = timedelta(minutes=5)
"""How far the authority's clock may be ahead of or behind ours."""

STRONG_HASHES: Final = (hashes.SHA256, hashes.SHA384, hashes.SHA512)
"""What an authority may sign its lists and answers with."""


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
    """Sources in a row: the first that decides is believed, later ones are not asked.

    So what one source revokes no later one can call good, and an answer is as fresh as the first
    source promises. Nobody decides: ``UNKNOWN``.
    """

    def __init__(self, sources: Iterable[RevocationSource]) -> None:
        self.sources = tuple(sources)

    def status(
        self, certificate: x509.Certificate, issuer: x509.Certificate, now: datetime
    ) -> RevocationStatus:
        """Ask each source until one decides."""
        for source in self.sources:
            status = source.status(certificate, issuer, now)
            if status is not RevocationStatus.UNKNOWN:
                return status
        return RevocationStatus.UNKNOWN
