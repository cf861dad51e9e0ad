"""Asking for a card, taking its proof once, and telling the journey what came of it.

The short-lived store holds three kinds of entries, none with a certificate or serial number: the
challenge, under its name; the digest of the one proof that it was answered with; and the outcome,
under the digest of its one-time code.

One challenge takes one proof, and takes that one as often as it is sent. The answer to a proof can
be lost on its way, and the store can be away after the proof was noted; the patient's card has then
signed and will not sign again. So the challenge stays where it is until it dies, the first proof to
arrive claims it by one atomic step, and the code follows from the challenge and that proof: whoever
sends the same bytes again is verified again and gets the same code. What was first refused because
nobody could be asked whether the card is revoked is settled by that.

A request is made for one place: the journey's own browser, or one hand-over. Its outcome is given
there and nowhere else, so what a hand-over has ended cannot come in by another door.
"""

import base64
import hashlib
import logging
import secrets
from datetime import datetime, timedelta
from typing import Any, Final

from zaitaku import wire
from zaitaku.core.clock import Clock
from zaitaku.core.ephemeral import EphemeralStore
from zaitaku.core.ids import ChallengeId, JourneyId, new_secret_name
from zaitaku.core.watch import NO_WATCH, Happening, Watch
from zaitaku.identity.challenges import Challenges
from zaitaku.identity.errors import VerificationFailed
from zaitaku.identity.keys import RequestKeys
from zaitaku.identity.model import Challenge, SignedRequest, Verified, VerifiedCard
from zaitaku.identity.outcomes import Outcomes, outcome_word
from zaitaku.identity.verification import ProofVerifier, verify_card_proof

logger = logging.getLogger(__name__)

CODE_PURPOSE: Final = "card-code"
CODE_BYTES: Final = 16


class IdentityService:
    """The use cases of a card's proof; every method raises ``StoreUnavailable`` with its store."""

    def __init__(
        self,
        *,
        ephemeral: EphemeralStore,
        request_keys: RequestKeys,
        verifier: ProofVerifier,
        origin: str,
        clock: Clock,
        lifetime: timedelta,
        bridge_minimum: str = "",
        watch: Watch = NO_WATCH,
    ) -> None:
        self.ephemeral = ephemeral
        self.request_keys = request_keys
        self.verifier = verifier
        self.origin = origin
        self.clock = clock
        self.lifetime = lifetime
        self.bridge_minimum = bridge_minimum
        self._watch = watch

    @property
    def challenges(self) -> Challenges:
        """What cards are asked to sign."""
        return Challenges(self.ephemeral, self.clock, self.lifetime)

    @property
    def outcomes(self) -> Outcomes:
        """What came of readings, by card or by phone."""
        return Outcomes(self.ephemeral, self.lifetime)

    def published_keys(self) -> dict[str, Any]:
        """Return what stands under ``wire.KEYS_PATH``."""
        return self.request_keys.published(self.origin)

    def ask(
        self,
        *,
        journey: JourneyId,
        document: str,
        choices: tuple[wire.Choice, ...],
        language: str,
        return_path: str,
        text_size: str = wire.TEXT_SIZES[0],
        hand_over: str = "",
    ) -> SignedRequest:
        """Make a one-time challenge for ``document`` and the signed request that carries it.

        Its outcome is for ``hand_over`` alone; when that is empty, for the journey's own browser.

        Raises:
            MalformedMessage: ``choices`` do not say what ``document`` says.
        """
        now = self.clock.now()
        challenge = self._new_challenge(journey, document, now + self.lifetime, hand_over)
        request = wire.CardRequest(
            origin=self.origin,
            challenge=challenge.id,
            nonce=challenge.nonce.hex(),
            issued_at=int(now.timestamp()),
            expires_at=int(challenge.expires_at.timestamp()),
            document=document,
            choices=choices,
            language=language,
            return_path=return_path,
            text_size=text_size,
            bridge=self.bridge_minimum,
        )
        request.check_document()
        token = self.request_keys.sign(request)
        self.challenges.keep(challenge)
        return SignedRequest(challenge.id, token, challenge.expires_at)

    def _new_challenge(
        self, journey: JourneyId, document: str, expires_at: datetime, hand_over: str
    ) -> Challenge:
        return Challenge(
            id=ChallengeId(new_secret_name()),
            journey=journey,
            document=document,
            origin=self.origin,
            nonce=secrets.token_bytes(wire.NONCE_BYTES),
            expires_at=expires_at,
            hand_over=hand_over,
        )

    def accept(self, proof: wire.CardProof) -> str:
        """Take ``proof`` for its challenge, verify, and return a one-time code.

        The code is given for a refused proof too: the journey asks for the reason with it. The same
        proof again gives the same code while the challenge lives.

        Raises:
            ChallengeUnknown: the challenge was never made, has expired, was withdrawn, or has
                another proof.
        """
        challenge = self.challenges.living(proof.challenge)
        digest = _proof_digest(proof)
        self.challenges.claim(challenge, digest)
        code = self._code(challenge, digest)
        with self._watch.span("verify card"):
            verified = self._verified(challenge, proof)
        self._watch.happened(Happening.PROOF, "card", outcome_word(verified))
        self.outcomes.keep(code, challenge.journey, verified, hand_over=challenge.hand_over)
        return code

    def _code(self, challenge: Challenge, digest: str) -> str:
        value = f"{challenge.id}\0{digest}".encode()
        tag = next(self.verifier.subject_keys.keyed_hashes(CODE_PURPOSE, value))
        return base64.urlsafe_b64encode(bytes.fromhex(tag)[:CODE_BYTES]).rstrip(b"=").decode()

    def _verified(
        self, challenge: Challenge, proof: wire.CardProof
    ) -> VerifiedCard | VerificationFailed:
        try:
            return verify_card_proof(
                challenge=challenge,
                certificate=bytes.fromhex(proof.certificate),
                signature=bytes.fromhex(proof.signature),
                verifier=self.verifier,
                now=self.clock.now(),
            )
        except VerificationFailed as failure:
            logger.info("card proof refused: %s (%s)", failure.code, failure.detail)
            return failure

    def outcome(self, code: str, journey: JourneyId, *, hand_over: str = "") -> Verified:
        """Return what came of the reading that was answered with ``code``; it stays until it dies.

        Raises:
            OutcomeUnknown: no outcome lives under this code.
            OutcomeForeign: it belongs to another journey, or to another place than ``hand_over``.
            VerificationFailed: the reading was refused; the subclass is the reason.
        """
        return self.outcomes.of(code, journey, hand_over=hand_over)

    def forget(self, code: str) -> None:
        """Remove the outcome: it has been recorded, or is no longer wanted."""
        self.outcomes.forget(code)


def _proof_digest(proof: wire.CardProof) -> str:
    return hashlib.sha256(proof.to_json().encode()).hexdigest()
