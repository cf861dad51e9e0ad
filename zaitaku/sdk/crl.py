"""Revocation from a file: certificate revocation lists (RFC 5280 §5), DER or PEM.

A PEM file may hold several lists: one per root generation, or one per distribution point. The file
is read again when it changes, so whoever keeps it renews it by replacing it. zaitaku's own server
goes by these rules, too.
"""

import logging
import re
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import Final, Self

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.x509.oid import ExtensionOID

from zaitaku.sdk.certificates import (
    CLOCK_SKEW,
    STRONG_HASHES,
    UNREADABLE,
    find_extension,
    unknown_critical,
)
from zaitaku.sdk.trust import Revocation

logger = logging.getLogger(__name__)

_PEM_LIST = re.compile(rb"-----BEGIN X509 CRL-----[A-Za-z0-9+/=\s]+-----END X509 CRL-----")
_DAMAGE = re.compile(rb"^[ \t]*-", re.MULTILINE)
"""What is left of a block that was cut off: text beside the blocks begins no line with a dash."""
_UNDERSTOOD: Final = frozenset({ExtensionOID.ISSUING_DISTRIBUTION_POINT})

Stamp = tuple[int, int, int]


class ListsUnreadable(Exception):
    """A file holds no revocation lists; the text is for the log."""


@dataclass(frozen=True)
class RevocationList:
    """One list, read and not yet believed."""

    crl: x509.CertificateRevocationList
    serials: frozenset[int]
    """Made once per file: the library's own search walks the whole list for each question."""
    points: frozenset[x509.GeneralName] | None
    """The distribution points that the list is for; ``None``: for all of its issuer's."""

    @classmethod
    def of(cls, crl: x509.CertificateRevocationList) -> Self:
        """Read what is needed of a list.

        Raises:
            ValueError: it says less than it seems to (delta, indirect, …).
        """
        unknown = unknown_critical(crl.extensions, _UNDERSTOOD)
        if unknown is not None:
            raise ValueError(f"critical extension {unknown}")
        serials = frozenset(entry.serial_number for entry in crl)
        _read_all(crl)
        return cls(crl, serials, _points(crl.extensions))

    def is_current(self, now: datetime) -> bool:
        """Tell whether ``now`` is between thisUpdate and nextUpdate; without the latter, never."""
        ends = self.crl.next_update_utc
        has_begun = self.crl.last_update_utc <= now + CLOCK_SKEW
        return ends is not None and has_begun and now <= ends

    def covers(self, certificate: x509.Certificate) -> bool:
        """Tell whether it is meant for ``certificate``, whose issuer signed it."""
        return self.points is None or not self.points.isdisjoint(_points_of(certificate))

    def is_signed_by(self, issuer: x509.Certificate) -> bool:
        """Tell whether ``issuer`` signed it, and may."""
        usage = find_extension(issuer.extensions, x509.KeyUsage)
        if usage is None or not usage.crl_sign or self.crl.issuer != issuer.subject:
            return False
        if not isinstance(self.crl.signature_hash_algorithm, STRONG_HASHES):
            return False
        key = issuer.public_key()
        if not isinstance(key, RSAPublicKey | EllipticCurvePublicKey):
            return False
        try:
            return self.crl.is_signature_valid(key)
        except (TypeError, *UNREADABLE):
            return False


@dataclass
class _Snapshot:
    """One reading of the file, with the signatures that were verified since."""

    stamp: Stamp | None = None
    lists: tuple[RevocationList, ...] = ()
    by_issuer: dict[x509.Certificate, tuple[RevocationList, ...]] = field(default_factory=dict)

    def signed_by(self, issuer: x509.Certificate) -> tuple[RevocationList, ...]:
        if issuer not in self.by_issuer:
            found = tuple(entry for entry in self.lists if entry.is_signed_by(issuer))
            self.by_issuer[issuer] = found
        return self.by_issuer[issuer]


class RevocationLists:
    """Revocation lists in a file that somebody keeps up to date; a ``RevocationCheck``.

    One damaged list makes the whole file count for nothing: it may be the one that revokes.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = Lock()
        self._snapshot = _Snapshot()

    def __call__(
        self, certificate: x509.Certificate, issuer: x509.Certificate, now: datetime
    ) -> Revocation:
        """Look the certificate up in the lists of ``issuer`` that are current at ``now``.

        ``UNKNOWN`` when the file is away or broken, or no list in it is signed by the issuer,
        current (a passed nextUpdate ends a list) and meant for this certificate.
        """
        usable = [
            entry
            for entry in self._read().signed_by(issuer)
            if entry.is_current(now) and entry.covers(certificate)
        ]
        if any(certificate.serial_number in entry.serials for entry in usable):
            return Revocation.REVOKED
        return Revocation.GOOD if usable else Revocation.UNKNOWN

    def first_end(self) -> datetime | None:
        """Return when the first of the lists ends; ``None`` when there is none that does."""
        ends = (entry.crl.next_update_utc for entry in self._read().lists)
        return min((end for end in ends if end is not None), default=None)

    def _read(self) -> _Snapshot:
        with self._lock:
            try:
                stamp = _stamp(self.path)
                if stamp != self._snapshot.stamp:
                    self._snapshot = _Snapshot(stamp, _usable_lists(self.path.read_bytes()))
            except OSError as error:
                logger.warning("revocation list is away: %s", type(error).__name__)
                self._snapshot = _Snapshot()
            return self._snapshot


def _stamp(path: Path) -> Stamp:
    state = path.stat()
    return state.st_mtime_ns, state.st_size, state.st_ino


def read_lists(content: bytes) -> tuple[RevocationList, ...]:
    """Read all lists of a file: several in PEM, or one in DER.

    Raises:
        ListsUnreadable: one of them is not a list, is not whole, or is not one that is understood.
    """
    blocks = _PEM_LIST.findall(content)
    if blocks and _DAMAGE.search(_PEM_LIST.sub(b"", content)):
        raise ListsUnreadable("a list is not whole")
    try:
        crls = (
            [x509.load_pem_x509_crl(block) for block in blocks]
            if blocks
            else [x509.load_der_x509_crl(content)]
        )
        return tuple(RevocationList.of(crl) for crl in crls)
    except UNREADABLE as error:
        raise ListsUnreadable(type(error).__name__) from error


def _usable_lists(content: bytes) -> tuple[RevocationList, ...]:
    try:
        return read_lists(content)
    except ListsUnreadable as error:
        logger.warning("revocation list cannot be used: %s", error)
        return ()


def _read_all(crl: x509.CertificateRevocationList) -> None:
    # The library reads each part when it is first asked for: what is damaged must show here.
    for part in ("issuer", "last_update_utc", "next_update_utc", "signature_hash_algorithm"):
        getattr(crl, part)


def _points(extensions: x509.Extensions) -> frozenset[x509.GeneralName] | None:
    scope = find_extension(extensions, x509.IssuingDistributionPoint)
    if scope is None:
        return None
    if _is_partial(scope):
        raise ValueError("a list of a part of the issuer's certificates")
    return None if scope.full_name is None else frozenset(scope.full_name)


def _is_partial(scope: x509.IssuingDistributionPoint) -> bool:
    return bool(
        scope.relative_name
        or scope.only_contains_ca_certs
        or scope.only_contains_attribute_certs
        or scope.only_some_reasons
        or scope.indirect_crl
    )


def _points_of(certificate: x509.Certificate) -> frozenset[x509.GeneralName]:
    found = find_extension(certificate.extensions, x509.CRLDistributionPoints)
    return frozenset(name for point in found or () for name in point.full_name or ())
