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

import hashlib
import logging
import secrets
from datetime import datetime, timedelta
from typing import Final

from zaitaku import wire
from zaitaku.core.clock import is_within
from zaitaku.core.ephemeral import EphemeralStore
from zaitaku.core.ids import ChallengeId, JourneyId, new_secret_name
from zaitaku.core.signing import Keyring
from zaitaku.core.watch import NO_WATCH, Happening, Watch
from zaitaku.identity.errors import OutcomeUnknown, VerificationFailed
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
    AppAway,
    AppInProgress,
    AppRefused,
    AppRejected,
    AppReturnUnknown,
    AppReturnUsed,
    AppTokenRefused,
)
from zaitaku.identity.oidc.subjects import subject_hashes
from zaitaku.identity.outcomes import Outcomes, outcome_word

logger = logging.getLogger(__name__)

CALLBACK_PATH: Final = "/app/return"
"""Registered at the provider, behind the origin, as the one redirect address."""
NUMBER_PURPOSE: Final = "app-number"
NUMBER_DIGITS: Final = 4
SECRET_BYTES: Final = 32
CODE_BYTES: Final = 16
LEASE: Final = timedelta(seconds=20)
"""So long one request may take to deal with an answer; longer than the provider is waited for."""
_AHEAD: Final = timedelta(minutes=2)
"""By so much the clock of another instance may be ahead."""


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
        watch: Watch = NO_WATCH,
    ) -> None:
        self.client = client
        self.ephemeral = ephemeral
        self.outcomes = outcomes
        self.subject_keys = subject_keys
        self.origin = origin
        self.lifetime = lifetime
        self._watch = watch

    def begin(self, *, journey: JourneyId, document: str, session: str) -> str:
        """Make an attempt for ``document`` and return the provider's address for the browser.

        ``session`` names the browser session in which the patient is.
        """
        attempt = Attempt(
            challenge=self._new_challenge(journey, document),
            verifier=secrets.token_urlsafe(SECRET_BYTES),
            session=mark_of(session),
            code=secrets.token_urlsafe(CODE_BYTES),
            began=self.client.clock.now(),
        )
        state = secrets.token_urlsafe(SECRET_BYTES)
        self.ephemeral.create(_attempt_key(state), attempt.to_fields(), self.lifetime)
        # That an earlier attempt failed is over now. What somebody has compared stays.
        self.ephemeral.delete(_failure_key(journey))
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
        challenge = attempt.challenge
        if self._claim(callback, session):
            self._settle_as(attempt, self._redeemed(callback, attempt))
        elif self.ephemeral.read(_done_key(attempt.code)) is None:
            # The provider takes its code back once: what was lost on the way cannot be asked again.
            if self._is_leased(callback):
                raise AppInProgress
            self._settle_as(attempt, AppAway("lost on the way"))
        is_own = is_same(attempt.session, mark_of(session))
        return Arrival(challenge.journey, attempt.code, challenge.document, is_own)

    def _settle_as(self, attempt: Attempt, outcome: VerifiedToken | VerificationFailed) -> None:
        self._watch.happened(Happening.PROOF, "phone", outcome_word(outcome))
        self.outcomes.keep(attempt.code, attempt.challenge.journey, outcome)
        self.ephemeral.create(_done_key(attempt.code), {"done": "yes"}, self.lifetime)

    def _living(self, state: str) -> Attempt:
        fields = self.ephemeral.read(_attempt_key(state))
        if fields is None:
            raise AppReturnUnknown
        attempt = Attempt.from_fields(fields)
        now, expires_at = self.client.clock.now(), attempt.challenge.expires_at
        # As with the card's challenges (``zaitaku.identity.challenges``).
        if now >= expires_at or not is_within(2 * self.lifetime, expires_at, now):
            raise AppReturnUnknown("expired")
        return attempt

    def _claim(self, callback: Callback, session: str) -> bool:
        """Tell whether this answer is the first; another one to the same ``state`` is refused."""
        claim = {"answer": callback.mark, "session": mark_of(session)}
        lease = {"until": (self.client.clock.now() + LEASE).isoformat()}
        if self.ephemeral.create(_claim_key(callback.state), {**claim, **lease}, self.lifetime):
            return True
        standing = self.ephemeral.read(_claim_key(callback.state)) or {}
        if any(not is_same(standing.get(name, ""), mark) for name, mark in claim.items()):
            raise AppReturnUsed
        return False

    def _is_leased(self, callback: Callback) -> bool:
        """Tell whether whoever claimed the answer may still be at work on it."""
        standing = self.ephemeral.read(_claim_key(callback.state)) or {}
        if "until" not in standing:
            return False
        left = datetime.fromisoformat(standing["until"]) - self.client.clock.now()
        # More than there ever was: whoever claimed it had a clock that was far ahead.
        return timedelta() < left < LEASE + _AHEAD

    def _redeemed(self, callback: Callback, attempt: Attempt) -> VerifiedToken | VerificationFailed:
        try:
            verified = self.client.redeem(callback, attempt)
        except AppRefused as failure:
            logger.info("app refused: %s (%s)", failure.code, failure.detail)
            return failure
        except Exception as error:  # noqa: BLE001 - the answer is used up: somebody must be told
            logger.error("app's answer not read: %s", type(error).__name__)  # noqa: TRY400 - private
            return AppTokenRefused(type(error).__name__)
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
            verified_at=verified.at,
        )

    def leave_to(self, arrival: Arrival, session: str) -> str:
        """Leave an arrival to the foreign browser that brought it; return a name for its page.

        An outcome that is a failure needs no comparing: the first screen is told at once.

        Raises:
            VerificationFailed: the reading failed; the subclass is the reason.
        """
        # The same name for the same arrival: a reload asks the same question again.
        name = mark_of(f"elsewhere\0{arrival.code}")
        try:
            self.outcomes.of(arrival.code, arrival.journey)
        except (AppRejected, OutcomeUnknown):
            return name  # settled here already
        except VerificationFailed:
            if self.ephemeral.create(_settled_key(name), {"same": str(False)}, self.lifetime):
                self._tell(_failure_key(arrival.journey), arrival.code)
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
            self.outcomes.refuse(waiting.code, waiting.journey, AppRejected())
        key_of = _success_key if is_same_number else _failure_key
        self._tell(key_of(waiting.journey), waiting.code)

    def settled(self, name: str) -> bool | None:
        """Return whether the numbers were said to be the same; ``None``: nobody has said yet."""
        answer = self.ephemeral.read(_settled_key(name))
        return None if answer is None else answer["same"] == str(True)

    def _tell(self, key: str, code: str) -> None:
        self.ephemeral.create(key, {"code": code}, self.lifetime)

    def news(self, journey: JourneyId) -> str | None:
        """Return the code of what another browser has settled, for the first screen; or ``None``.

        What somebody has compared goes before any failure. Asking changes nothing.
        """
        return self.compared(journey) or self._told(_failure_key(journey))

    def compared(self, journey: JourneyId) -> str | None:
        """Return the code of a reading whose numbers were said to be the same; or ``None``."""
        return self._told(_success_key(journey))

    def _told(self, key: str) -> str | None:
        fields = self.ephemeral.read(key)
        return fields["code"] if fields else None

    def end_news(self, journey: JourneyId, code: str) -> None:
        """Forget the news of ``code``: its end was shown, and the patient can begin anew."""
        for key in (_success_key(journey), _failure_key(journey)):
            if self._told(key) == code:
                self.ephemeral.delete(key)


def number_of(journey: JourneyId) -> str:
    """Return the digits that both screens of a journey show.

    They follow from the journey's name alone, so that every process shows the same ones. They are
    no secret: a person who sees both screens compares them.
    """
    digest = hashlib.sha256(f"{NUMBER_PURPOSE}\0{journey}".encode(errors="replace")).hexdigest()
    return f"{int(digest, 16) % 10**NUMBER_DIGITS:0{NUMBER_DIGITS}d}"


def _attempt_key(state: str) -> str:
    return f"app:{mark_of(state)}"


def _claim_key(state: str) -> str:
    return f"app-claim:{mark_of(state)}"


def _done_key(code: str) -> str:
    return f"app-done:{mark_of(code)}"


def _elsewhere_key(name: str) -> str:
    return f"app-elsewhere:{mark_of(name)}"


def _settled_key(name: str) -> str:
    return f"app-settled:{mark_of(name)}"


def _failure_key(journey: JourneyId) -> str:
    return f"app-failure:{mark_of(journey)}"


def _success_key(journey: JourneyId) -> str:
    return f"app-success:{mark_of(journey)}"
