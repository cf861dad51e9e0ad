"""A site of the SDK, and cards of the vectors' authority that answer it."""

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

from cryptography import x509
from joserfc import jws

from tests.sdk.vectors import NOW, PROOFS
from tools.wire_keys import VectorKeys
from tools.wire_proofs import Issued
from tools.wire_vectors import FOLDER
from zaitaku import wire
from zaitaku.cardbridge.trust.pins import registry
from zaitaku.sdk import CardSite, CardTrust, MemoryStore, Revocation, SiteKeys, state_document
from zaitaku.sdk.trust import RevocationCheck

ORIGIN = "https://clinic.example"
WORDING = "薬の情報を見ることに同意しますか。"
DOCUMENT = state_document(
    facility="見本の診療所",
    channel="home-visit",
    operator="self",
    language="ja",
    choices=[wire.Choice("medication", WORDING, True)],
)


def good(*_: object) -> Revocation:
    return Revocation.GOOD


@dataclass
class Held:
    """A clock and a site that goes by it."""

    folder: Path
    revocation: RevocationCheck = good
    now: datetime = NOW
    store: MemoryStore = field(init=False)
    site: CardSite = field(init=False)

    def __post_init__(self) -> None:
        self.store = MemoryStore(now=self.seconds)
        roots = tuple(x509.load_pem_x509_certificates(PROOFS["roots"].encode()))
        self.site = CardSite(
            origin=ORIGIN,
            keys=SiteKeys.make(self.folder / "key.pem"),
            trust=CardTrust(roots, self.revocation),
            store=self.store,
            now=lambda: self.now,
        )

    def seconds(self) -> float:
        """The clock in seconds since 1970."""
        return self.now.timestamp()

    def wait(self, **time: float) -> None:
        """Let time pass."""
        self.now += timedelta(**time)

    def asked(self, holder: str = "somebody") -> wire.CardRequest:
        """Ask for a card and return the request as the bridge reads it."""
        token = self.site.ask(DOCUMENT, return_path="/done", holder=holder).token
        return request_in(token)

    def proof(self, request: wire.CardRequest, *, card: str = "card") -> bytes:
        """Return what the bridge posts after ``card`` has signed."""
        return proof_over(request.statement(), request.challenge, card=card)

    def code(self, body: bytes) -> str:
        """Post a proof and return the code."""
        answer = self.site.take(body)
        assert answer.status == 200, answer
        return answer.body["code"]


def request_in(token: str) -> wire.CardRequest:
    """Read a token's request; the signature is the bridge's matter."""
    payload = jws.extract_compact(token.encode(), registry=registry()).payload or b""
    return wire.CardRequest.from_claims(json.loads(payload))


@cache
def vector_cards() -> Issued:
    """Return the cards of the vectors; reading their keys takes a while."""
    return Issued(VectorKeys.open(FOLDER / "keys.json"))


def proof_over(statement: bytes, challenge: str, *, card: str = "card") -> bytes:
    """Return a proof over any statement by a card of the vectors."""
    issued = vector_cards()
    signature = issued.sign(card, statement)
    return wire.CardProof(challenge, issued.card(card).hex(), signature.hex()).to_json().encode()
