"""Asking the patient's app, and taking its answer once, in whichever browser it arrives.

The short-lived store holds: the attempt, under the digest of its ``state``; the one answer that the
``state`` was given back with, and by which browser; the outcome, where the journey asks for it
(``identity.outcomes``); and, when the app returned to another browser than the one in which the
patient began, what that browser has to settle.

The other browser may be the patient's own: a phone's app opens the browser that the phone prefers.
It may also be a stranger's, who was sent a link to a journey that is not his. So nothing is
registered from there: the person in front of it compares a number with the screen on which the
journey began, and only when that person says that both are the same, the first screen goes on.
"""

import base64
import logging
import secrets
from datetime import timedelta
from typing import Final

from zaitaku import wire
from zaitaku.core.ephemeral import EphemeralStore
from zaitaku.core.ids import ChallengeId, JourneyId, new_secret_name
from zaitaku.core.signing import Keyring
from zaitaku.identity.errors import IdentityError, OutcomeUnknown, VerificationFailed
from zaitaku.identity.model import Challenge, VerifiedToken
from zaitaku.identity.oidc.attempts import (
    Arrival,
    Attempt,
    Callback,
    Elsewhere,
    is_same,
    mark_of,
)
from zaitaku.identity.oidc.client import OpenIdClient
from zaitaku.identity.oidc.errors import (
    AppInProgress,
    AppRefused,
    AppRejected,
    AppReturnUnknown,
    AppReturnUsed,
)
from zaitaku.identity.oidc.subjects import subject_hashes
from zaitaku.identity.outcomes import Outcomes

logger = logging.getLogger(__name__)

CALLBACK_PATH: Final = "/app/return"
"""Registered at the provider, behind the origin, as the one redirect address."""
CODE_PURPOSE: Final = "app-code"
NUMBER_PURPOSE: Final = "app-number"
NUMBER_DIGITS: Final = 4
SECRET_BYTES: Final = 32
CODE_BYTES: Final = 16


class OpenIdService:
    """The use cases of the patient's app; methods raise ``StoreUnavailable`` with their store."""

    def __init__(
        self,
        *,
        client: OpenIdClient,
        ephemeral: EphemeralStore,
        outcomes: Outcomes,
        subject_keys: Keyring,
        origin: str,
        lifetime: timedelta,
    ) -> None:
        self.client = client
        self.ephemeral = ephemeral
        self.outcomes = outcomes
        self.subject_keys = subject_keys
        self.origin = origin
        self.lifetime = lifetime

    def begin(self, *, journey: JourneyId, document: str, session: str) -> str:
        """Make an attempt for ``document`` and return the provider's address for the browser.

        ``session`` names the browser session in which the patient is.
        """
        attempt = Attempt(
            challenge=self._new_challenge(journey, document),
            verifier=secrets.token_urlsafe(SECRET_BYTES),
            session=mark_of(session),
        )
        state = secrets.token_urlsafe(SECRET_BYTES)
        self.ephemeral.create(_attempt_key(state), attempt.to_fields(), self.lifetime)
        self.ephemeral.delete(_news_key(journey))  # what an earlier attempt told is over
        return self.client.address(attempt, state)

    def _new_challenge(self, journey: JourneyId, document: str) -> Challenge:
        return Challenge(
            id=ChallengeId(new_secret_name()),
            journey=journey,
            document=document,
            origin=self.origin,
            nonce=secrets.token_bytes(wire.NONCE_BYTES),
            expires_at=self.client.clock.now() + self.lifetime,
        )

    def receive(self, callback: Callback, session: str) -> Arrival:
        """Deal with the provider's answer, once; the same one again finds what came of it.

        Raises:
            AppReturnUnknown: nobody waits for it.
            AppReturnUsed: its ``state`` came back with another answer, or to another browser.
            AppInProgress: the same answer is being dealt with at this moment.
        """
        attempt = self._living(callback.state)
        challenge, code = attempt.challenge, self._code(callback.state)
        if self._claim(callback, session):
            self.outcomes.keep(code, challenge.journey, self._redeemed(callback, attempt))
            self.ephemeral.create(_done_key(code), {"done": "yes"}, self.lifetime)
        elif self.ephemeral.read(_done_key(code)) is None:
            raise AppInProgress
        is_own = is_same(attempt.session, mark_of(session))
        return Arrival(challenge.journey, code, challenge.document, is_own)

    def _living(self, state: str) -> Attempt:
        fields = self.ephemeral.read(_attempt_key(state))
        if fields is None:
            raise AppReturnUnknown
        attempt = Attempt.from_fields(fields)
        if self.client.clock.now() >= attempt.challenge.expires_at:
            raise AppReturnUnknown("expired")
        return attempt

    def _claim(self, callback: Callback, session: str) -> bool:
        """Tell whether this answer is the first; another one to the same ``state`` is refused."""
        key = f"app-claim:{mark_of(callback.state)}"
        claim = {"answer": callback.mark, "session": mark_of(session)}
        if self.ephemeral.create(key, claim, self.lifetime):
            return True
        standing = self.ephemeral.read(key) or {}
        if any(not is_same(standing.get(name, ""), mark) for name, mark in claim.items()):
            raise AppReturnUsed
        return False

    def _redeemed(self, callback: Callback, attempt: Attempt) -> VerifiedToken | VerificationFailed:
        try:
            verified = self.client.redeem(callback, attempt)
        except AppRefused as failure:
            logger.info("app refused: %s (%s)", failure.code, failure.detail)
            return failure
        challenge = attempt.challenge
        return VerifiedToken(
            challenge=challenge.id,
            journey=challenge.journey,
            document=challenge.document,
            origin=challenge.origin,
            nonce=challenge.nonce,
            token=verified.token,
            key=verified.key,
            subject_hashes=subject_hashes(
                issuer=self.client.provider.issuer,
                subject=verified.subject,
                keys=self.subject_keys,
            ),
            expires=verified.expires,
            verified_at=self.client.clock.now(),
        )

    def _code(self, state: str) -> str:
        tag = bytes.fromhex(self._keyed(CODE_PURPOSE, state))[:CODE_BYTES]
        return base64.urlsafe_b64encode(tag).rstrip(b"=").decode()

    def _keyed(self, purpose: str, value: str) -> str:
        return next(self.subject_keys.keyed_hashes(purpose, value.encode(errors="replace")))

    def number_of(self, journey: JourneyId) -> str:
        """Return the digits that both screens of a journey show."""
        value = int(self._keyed(NUMBER_PURPOSE, journey), 16) % 10**NUMBER_DIGITS
        return f"{value:0{NUMBER_DIGITS}d}"

    def leave_to(self, arrival: Arrival, session: str) -> str:
        """Leave an arrival to the foreign browser that brought it; return a name for its page.

        An outcome that is a failure needs no comparing: the first screen is told at once.

        Raises:
            VerificationFailed: the reading failed; the subclass is the reason.
        """
        # The same name for the same arrival: a reload asks the same question again.
        name = self._code(f"elsewhere\0{arrival.code}")
        try:
            self.outcomes.of(arrival.code, arrival.journey)
        except (AppRejected, OutcomeUnknown):
            return name  # settled here already
        except VerificationFailed:
            if self.ephemeral.create(_settled_key(name), {"same": str(False)}, self.lifetime):
                self._tell(arrival.journey, arrival.code)
            raise
        waiting = Elsewhere(arrival.journey, arrival.code, arrival.document, mark_of(session))
        self.ephemeral.create(_elsewhere_key(name), waiting.to_fields(), self.lifetime)
        return name

    def waiting(self, name: str, session: str) -> Elsewhere:
        """Return what the browser of ``session`` has to settle.

        Raises:
            AppReturnUnknown: nothing waits under this name for this browser.
        """
        fields = self.ephemeral.read(_elsewhere_key(name))
        if fields is None or not is_same(fields["session"], mark_of(session)):
            raise AppReturnUnknown
        return Elsewhere.from_fields(fields)

    def settle(self, name: str, session: str, *, is_same_number: bool) -> None:
        """Let the first screen go on, or stop it; the first answer counts.

        Raises:
            AppReturnUnknown: nothing waits under this name for this browser.
            AppReturnUsed: the other answer was given before.
        """
        waiting = self.waiting(name, session)
        key, answer = _settled_key(name), {"same": str(is_same_number)}
        is_first = self.ephemeral.create(key, answer, self.lifetime)
        if not is_first and self.ephemeral.read(key) != answer:
            raise AppReturnUsed
        if not is_same_number:
            self.outcomes.forget(waiting.code)
            self.outcomes.keep(waiting.code, waiting.journey, AppRejected())
        self._tell(waiting.journey, waiting.code)

    def settled(self, name: str) -> bool | None:
        """Return whether the numbers were said to be the same; ``None``: nobody has said yet."""
        answer = self.ephemeral.read(_settled_key(name))
        return None if answer is None else answer["same"] == str(True)

    def _tell(self, journey: JourneyId, code: str) -> None:
        self.ephemeral.create(_news_key(journey), {"code": code}, self.lifetime)

    def has_news(self, journey: JourneyId) -> bool:
        """Tell whether another browser has settled what the first screen waits for."""
        return self.ephemeral.read(_news_key(journey)) is not None

    def news(self, journey: JourneyId) -> str | None:
        """Return the code of what another browser has settled, for the first screen; or ``None``.

        What failed is told once, so that the patient can begin anew from the same page.
        """
        fields = self.ephemeral.read(_news_key(journey))
        if fields is None:
            return None
        try:
            self.outcomes.of(fields["code"], journey)
        except IdentityError:
            self.ephemeral.delete(_news_key(journey))
        return fields["code"]


def _attempt_key(state: str) -> str:
    return f"app:{mark_of(state)}"


def _done_key(code: str) -> str:
    return f"app-done:{mark_of(code)}"


def _elsewhere_key(name: str) -> str:
    return f"app-elsewhere:{mark_of(name)}"


def _settled_key(name: str) -> str:
    return f"app-settled:{mark_of(name)}"


def _news_key(journey: JourneyId) -> str:
    return f"app-news:{mark_of(journey)}"
