"""What a site trusts: root certificates, and somebody who knows what was revoked."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Final, Self, TypeAlias

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP384R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from zaitaku.sdk.certificates import UNREADABLE, did_sign, find_extension, issuer_among
from zaitaku.sdk.errors import RootsUnusable

TEST_ROOT_OID: Final = "2.25.164903380350508224908169728144451644266"
"""Private extension in every root certificate of the test authority (ITU-T X.667: 2.25.<UUID>)."""
MINIMUM_RSA_BITS: Final = 2048


class Revocation(StrEnum):
    """What is known of a certificate."""

    GOOD = "good"
    REVOKED = "revoked"
    UNKNOWN = "unknown"


RevocationCheck: TypeAlias = Callable[[x509.Certificate, x509.Certificate, datetime], Revocation]
"""Asked with certificate, issuer and moment. An exception counts as ``Revocation.UNKNOWN``."""


@dataclass(frozen=True)
class CardTrust:
    """Whose certificates a site takes."""

    roots: tuple[x509.Certificate, ...]
    revocation: RevocationCheck

    @classmethod
    def load(cls, *paths: Path, revocation: RevocationCheck, allow_test: bool = False) -> Self:
        """Read root certificates from PEM files.

        Raises:
            RootsUnusable: a file cannot be read, or holds something else than self-signed
                authorities; or one is a test authority's and ``allow_test`` is off.
        """
        roots = tuple(root for path in paths for root in _read(path))
        for root in roots:
            _check_root(root, allow_test=allow_test)
        if not roots:
            raise RootsUnusable("no root certificate")
        return cls(roots, revocation)

    def issuer_of(self, certificate: x509.Certificate, now: datetime) -> x509.Certificate | None:
        """Return the root whose key signed ``certificate``, or ``None``; rather a current one."""
        return issuer_among(self.roots, certificate, now)

    def standing(
        self, certificate: x509.Certificate, issuer: x509.Certificate, now: datetime
    ) -> Revocation:
        """Return what is known of ``certificate``; whatever goes wrong with asking is unknown."""
        try:
            return self.revocation(certificate, issuer, now)
        except Exception:  # noqa: BLE001 - the check is the caller's own: it must not open a door
            return Revocation.UNKNOWN


def _read(path: Path) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(path.read_bytes())
    except (OSError, *UNREADABLE) as error:
        raise RootsUnusable(f"{path} cannot be read") from error


def _check_root(root: x509.Certificate, *, allow_test: bool) -> None:
    try:
        is_authority = _has_good_key(root) and _may_sign(root) and did_sign(root, root)
        is_test = any(one.oid.dotted_string == TEST_ROOT_OID for one in root.extensions)
    except UNREADABLE as error:
        raise RootsUnusable("a certificate is not an authority's") from error
    if not is_authority:
        raise RootsUnusable("a certificate is not a self-signed authority's")
    if is_test and not allow_test:
        raise RootsUnusable("a test authority's root is for trials only")


def _has_good_key(root: x509.Certificate) -> bool:
    key = root.public_key()
    if isinstance(key, RSAPublicKey):
        return key.key_size >= MINIMUM_RSA_BITS
    return isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP384R1)


def _may_sign(root: x509.Certificate) -> bool:
    usage = find_extension(root.extensions, x509.KeyUsage)
    constraints = find_extension(root.extensions, x509.BasicConstraints)
    return bool(usage and usage.key_cert_sign and constraints and constraints.ca)
