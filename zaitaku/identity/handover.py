"""Handing a card request over: the phone that began a journey, a computer that reads the card.

The phone shows a link and a number. Either leads one computer, the first to take it, to a pairing
code that both screens show; both people (often one) say that it is the same. Only then does the
computer get the phone's card request, and what the card answers belongs to the phone's journey.
Cancelling withdraws that request.

Everything lives in the short-lived store. What two sides could do at the same moment is one atomic
``create`` that the first of them wins: taking the hand-over, and ending it. All else is merged into
the hand-over's own entry, and doing it twice does no more than once.
"""

import hashlib
import hmac
import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from stdnum import luhn

from zaitaku.core.clock import Clock, is_within
from zaitaku.core.ephemeral import EphemeralStore
from zaitaku.core.errors import StoreUnavailable
from zaitaku.core.ids import JourneyId, UrlVersionId, new_secret_name, random_digits
from zaitaku.identity.challenges import Challenges
from zaitaku.identity.handover_model import (
    Ending,
    HandOver,
    HandOverCancelled,
    HandOverClaimed,
    HandOverGone,
    HandOverId,
    HandOverNotReady,
    HandOverSameBrowser,
    Side,
    Stage,
)
from zaitaku.identity.model import SignedRequest

LIFETIME: Final = timedelta(minutes=5)
"""So long both sides have to find each other and to agree."""
KEPT: Final = timedelta(minutes=30)
"""So long after its last change a hand-over can still say what became of it.

Longer than ``LIFETIME`` and twice a challenge's life together: an answer of the card that the
identity service still knows finds its hand-over.
"""

NUMBER_DIGITS: Final = 9
PAIRING_DIGITS: Final = 4
_DRAWS: Final = 5
_RECORDING: Final = frozenset({Stage.FINISHING, Stage.REGISTERED})
_SEPARATORS: Final = re.compile(r"[\s\-‐‑‒–—―−ー]+")


@dataclass(frozen=True)
class Beginning:
    """What a hand-over is begun with; ``browser`` is the secret name of the phone's session."""

    journey: JourneyId
    version: UrlVersionId
    language: str
    browser: str


class HandOvers:
    """The use cases of a hand-over; every method raises ``StoreUnavailable`` with its store."""

    def __init__(self, *, ephemeral: EphemeralStore, clock: Clock, challenges: Challenges) -> None:
        self._ephemeral = ephemeral
        self._clock = clock
        self._challenges = challenges

    def begin(self, beginning: Beginning) -> HandOver:
        """Begin a hand-over; one of the same journey that was under way is cancelled.

        When the card has answered that one in time to be recorded, it is too late to begin anew:
        the earlier one is returned.
        """
        earlier = self.of_journey(beginning.journey)
        if earlier:
            earlier = self.cancel(earlier)
            if self.stage(earlier) in _RECORDING:
                return earlier
        return self._begin(beginning)

    def _begin(self, beginning: Beginning) -> HandOver:
        id_ = HandOverId(new_secret_name())
        fields = {
            "id": id_,
            "journey": beginning.journey,
            "version": str(beginning.version),
            "language": beginning.language,
            "owner": _digest(beginning.browser),
            "number": self._draw_number(id_),
            "expires_at": (self._clock.now() + LIFETIME).isoformat(),
        }
        self._ephemeral.create(_key(id_), fields, KEPT)
        self._point(beginning.journey, id_)
        return HandOver.from_fields(fields)

    def _draw_number(self, id_: HandOverId) -> str:
        for _ in range(_DRAWS):
            drawn = random_digits(NUMBER_DIGITS - 1)
            number = drawn + luhn.calc_check_digit(drawn)
            if self._ephemeral.create(_number_key(number), {"id": id_}, LIFETIME):
                return number
        raise StoreUnavailable("numbers of hand-overs kept colliding")

    def _point(self, journey: JourneyId, id_: HandOverId) -> None:
        key, fields = _journey_key(journey), {"id": id_}
        if not self._ephemeral.create(key, fields, KEPT):
            self._ephemeral.merge(key, fields, KEPT)

    def of_journey(self, journey: JourneyId) -> HandOver | None:
        """Return the journey's latest hand-over, however far it is; ``None`` when none is kept."""
        pointer = self._ephemeral.read(_journey_key(journey))
        fields = self._ephemeral.read(_key(pointer["id"])) if pointer else None
        return HandOver.from_fields(fields) if fields else None

    def find(self, id_: str) -> HandOver:
        """Return the hand-over of this name, however far it is.

        Raises:
            HandOverGone: none is kept.
        """
        fields = self._ephemeral.read(_key(id_))
        if fields is None:
            raise HandOverGone
        return HandOver.from_fields(fields)

    def find_number(self, typed: str) -> HandOver:
        """Return the hand-over whose number a person typed (full-width digits are welcome).

        Raises:
            HandOverGone: it is no such number, or a computer has come already.
        """
        digits = _SEPARATORS.sub("", unicodedata.normalize("NFKC", typed))
        if not re.fullmatch(rf"[0-9]{{{NUMBER_DIGITS}}}", digits) or not luhn.is_valid(digits):
            raise HandOverGone("typed number: shape or check digit")
        pointer = self._ephemeral.read(_number_key(digits))
        if pointer is None:
            raise HandOverGone("typed number: none lives")
        return self.find(pointer["id"])

    def check_free(self, hand_over: HandOver, browser: str) -> None:
        """Refuse a browser that cannot take the hand-over; nothing is written.

        Raises:
            HandOverClaimed: another computer was first.
            HandOverSameBrowser: this is the phone's own session.
            HandOverCancelled, HandOverGone: it is over.
        """
        if hand_over.computer and not is_computer(hand_over, browser):
            raise HandOverClaimed
        self._require_alive(hand_over)
        if hmac.compare_digest(_digest(browser), hand_over.owner):
            raise HandOverSameBrowser

    def claim(self, hand_over: HandOver, browser: str) -> HandOver:
        """Give the hand-over to the computer whose session has the secret name ``browser``.

        The same computer may claim it again: its first answer may have been lost.

        Raises:
            HandOverSameBrowser: this is the phone's own session.
            HandOverClaimed: another computer was first.
            HandOverCancelled, HandOverGone: it is over.
        """
        self.check_free(hand_over, browser)
        computer = _digest(browser)
        claim = {"computer": computer, "pairing_code": random_digits(PAIRING_DIGITS)}
        if not self._ephemeral.create(_claim_key(hand_over.id), claim, KEPT):
            claim = dict(self._ephemeral.read(_claim_key(hand_over.id)) or {})
            if not hmac.compare_digest(claim.get("computer", ""), computer):
                raise HandOverClaimed
        self._ephemeral.delete(_number_key(hand_over.number))
        return self._merge(hand_over, claim)

    def at_computer(self, id_: str, browser: str) -> HandOver:
        """Return the hand-over that the computer of this session has taken.

        Raises:
            HandOverGone: none is kept under this name.
            HandOverClaimed: it is another computer's, or nobody's yet.
        """
        hand_over = self.find(id_)
        if not hand_over.computer or not is_computer(hand_over, browser):
            raise HandOverClaimed
        return hand_over

    def agree_at_computer(self, hand_over: HandOver) -> HandOver:
        """Note that the person at the computer sees the same number.

        Raises:
            HandOverCancelled, HandOverGone: it is over.
        """
        self._require_alive(hand_over)
        return self._merge(hand_over, {_agreed(Side.COMPUTER): "yes"})

    def agree_on_phone(self, hand_over: HandOver, request: SignedRequest) -> HandOver:
        """Note that the person with the phone sees the same number, and keep the card request.

        Raises:
            HandOverNotReady: no computer has come.
            HandOverCancelled, HandOverGone: it is over.
        """
        self._require_alive(hand_over)
        if not hand_over.computer:
            raise HandOverNotReady
        fields = {
            _agreed(Side.PHONE): "yes",
            "token": request.token,
            "token_expires": request.expires_at.isoformat(),
            "challenge": request.challenge,
        }
        # One that was cancelled at this very moment had no request yet to withdraw.
        return self._withdrawn(self._merge(hand_over, fields))

    def card_request(self, hand_over: HandOver) -> str:
        """Return the signed card request for the computer to carry to the bridge.

        Raises:
            HandOverNotReady: not both sides have agreed.
            HandOverCancelled, HandOverGone: it is over.
        """
        if self._require_alive(hand_over) is not Stage.READING:
            raise HandOverNotReady
        return hand_over.token

    def cancel(self, hand_over: HandOver) -> HandOver:
        """End the hand-over, unless the card's answer ended it first; return how it stands.

        The card request is withdrawn: no proof is taken for it any more.
        """
        return self._withdrawn(self._end(hand_over, {"ending": Ending.CANCELLED}))

    def _withdrawn(self, hand_over: HandOver) -> HandOver:
        if hand_over.ending is Ending.CANCELLED and hand_over.challenge:
            self._challenges.withdraw(hand_over.challenge)
        return hand_over

    def answer(self, hand_over: HandOver, outcome: str, *, failure: str = "") -> HandOver:
        """Note that the card has answered, and the code of its outcome: too late to cancel now.

        That the time is over does not count: what the identity service still knows was in time.
        ``failure`` is the public code of a refusal. It is final, since the phone is told that
        nothing was registered: the first answer counts, whatever becomes of its outcome later.

        Raises:
            HandOverNotReady: not both sides have agreed, so no card was to be asked.
            HandOverCancelled: a side has cancelled first; nothing may be registered.
        """
        if not hand_over.is_agreed:
            raise HandOverNotReady
        fields = {"ending": Ending.ANSWERED, "outcome": outcome, "failure": failure}
        ended = self._end(hand_over, fields)
        if ended.ending is Ending.CANCELLED:
            raise HandOverCancelled
        return ended

    def note_registered(self, hand_over: HandOver, certificate_expires: datetime | None) -> None:
        """Note that the journey's consent is recorded."""
        expires = certificate_expires.isoformat() if certificate_expires else ""
        self._merge(hand_over, {"registered": "yes", "certificate_expires": expires})

    def note_failure(self, hand_over: HandOver, code: str) -> None:
        """Note the public ``code`` of what keeps the card's answer from being recorded."""
        self._merge(hand_over, {"failure": code})

    def stage(self, hand_over: HandOver) -> Stage:
        """Return how far the hand-over is now."""
        now = self._clock.now()
        # Begun by a clock that was far ahead, it would wait until the others are there. Where
        # both have agreed, the request to the card has an end of its own.
        is_of_now = is_within(KEPT, hand_over.expires_at, now)
        return hand_over.stage(now if is_of_now else max(now, hand_over.expires_at))

    def _require_alive(self, hand_over: HandOver) -> Stage:
        stage = self.stage(hand_over)
        if stage is Stage.CANCELLED:
            raise HandOverCancelled
        if stage.is_over or stage in {Stage.FINISHING, Stage.LATE}:
            raise HandOverGone(stage)
        return stage

    def _end(self, hand_over: HandOver, fields: dict[str, str]) -> HandOver:
        if hand_over.ending:
            return hand_over
        key = _ending_key(hand_over.id)
        if not self._ephemeral.create(key, fields, KEPT):
            fields = dict(self._ephemeral.read(key) or fields)
        self._ephemeral.delete(_number_key(hand_over.number))
        return self._merge(hand_over, fields)

    def _merge(self, hand_over: HandOver, fields: dict[str, str]) -> HandOver:
        merged = self._ephemeral.merge(_key(hand_over.id), fields, KEPT)
        if merged is None:
            raise HandOverGone
        return HandOver.from_fields(merged)


def is_computer(hand_over: HandOver, browser: str) -> bool:
    """Tell whether the session of the secret name ``browser`` is the one that took it."""
    return hmac.compare_digest(hand_over.computer, _digest(browser))


def _agreed(side: Side) -> str:
    return f"agreed.{side}"


def _key(id_: str) -> str:
    return f"handover:{_digest(id_)}"


def _claim_key(id_: str) -> str:
    return f"handover-claim:{_digest(id_)}"


def _ending_key(id_: str) -> str:
    return f"handover-ending:{_digest(id_)}"


def _journey_key(journey: str) -> str:
    return f"handover-of:{_digest(journey)}"


def _number_key(number: str) -> str:
    return f"handover-number:{_digest(number)}"


def _digest(name: str) -> str:
    # Names come from addresses and forms: their digest has a fixed length and alphabet.
    return hashlib.sha256(name.encode(errors="backslashreplace")).hexdigest()
