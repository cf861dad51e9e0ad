"""Challenges in the short-lived store, and the one proof that each was answered with."""

import hashlib
import hmac
from datetime import timedelta

from zaitaku.core.clock import Clock, is_within
from zaitaku.core.ephemeral import EphemeralStore
from zaitaku.identity.errors import ChallengeUnknown
from zaitaku.identity.model import Challenge


class Challenges:
    """The challenges of one deployment; methods raise ``StoreUnavailable`` with their store."""

    def __init__(self, ephemeral: EphemeralStore, clock: Clock, lifetime: timedelta) -> None:
        self._ephemeral = ephemeral
        self._clock = clock
        self._lifetime = lifetime

    def keep(self, challenge: Challenge) -> None:
        """Keep a new challenge until it dies or is withdrawn."""
        self._ephemeral.create(_key(challenge.id), challenge.to_fields(), self._lifetime)

    def living(self, name: str) -> Challenge:
        """Return the challenge of this name.

        Raises:
            ChallengeUnknown: it was never made, has expired, or was withdrawn.
        """
        fields = self._ephemeral.read(_key(name))
        if fields is None:
            raise ChallengeUnknown
        challenge = Challenge.from_fields(fields)
        now = self._clock.now()
        # One of a clock that was far ahead would live until the others are there. A little ahead,
        # as clocks of several machines are, counts for nothing.
        is_of_now = is_within(2 * self._lifetime, challenge.expires_at, now)
        if now >= challenge.expires_at or not is_of_now:
            raise ChallengeUnknown("expired")
        return challenge

    def claim(self, challenge: Challenge, proof: str) -> None:
        """Give the challenge to the proof of this digest, the first to come; it may come again.

        Raises:
            ChallengeUnknown: it was answered with another proof.
        """
        # Made after the challenge and living as long, a claim never dies before it.
        key = _claim_key(challenge.id)
        if self._ephemeral.create(key, {"proof": proof}, self._lifetime):
            return
        claim = self._ephemeral.read(key)
        if claim is None or not hmac.compare_digest(claim["proof"], proof):
            raise ChallengeUnknown("answered with another proof")

    def withdraw(self, name: str) -> None:
        """Let no proof be taken for the challenge from now on."""
        self._ephemeral.delete(_key(name))


def _key(name: str) -> str:
    # Whoever posts a proof chooses the name: its digest has a fixed length and alphabet.
    return f"challenge:{_digest(name)}"


def _claim_key(name: str) -> str:
    return f"accepted:{_digest(name)}"


def _digest(name: str) -> str:
    # JSON can carry half a surrogate pair, which UTF-8 cannot.
    return hashlib.sha256(name.encode(errors="backslashreplace")).hexdigest()
