"""A site that asks for a card: two addresses to answer, one navigation, one code to redeem.

The site publishes ``keys_document()`` at ``wire.KEYS_PATH``, gives the body of posts to
``wire.PROOF_PATH`` to ``take``, sends the browser to ``AskedCard.address(…)``, calls ``redeem``
with the code that the browser brings back, writes its own record, and calls ``forget``.
"""

import contextlib
import hashlib
import hmac
import json
import secrets
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any, Final

from zaitaku import wire
from zaitaku.sdk.documents import StatedDocument
from zaitaku.sdk.errors import (
    ChallengeUnknown,
    OutcomeForeign,
    OutcomeUnknown,
    ProofRefused,
    RevocationUnknown,
    SdkError,
    refusal_of,
)
from zaitaku.sdk.keys import SiteKeys
from zaitaku.sdk.proofs import Challenge, VerifiedProof, verify_proof
from zaitaku.sdk.store import OnceStore
from zaitaku.sdk.trust import CardTrust

LIFETIME: Final = timedelta(minutes=10)
BODY_LIMIT: Final = 64 * 1024
NAME_BYTES: Final = 24


@dataclass(frozen=True)
class AskedCard:
    """A signed request, ready for the browser to carry to the bridge."""

    challenge: str
    token: str
    """The signed request (JWS compact serialization)."""

    def address(self, port: int = wire.BRIDGE_PORTS[0]) -> str:
        """Return where to send the browser: 303, a link or a form, never a fetch."""
        return f"http://127.0.0.1:{port}{wire.READ_PATH}?request={self.token}"


@dataclass(frozen=True)
class ProofAnswer:
    """What to answer to a post at ``wire.PROOF_PATH``."""

    status: HTTPStatus
    body: dict[str, str]
    """To be sent as JSON."""


class CardSite:
    """The use cases of a site; all its state is in the store and in the keys."""

    def __init__(
        self,
        *,
        origin: str,
        keys: SiteKeys,
        trust: CardTrust,
        store: OnceStore,
        lifetime: timedelta = LIFETIME,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Take what the site is made of; ``origin`` is scheme, host and port as browsers see it."""
        self._origin = origin
        self._keys = keys
        self._trust = trust
        self._store = store
        self._lifetime = lifetime
        self._now = now

    def keys_document(self) -> dict[str, Any]:
        """Return what to answer, as JSON, at ``wire.KEYS_PATH``."""
        return self._keys.published(self._origin)

    def ask(
        self,
        document: StatedDocument,
        *,
        return_path: str,
        holder: str,
        text_size: str = wire.TEXT_SIZES[0],
        bridge: str = "",
    ) -> AskedCard:
        """Make a one-time challenge for ``document`` and the signed request that carries it.

        ``holder`` is something only this visitor's session knows: nobody else can redeem the code.
        ``bridge`` is the lowest version of the bridge that the site still serves.

        Raises:
            MalformedMessage: the document could not be shown as it stands, or a part breaks its
                rule.
            ValueError: ``holder`` is empty: whoever has no session would hold it.
        """
        if not holder:
            raise ValueError("a card is asked of somebody: holder is empty")
        now = self._now()
        challenge = self._new_challenge(document)
        request = wire.CardRequest(
            origin=self._origin,
            challenge=challenge.name,
            nonce=challenge.nonce,
            issued_at=int(now.timestamp()),
            expires_at=int((now + self._lifetime).timestamp()),
            document=document.text,
            choices=document.choices,
            language=document.language,
            return_path=return_path,
            text_size=text_size,
            bridge=bridge,
        )
        wire.CardRequest.from_claims(json.loads(json.dumps(request.claims())))
        token = self._keys.sign(request)
        kept = json.dumps({**asdict(challenge), "holder": holder})
        self._store.create(_key("challenge", challenge.name), kept, self._seconds)
        return AskedCard(challenge.name, token)

    def take(self, body: bytes) -> ProofAnswer:
        """Take what was posted to ``wire.PROOF_PATH``; refused proofs get a code, too.

        One challenge takes one proof, and that one as often as it is sent: its answer may have
        been lost, and the card has signed and will not sign again.
        """
        try:
            proof = wire.CardProof.from_mapping(_json(body))
            return ProofAnswer(HTTPStatus.OK, {"code": self._accept(proof)})
        except wire.MalformedMessage as error:
            answer = {"error": "malformed", "member": str(error)}
            return ProofAnswer(HTTPStatus.BAD_REQUEST, answer)
        except ChallengeUnknown as error:
            return ProofAnswer(HTTPStatus.GONE, {"error": error.code})
        except SdkError as error:
            return ProofAnswer(HTTPStatus.SERVICE_UNAVAILABLE, {"error": error.code})

    def redeem(self, code: str, *, holder: str) -> VerifiedProof:
        """Return what came of the proof that was answered with ``code``.

        The same comes back each time until ``forget``, or until its time is over: the site may fail
        before its record is written, and the card has signed and will not sign again. Write the
        record under the challenge's name, so that the second time finds what the first has written.

        Raises:
            OutcomeUnknown: nothing is kept under this code, or it was forgotten.
            OutcomeForeign: another ``holder`` asked for that card; the outcome stays for them.
            ProofRefused: the proof was refused; the subclass is the reason.
        """
        kept = self._held(code, holder)
        if "refused" in kept:
            raise refusal_of(kept["refused"])
        return _from_json(kept["verified"])

    def forget(self, code: str, *, holder: str) -> None:
        """Let go of the outcome, now that the site's own record stands; what is gone stays gone.

        Raises:
            OutcomeForeign: another ``holder`` asked for that card.
        """
        with contextlib.suppress(OutcomeUnknown):
            self._held(code, holder)
            # It outlives whatever a late second copy of the proof may still put in this place.
            self._store.create(_key("forgotten", code), "yes", 2 * self._seconds)
            self._store.delete(_key("outcome", code))

    @property
    def _seconds(self) -> float:
        return self._lifetime.total_seconds()

    def _new_challenge(self, document: StatedDocument) -> Challenge:
        return Challenge(
            name=secrets.token_urlsafe(NAME_BYTES),
            origin=self._origin,
            nonce=secrets.token_hex(wire.NONCE_BYTES),
            document=document.text,
        )

    def _held(self, code: str, holder: str) -> dict[str, Any]:
        text = self._store.read(_key("outcome", code))
        if text is None or self._store.read(_key("forgotten", code)) is not None:
            raise OutcomeUnknown
        kept: dict[str, Any] = json.loads(text)
        if not hmac.compare_digest(_bytes(kept["holder"]), _bytes(holder)):
            raise OutcomeForeign
        return kept

    def _accept(self, proof: wire.CardProof) -> str:
        challenge, holder = self._living(proof.challenge)
        code = self._claim(proof)
        name = _key("outcome", code)
        kept = self._store.read(name)
        if kept is None or _is_undecided(kept):
            outcome = json.dumps({"holder": holder, **self._verified(challenge, proof)})
            if kept is not None and not _is_undecided(outcome):
                self._store.delete(name)
            self._store.create(name, outcome, self._seconds)
        return code

    def _living(self, name: str) -> tuple[Challenge, str]:
        kept = self._store.read(_key("challenge", name))
        if kept is None:
            raise ChallengeUnknown
        body = json.loads(kept)
        holder = body.pop("holder")
        return Challenge(**body), holder

    def _claim(self, proof: wire.CardProof) -> str:
        # Made after the challenge and living as long, a claim never dies before it.
        digest = hashlib.sha256(proof.to_json().encode()).hexdigest()
        code = secrets.token_urlsafe(NAME_BYTES)
        key = _key("claim", proof.challenge)
        if self._store.create(key, f"{digest} {code}", self._seconds):
            return code
        first, _, kept_code = (self._store.read(key) or "").partition(" ")
        if not hmac.compare_digest(first, digest):
            raise ChallengeUnknown("answered with another proof")
        return kept_code

    def _verified(self, challenge: Challenge, proof: wire.CardProof) -> dict[str, Any]:
        now = self._now()
        try:
            verified = verify_proof(challenge=challenge, proof=proof, trust=self._trust, now=now)
        except ProofRefused as refusal:
            return {"refused": refusal.code}
        return {"verified": _to_json(verified)}


def _key(kind: str, name: str) -> str:
    # Strangers choose the names: a digest has a fixed length and alphabet.
    return f"{kind}:{hashlib.sha256(name.encode(errors='backslashreplace')).hexdigest()}"


def _json(body: bytes) -> object:
    if len(body) > BODY_LIMIT:
        raise wire.MalformedMessage("body")
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise wire.MalformedMessage("body") from error


def _is_undecided(outcome: str) -> bool:
    # Whoever knows about revocations may be back by now; every other result stays what it is.
    return bool(json.loads(outcome).get("refused") == RevocationUnknown.code)


def _bytes(holder: str) -> bytes:
    return holder.encode(errors="surrogatepass")


def _to_json(verified: VerifiedProof) -> dict[str, Any]:
    return {
        "challenge": asdict(verified.challenge),
        "algorithm": verified.algorithm,
        "public_key": verified.public_key.hex(),
        "signature": verified.signature.hex(),
        "certificate_expires": verified.certificate_expires.isoformat(),
        "verified_at": verified.verified_at.isoformat(),
        "identity": verified.identity.hex(),
    }


def _from_json(body: dict[str, Any]) -> VerifiedProof:
    return VerifiedProof(
        challenge=Challenge(**body["challenge"]),
        algorithm=body["algorithm"],
        public_key=bytes.fromhex(body["public_key"]),
        signature=bytes.fromhex(body["signature"]),
        certificate_expires=datetime.fromisoformat(body["certificate_expires"]),
        verified_at=datetime.fromisoformat(body["verified_at"]),
        identity=bytes.fromhex(body["identity"]),
    )
