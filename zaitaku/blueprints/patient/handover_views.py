"""The hand-over where the journey was begun: a code to show, a number to compare, the way on.

"The phone" is whatever shows the patient's own pages; "the computer" reads the card
(``handover_computer_views``).
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from enum import StrEnum
from typing import Final

from flask import abort, jsonify, redirect, render_template, request, url_for
from markupsafe import Markup
from werkzeug.wrappers import Response

from zaitaku.blueprints.edge import services
from zaitaku.blueprints.explanations import Explanation
from zaitaku.blueprints.failures import explain
from zaitaku.blueprints.i18n import current_language
from zaitaku.blueprints.limits import check_hand_over
from zaitaku.blueprints.patient import journeys
from zaitaku.blueprints.patient.asking import ask_for_card
from zaitaku.blueprints.patient.errors import recorded_or_unknown
from zaitaku.blueprints.patient.forms import HandOverForm
from zaitaku.blueprints.patient.handover_answers import take_answer
from zaitaku.blueprints.patient.journey import Journey, Way
from zaitaku.blueprints.patient.presenters import clock_text
from zaitaku.blueprints.patient.room import blueprint
from zaitaku.blueprints.patient.stepping import Answer, opened_now, require_open
from zaitaku.blueprints.patient.steps import StepName
from zaitaku.blueprints.patient.ways import other_ways
from zaitaku.core.ids import JourneyId
from zaitaku.core.languages import Language
from zaitaku.identity.handover import Beginning
from zaitaku.identity.handover_model import (
    HandOver,
    HandOverCancelled,
    HandOverGone,
    HandOverNotReady,
    Side,
    Stage,
)
from zaitaku.reception.qr import qr_svg, screen_modules

_GROUP: Final = 3
OVERTAKEN: Final = (HandOverCancelled, HandOverGone, HandOverNotReady)
"""What has happened meanwhile: the page says how things stand, no failure needs to."""


class PhoneAct(StrEnum):
    """The buttons of the phone's pages."""

    BEGIN = "begin"
    SAME = "same"
    DIFFERENT = "different"
    CANCEL = "cancel"
    FINISH = "finish"


@blueprint.get("/j/<string:journey>/hand-over")
def hand_over(journey: str) -> Answer:
    """Show how far the journey's hand-over is, or begin one."""
    present = journeys.load(JourneyId(journey))
    current = services().hand_overs.of_journey(present.id)
    if _is_registered(present, current):
        return redirect(url_for("patient.done", journey=journey), 303)
    situation = opened_now(present.id, StepName.CARD)
    stage = services().hand_overs.stage(current) if current else Stage.EXPIRED
    return render_template(
        _template(current, stage),
        form=HandOverForm(is_fresh=True),
        situation=situation,
        facility=situation.context.facility,
        back=url_for("patient.card", journey=journey),
        other_ways=other_ways(Way.NEARBY, present.id),
        is_different="different" in request.args,
        **(_values(current, stage) if current else {}),
    )


@blueprint.get("/j/<string:journey>/hand-over/state")
def hand_over_state(journey: str) -> Response:
    """Tell the page's script how far it is; any other word than the page's own calls for it."""
    present = journeys.load(JourneyId(journey))
    current = services().hand_overs.of_journey(present.id)
    return jsonify(state=state_of(current, Side.PHONE) if current else "")


@blueprint.post("/j/<string:journey>/hand-over")
def answer_hand_over(journey: str) -> Answer:
    """Take a button of the phone's pages; then the page tells how things stand."""
    form = HandOverForm()
    present = journeys.load(JourneyId(journey))
    if present.registered:
        return redirect(url_for("patient.done", journey=journey), 303)
    current = services().hand_overs.of_journey(present.id)
    with suppress(*OVERTAKEN):
        _act(form, present, current)
    told = "yes" if form.act.data == PhoneAct.DIFFERENT else None
    return redirect(url_for("patient.hand_over", journey=journey, different=told), 303)


def _act(form: HandOverForm, present: Journey, current: HandOver | None) -> None:
    if form.act.data not in set(PhoneAct):
        abort(400)
    act = PhoneAct(form.act.data)
    if act is PhoneAct.BEGIN:
        _begin(present, current)
    # A button of an older page, in another tab or after Back, says nothing about this hand-over.
    elif current and form.hand_over.data == current.id:
        _ACTS[act](present, current)


def _begin(present: Journey, current: HandOver | None) -> None:
    opened_now(present.id, StepName.CARD)
    if _is_registered(present, current):
        return
    check_hand_over()
    beginning = Beginning(
        journey=present.id,
        version=present.version,
        language=current_language().value,
        browser=journeys.browser_name(),
    )
    services().hand_overs.begin(beginning)


def _agree(present: Journey, current: HandOver) -> None:
    opened_now(present.id, StepName.CARD)
    is_asked = services().hand_overs.stage(current) is Stage.PAIRING
    if not is_asked or Side.PHONE in current.agreed or _is_registered(present, current):
        return
    # Every answer that comes after this note cancels; every one before it is in the request.
    situation = journeys.situation_of(journeys.note(present.id, {"hand_over": current.id}))
    require_open(StepName.CARD, situation)
    back = url_for("patient.hand_over_return", hand_over=current.id)
    asked = ask_for_card(situation, back, current.id)
    services().hand_overs.agree_on_phone(current, asked)


def _cancel(_: Journey, current: HandOver) -> None:
    services().hand_overs.cancel(current)


def _finish(_: Journey, current: HandOver) -> None:
    if services().hand_overs.stage(current) is Stage.FINISHING:
        with recorded_or_unknown():
            take_answer(current, current.outcome)


_ACTS: Final[Mapping[PhoneAct, Callable[[Journey, HandOver], None]]] = {
    PhoneAct.SAME: _agree,
    PhoneAct.DIFFERENT: _cancel,
    PhoneAct.CANCEL: _cancel,
    PhoneAct.FINISH: _finish,
}


def _is_registered(present: Journey, current: HandOver | None) -> bool:
    """Tell whether the consent is recorded, and mark the journey if it is."""
    if present.registered:
        return True
    with recorded_or_unknown():
        receipt = services().consent.receipt_of(present.id)
    if receipt is None:
        return False
    expires = current.certificate_expires if current else ""
    known = {"certificate_expires": expires} if expires else {}
    journeys.remember(present.id, receipt.reference, **known)
    return True


def _template(current: HandOver | None, stage: Stage) -> str:
    if stage is Stage.PAIRING and current and Side.PHONE in current.agreed:
        return "patient/handover-wait.html"
    return f"patient/handover-{_TEMPLATES.get(stage, 'begin')}.html"


_TEMPLATES: Final = {
    Stage.SHOWN: "code",
    Stage.PAIRING: "compare",
    Stage.READING: "reading",
    Stage.FINISHING: "finishing",
}


def _values(current: HandOver, stage: Stage) -> dict[str, object]:
    values: dict[str, object] = {
        "hand_over": current,
        "state": state_of(current, Side.PHONE),
        "state_address": url_for("patient.hand_over_state", journey=current.journey),
        "why": end_of(current, stage),
        "is_late": stage is Stage.LATE,
        "is_phone": True,
    }
    return values | (_code_values(current) if stage is Stage.SHOWN else {})


def _code_values(current: HandOver) -> dict[str, object]:
    origin = services().settings.origin
    address = address_of_offer(current, current_language())
    return {
        # Made of squares alone: no text of anybody's stands in it.
        "symbol": Markup(qr_svg(screen_modules(origin + address))),  # noqa: S704 # nosec B704
        "typed_origin": origin,
        "typed_path": url_for("patient.hand_over_number"),
        "number": grouped(current.number),
        "until": clock_text(current.expires_at),
    }


def address_of_offer(current: HandOver, language: str) -> str:
    """Return the path at which a computer is offered a hand-over."""
    lang = None if language == Language.JAPANESE else language
    return url_for("patient.hand_over_computer", hand_over=current.id, lang=lang)


def grouped(number: str) -> str:
    """Return nine digits as people read them out: 123-456-789."""
    return "-".join(number[at : at + _GROUP] for at in range(0, len(number), _GROUP))


def state_of(current: HandOver, side: Side) -> str:
    """Return a word that changes whenever the screen of ``side`` has something else to show."""
    agreed = "agreed" if side in current.agreed else "asked"
    return f"{services().hand_overs.stage(current)} {agreed} {current.number}"


def end_of(current: HandOver, stage: Stage) -> Explanation | None:
    """Return why a hand-over goes no further; ``None`` while it does."""
    codes = {
        Stage.CANCELLED: HandOverCancelled.code,
        Stage.EXPIRED: "handover-expired",
        Stage.LATE: "handover-late",
        Stage.REFUSED: current.failure,
    }
    return explain(codes[stage]) if stage in codes else None
