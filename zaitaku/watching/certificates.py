"""When the certificates and revocation lists of a deployment end."""

import socket
import ssl
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from cryptography import x509

from zaitaku.sdk.certificates import UNREADABLE
from zaitaku.sdk.crl import ListsUnreadable, read_lists
from zaitaku.settings import Settings

TLS_PORT: Final = 443
TLS_SECONDS: Final = 2.0


@dataclass(frozen=True)
class CertificateEnd:
    """A certificate that the deployment rests on."""

    name: str
    """``root``, or ``tls``: what browsers are shown at the origin."""
    ends: datetime | None
    """``None``: it could not be read."""


def certificate_ends(settings: Settings) -> tuple[CertificateEnd, ...]:
    """Return the end of each root, and of what the origin shows where that is https."""
    roots = tuple(end for path in settings.trust_anchors for end in _ends_in(path))
    return (*roots, CertificateEnd("tls", _tls_end(settings.origin))) if settings.is_tls else roots


def _ends_in(path: Path) -> tuple[CertificateEnd, ...]:
    try:
        found = x509.load_pem_x509_certificates(path.read_bytes())
    except (OSError, *UNREADABLE):
        return (CertificateEnd("root", None),)
    return tuple(CertificateEnd("root", each.not_valid_after_utc) for each in found)


def _tls_end(origin: str) -> datetime | None:
    # Only when it ends is asked here, so nothing is believed: one that has ended is shown, too.
    parts = urlsplit(origin)
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    address = (parts.hostname or "", parts.port or TLS_PORT)
    try:
        with (
            socket.create_connection(address, timeout=TLS_SECONDS) as plain,
            context.wrap_socket(plain, server_hostname=parts.hostname) as wrapped,
        ):
            shown = wrapped.getpeercert(binary_form=True)
        return x509.load_der_x509_certificate(shown or b"").not_valid_after_utc
    except (OSError, *UNREADABLE):
        return None


def earliest_crl_end(path: Path | None) -> datetime | None:
    """Return when the first of the lists in a file ends; ``None`` without any that does."""
    if path is None:
        return None
    try:
        stamp = path.stat()
    except OSError:
        return None
    return _crl_end(path, stamp.st_mtime_ns, stamp.st_size)


@lru_cache(maxsize=1)
def _crl_end(path: Path, _changed: int, _size: int) -> datetime | None:
    # A country's lists are long: they are read again when the file changes.
    try:
        lists = read_lists(path.read_bytes())
    except (OSError, ListsUnreadable):
        return None
    return min(
        (each.crl.next_update_utc for each in lists if each.crl.next_update_utc), default=None
    )
