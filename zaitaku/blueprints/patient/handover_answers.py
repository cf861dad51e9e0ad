"""What a card answered at another computer, taken to the records of the phone's journey.

The computer's return does this. Should a store go away meanwhile, either screen can do it again:
the answer's code is kept with the hand-over, and a journey is registered once.
"""

import logging

from zaitaku.blueprints.edge import services
from zaitaku.blueprints.limits import check_card
from zaitaku.blueprints.patient import arrivals, journeys
from zaitaku.core.errors import StoreUnavailable, ZaitakuError
from zaitaku.identity.errors import OutcomeUnknown, VerificationFailed
from zaitaku.identity.handover_model import HandOver
from zaitaku.identity.model import Verified, VerifiedCard

log = logging.getLogger(__name__)


def take_answer(hand_over: HandOver, code: str) -> None:
    """Register what the card answered, or note why it cannot be.

    Raises:
        OutcomeUnknown, OutcomeForeign: ``code`` is none of this journey's; nothing has changed.
        HandOverCancelled: a side has ended the hand-over first; nothing was registered.
        HandOverNotReady: no card was to be asked yet.
        StoreUnavailable: it may or may not be registered; doing this again tells.
    """
    try:
        verified = services().identity.outcome(code, hand_over.journey, hand_over=hand_over.id)
    except VerificationFailed as refusal:
        services().hand_overs.answer(hand_over, code, failure=refusal.code)
    except OutcomeUnknown as unknown:
        _settle_without(hand_over, code, unknown)
    else:
        answered = services().hand_overs.answer(hand_over, code)
        if not answered.failure:
            _register(answered, verified)


def _settle_without(hand_over: HandOver, code: str, unknown: OutcomeUnknown) -> None:
    """Settle an answer whose outcome is kept no more: forgotten once registered, or too old."""
    is_registered = services().consent.receipt_of(hand_over.journey) is not None
    is_own = bool(code) and code == hand_over.outcome
    if is_own and is_registered:
        with journeys.best_effort():
            services().hand_overs.note_registered(hand_over, None)
    elif is_own:
        services().hand_overs.note_failure(hand_over, unknown.code)
    elif not is_registered:
        raise unknown


def _register(hand_over: HandOver, verified: Verified) -> None:
    try:
        check_card(verified)
        services().consent.register(verified)
    except StoreUnavailable:
        raise
    except ZaitakuError as refusal:
        log.info("refused: %s", refusal.code, extra={"code": refusal.code})
        services().hand_overs.note_failure(hand_over, refusal.code)
        return
    arrivals.completed(hand_over.journey)
    with journeys.best_effort():
        expires = verified.certificate_expires if isinstance(verified, VerifiedCard) else None
        services().hand_overs.note_registered(hand_over, expires)
        services().identity.forget(hand_over.outcome)
