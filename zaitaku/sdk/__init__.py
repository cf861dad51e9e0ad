"""For other sites that want to ask for a card: everything but the pages.

Imports ``zaitaku.wire``, joserfc and cryptography only. The wire format is told in
``docs/wire-format.md``; a whole site is ``examples/card_site.py``.
"""

from zaitaku.sdk.crl import RevocationLists
from zaitaku.sdk.documents import StatedDocument, state_document
from zaitaku.sdk.errors import OutcomeForeign, OutcomeUnknown, ProofRefused, SdkError
from zaitaku.sdk.keys import SiteKeys
from zaitaku.sdk.proofs import Challenge, VerifiedProof, verify_proof
from zaitaku.sdk.site import AskedCard, CardSite, ProofAnswer
from zaitaku.sdk.store import MemoryStore, OnceStore
from zaitaku.sdk.trust import CardTrust, Revocation
from zaitaku.wire import Choice

__all__ = [
    "AskedCard",
    "CardSite",
    "CardTrust",
    "Challenge",
    "Choice",
    "MemoryStore",
    "OnceStore",
    "OutcomeForeign",
    "OutcomeUnknown",
    "ProofAnswer",
    "ProofRefused",
    "Revocation",
    "RevocationLists",
    "SdkError",
    "SiteKeys",
    "StatedDocument",
    "VerifiedProof",
    "state_document",
    "verify_proof",
]
