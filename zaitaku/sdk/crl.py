"""Revocation lists in a file (RFC 5280 §5), for sites that are given them."""

import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from zaitaku.sdk.trust import UNREADABLE, Revocation

_PEM: Final = re.compile(rb"-----BEGIN X509 CRL-----.+?-----END X509 CRL-----", re.DOTALL)


class RevocationLists:
    """Answers by the complete lists in one PEM file, read anew each time it is asked.

    Whoever keeps the file replaces it whole. A list counts for the root that signed it, until its
    ``nextUpdate``; where none counts, nothing is known.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def __call__(
        self, certificate: x509.Certificate, issuer: x509.Certificate, now: datetime
    ) -> Revocation:
        """Return what the lists of ``issuer`` say of ``certificate``."""
        lists = [one for one in self._read() if _counts(one, issuer, now)]
        if not lists:
            return Revocation.UNKNOWN
        serial = certificate.serial_number
        is_listed = any(one.get_revoked_certificate_by_serial_number(serial) for one in lists)
        return Revocation.REVOKED if is_listed else Revocation.GOOD

    def _read(self) -> Iterator[x509.CertificateRevocationList]:
        try:
            for block in _PEM.findall(self._path.read_bytes()):
                yield x509.load_pem_x509_crl(block)
        except (OSError, *UNREADABLE):
            return


def _counts(crl: x509.CertificateRevocationList, issuer: x509.Certificate, now: datetime) -> bool:
    ends = crl.next_update_utc
    is_fresh = ends is not None and crl.last_update_utc <= now < ends
    return is_fresh and crl.issuer == issuer.subject and _is_whole(crl) and _is_by(crl, issuer)


def _is_whole(crl: x509.CertificateRevocationList) -> bool:
    # A list of a part, or of changes only, says so in a critical extension (§5.2.4, §5.2.5).
    try:
        return not any(extension.critical for extension in crl.extensions)
    except UNREADABLE:
        return False


def _is_by(crl: x509.CertificateRevocationList, issuer: x509.Certificate) -> bool:
    key = issuer.public_key()
    if not isinstance(key, RSAPublicKey | EllipticCurvePublicKey):
        return False
    try:
        return crl.is_signature_valid(key)
    except (TypeError, *UNREADABLE):
        return False
