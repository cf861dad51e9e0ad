"""What came of readings, each under its one-time code, for the journey to ask.

A refused reading is an outcome too: its public code is kept, and the journey meets the failure.
An outcome is for the place that asked: the journey's own browser, or one hand-over of the journey.
"""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from zaitaku.core.ephemeral import EphemeralStore, Fields
from zaitaku.core.ids import JourneyId
from zaitaku.identity.errors import (
    FAILURES,
    OutcomeForeign,
    OutcomeUnknown,
    RevocationUnknown,
    VerificationFailed,
)
from zaitaku.identity.model import Verified, VerifiedCard, VerifiedToken
from zaitaku.identity.oidc.errors import APP_FAILURES

_BY_CODE: Final[Mapping[str, type[VerificationFailed]]] = {
    failure.code: failure for failure in (*FAILURES, *APP_FAILURES)
}


class Outcomes:
    """The outcomes of one deployment; every method raises ``StoreUnavailable`` with its store."""

    def __init__(self, ephemeral: EphemeralStore, lifetime: timedelta) -> None:
        self._ephemeral = ephemeral
        self._lifetime = lifetime

    def keep(
        self,
        code: str,
        journey: JourneyId,
        outcome: Verified | VerificationFailed,
        *,
        hand_over: str = "",
    ) -> None:
        """Keep what came of a reading; what stands under ``code`` already stays.

        Only that nobody could be asked about a revocation does not stay: that was no answer yet.
        """
        fields = {**_fields(journey, outcome), "hand_over": hand_over}
        if self._ephemeral.create(_key(code), fields, self._lifetime):
            return
        if isinstance(outcome, RevocationUnknown):
            return
        standing = self._ephemeral.read(_key(code)) or {}
        if standing.get("failure") == RevocationUnknown.code:
            self._ephemeral.merge(_key(code), {"failure": "", **fields}, self._lifetime)

    def refuse(self, code: str, journey: JourneyId, failure: VerificationFailed) -> None:
        """Put ``failure`` in the place of what a reading proved: it is not to be used any more."""
        self.forget(code)
        self.keep(code, journey, failure)

    def of(self, code: str, journey: JourneyId, *, hand_over: str = "") -> Verified:
        """Return what a reading proved; it stays until it dies.

        Raises:
            OutcomeUnknown: no outcome lives under this code.
            OutcomeForeign: it belongs to another journey, or to another place than ``hand_over``.
            VerificationFailed: the reading was refused; the subclass is the reason.
        """
        fields = self._ephemeral.read(_key(code))
        if fields is None:
            raise OutcomeUnknown
        _check_place(fields, journey, hand_over)
        if fields.get("failure"):
            raise failure_of(fields["failure"])
        kind = VerifiedToken if "token" in fields else VerifiedCard
        return kind.from_fields(fields)

    def forget(self, code: str) -> None:
        """Remove an outcome: it has been recorded, or is no longer wanted."""
        self._ephemeral.delete(_key(code))


def failure_of(code: str) -> VerificationFailed:
    """Return the failure that has this public ``code``; an unknown one is the general refusal."""
    failure = _BY_CODE.get(code)
    return failure() if failure else VerificationFailed(f"outcome {code}")


def outcome_word(outcome: Verified | VerificationFailed) -> str:
    """Return how a reading ended, in a word that may be counted."""
    return outcome.code if isinstance(outcome, VerificationFailed) else "good"


def _fields(journey: JourneyId, outcome: Verified | VerificationFailed) -> dict[str, str]:
    if isinstance(outcome, VerificationFailed):
        return {"journey": journey, "failure": outcome.code}
    return outcome.to_fields()


def _check_place(fields: Fields, journey: JourneyId, hand_over: str) -> None:
    for kept, given in ((fields["journey"], journey), (fields.get("hand_over", ""), hand_over)):
        if not hmac.compare_digest(kept.encode(), given.encode()):
            raise OutcomeForeign


def _key(code: str) -> str:
    # Whoever asks chooses the code: its digest has a fixed length and alphabet.
    return f"outcome:{hashlib.sha256(code.encode(errors='backslashreplace')).hexdigest()}"
