"""Whether a certificate is revoked: by lists, a responder, an operator's service, or all of them.

Every source fails closed: trouble of its own is ``UNKNOWN``, and what is unknown is refused.
"""

from zaitaku.identity.revocation.crl import CrlFile
from zaitaku.identity.revocation.desk import RevocationDesk
from zaitaku.identity.revocation.fresh import FreshCrlFile
from zaitaku.identity.revocation.ocsp import Ocsp
from zaitaku.identity.revocation.source import (
    RevocationChain,
    RevocationSource,
    RevocationStatus,
)

__all__ = [
    "CrlFile",
    "FreshCrlFile",
    "Ocsp",
    "RevocationChain",
    "RevocationDesk",
    "RevocationSource",
    "RevocationStatus",
]
