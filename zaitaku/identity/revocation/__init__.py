"""Whether a certificate is revoked: an off-line list, an on-line responder, or both in a row."""

from zaitaku.identity.revocation.crl import CrlFile
from zaitaku.identity.revocation.ocsp import Ocsp
from zaitaku.identity.revocation.source import (
    RevocationChain,
    RevocationSource,
    RevocationStatus,
)

__all__ = ["CrlFile", "Ocsp", "RevocationChain", "RevocationSource", "RevocationStatus"]
