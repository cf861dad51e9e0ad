"""Small questions about certificates, asked by the SDK and by zaitaku's own server."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final, TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.utils import CryptographyDeprecationWarning

Kind = TypeVar("Kind", bound=x509.ExtensionType)

CLOCK_SKEW: Final = timedelta(minutes=5)
"""How far the authority's clock may be ahead of or behind ours."""

STRONG_HASHES: Final = (hashes.SHA256, hashes.SHA384, hashes.SHA512)
"""What an authority may sign its lists and answers with."""

UNREADABLE: Final = (
    ValueError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
    CryptographyDeprecationWarning,
)
"""What the library raises for certificates, lists and answers that it cannot read; found by
flipping every bit. They have no common root below ``Exception``, and what it will refuse in its
next version comes as a warning, which is an exception where warnings are errors."""


def did_sign(issuer: x509.Certificate, certificate: x509.Certificate) -> bool:
    """Tell whether ``issuer`` signed ``certificate`` and the names chain (RFC 5280 §6.1.3 a)."""
    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, TypeError, *UNREADABLE):
        return False
    return True


def issuer_among(
    roots: Iterable[x509.Certificate], certificate: x509.Certificate, now: datetime
) -> x509.Certificate | None:
    """Return the root whose key signed ``certificate``, or ``None``.

    The generations of the authority share one name, so the signature decides. A root that was
    renewed keeps its key, too: of several, one that is in its period at ``now`` is taken.
    """
    # Those in their period first, and no further than the first that signed: looking costs most.
    ordered = sorted(roots, key=lambda root: not is_in_period(root, now))
    return next((root for root in ordered if did_sign(root, certificate)), None)


def is_in_period(certificate: x509.Certificate, moment: datetime) -> bool:
    """Tell whether ``moment`` is in the period, both ends included (RFC 5280 §4.1.2.5)."""
    return certificate.not_valid_before_utc <= moment <= certificate.not_valid_after_utc


def find_extension(extensions: x509.Extensions, kind: type[Kind]) -> Kind | None:
    """Return the value of the extension of this ``kind``, or ``None``."""
    try:
        return extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def unknown_critical(
    extensions: x509.Extensions, understood: frozenset[x509.ObjectIdentifier]
) -> str | None:
    """Return the OID of a critical extension outside ``understood``, or ``None``.

    Whoever meets one must refuse what carries it (RFC 5280 §4.2, §5.2; RFC 6960 §4.4).
    """
    return next(
        (
            extension.oid.dotted_string
            for extension in extensions
            if extension.critical and extension.oid not in understood
        ),
        None,
    )
