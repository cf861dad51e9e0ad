"""Trust anchors: the pinned root certificates of the authentication certificates.

The authority's root generations share one name, so a root is found by the signature that it made
and by nothing else. The certificate of the authority that a card carries is never trusted.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP384R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes

from zaitaku.core.clock import SystemClock
from zaitaku.core.errors import SettingsError
from zaitaku.core.markers import TEST_ROOT_OID
from zaitaku.sdk.certificates import (
    UNREADABLE,
    did_sign,
    find_extension,
    is_in_period,
    issuer_among,
)

MINIMUM_RSA_BITS = 2048


@dataclass(frozen=True)
class TrustAnchors:
    """The roots of one deployment."""

    roots: tuple[x509.Certificate, ...]

    @classmethod
    def load(
        cls, paths: Iterable[Path], *, allow_test: bool = False, now: datetime | None = None
    ) -> Self:
        """Read root certificates from PEM files.

        ``now`` is the present moment unless it is given.

        Raises:
            SettingsError: a file cannot be read or has no certificate; one is not a self-signed
                authority that may sign certificates; all are out of their period; or one belongs
                to a test authority and ``allow_test`` is off.
        """
        roots = tuple(dict.fromkeys(root for path in paths for root in _read(path)))
        for root in roots:
            _check(root, allow_test=allow_test)
        moment = now or SystemClock().now()
        if not any(is_in_period(root, moment) for root in roots):
            raise SettingsError("trust anchors: no root certificate is in its period of validity")
        return cls(roots)

    def issuer_of(self, certificate: x509.Certificate, now: datetime) -> x509.Certificate | None:
        """Return the root whose key signed ``certificate``, or ``None``; rather a current one."""
        return issuer_among(self.roots, certificate, now)


def _read(path: Path) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(path.read_bytes())
    except OSError as error:
        raise SettingsError(f"trust anchors: {path} cannot be read") from error
    except UNREADABLE as error:
        raise SettingsError(f"trust anchors: {path} has no PEM certificate") from error


def _check(root: x509.Certificate, *, allow_test: bool) -> None:
    try:
        _check_authority(root)
        is_test = _has_marker(root)
    except UNREADABLE as error:
        raise SettingsError("trust anchors: a certificate is not an authority's") from error
    if is_test and not allow_test:
        raise SettingsError("trust anchors: a test authority's root is refused in production")


def _check_authority(root: x509.Certificate) -> None:
    if not _is_strong(root.public_key()):
        raise SettingsError("trust anchors: a root's key is neither RSA of 2048 bits nor P-384")
    usage = find_extension(root.extensions, x509.KeyUsage)
    constraints = find_extension(root.extensions, x509.BasicConstraints)
    may_sign = usage is not None and usage.key_cert_sign
    is_authority = constraints is not None and constraints.ca
    if not (is_authority and may_sign and did_sign(root, root)):
        raise SettingsError("trust anchors: a certificate is not a self-signed authority's")


def _is_strong(key: CertificatePublicKeyTypes) -> bool:
    if isinstance(key, EllipticCurvePublicKey):
        return isinstance(key.curve, SECP384R1)
    return isinstance(key, RSAPublicKey) and key.key_size >= MINIMUM_RSA_BITS


def _has_marker(root: x509.Certificate) -> bool:
    return any(extension.oid.dotted_string == TEST_ROOT_OID for extension in root.extensions)
