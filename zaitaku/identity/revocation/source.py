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
    """Sources in a row: what any of them revokes is revoked, whatever the others say.

    The first that says so ends the asking, so a local list that knows better saves a question to
    a responder. Good is what at least one source knows and none contradicts; where nobody knows,
    ``UNKNOWN``.
    """

    def __init__(self, sources: Iterable[RevocationSource]) -> None:
        self.sources = tuple(sources)

    def status(
        self, certificate: x509.Certificate, issuer: x509.Certificate, now: datetime
    ) -> RevocationStatus:
        """Ask the sources in their order."""
        known = RevocationStatus.UNKNOWN
        for source in self.sources:
            status = source.status(certificate, issuer, now)
            if status is RevocationStatus.REVOKED:
                return status
            if status is RevocationStatus.GOOD:
                known = status
        return known
