"""The hand-over at the computer beside the card reader.

Its browser learns whose page it is and reads the card. The choices are shown by the bridge; the
receipt is shown on the phone alone.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from enum import StrEnum
from typing import Final

from flask import abort, jsonify, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from zaitaku.blueprints.edge import refuse_head, services
from zaitaku.blueprints.headers import allow_form_target
from zaitaku.blueprints.i18n import mark
from zaitaku.blueprints.patient import journeys
from zaitaku.blueprints.patient.asking import bridge_at, reading_address
from zaitaku.blueprints.patient.errors import recorded_or_unknown
from zaitaku.blueprints.patient.forms import HandOverForm
from zaitaku.blueprints.patient.handover_answers import take_answer
from zaitaku.blueprints.patient.handover_views import OVERTAKEN, address_of_offer, end_of, state_of
from zaitaku.blueprints.patient.presenters import CHANNEL_NAMES
from zaitaku.blueprints.patient.room import blueprint
from zaitaku.blueprints.patient.stepping import Answer
from zaitaku.blueprints.patient.typed_numbers import NumberPage
from zaitaku.core import limits
from zaitaku.identity.handover import is_computer
from zaitaku.identity.handover_model import (
    HandOver,
    HandOverCancelled,
    HandOverGone,
    HandOverNotReady,
    Side,
    Stage,
)

TYPED_LIMIT: Final = limits.TYPED_HAND_OVER.most


class ComputerAct(StrEnum):
    """The buttons of the computer's pages."""

    CLAIM = "claim"
    SAME = "same"
    DIFFERENT = "different"
    CANCEL = "cancel"
    READ = "read"
    FINISH = "finish"


@blueprint.route("/h", methods=["GET", "POST"])
def hand_over_number() -> Answer:
    """Take the number that the phone shows, at a computer without a camera."""
    return _SHOWN_ON_PHONE.answer()


def _address(typed: str) -> str:
    found = services().hand_overs.find_number(typed)
    return address_of_offer(found, found.language)


_SHOWN_ON_PHONE: Final = NumberPage(
    limit=limits.TYPED_HAND_OVER,
    template="patient/handover-number.html",
    find=_address,
    unknown=HandOverGone,
    not_found=mark(
        "この番号は見つかりません。番号を、もう一度お確かめください。5分たつと使えなくなります。"
        "そのときは、受付を始めた画面（スマートフォンなど）で、新しい番号を出してください。"
    ),
)


@blueprint.get("/h/<string:hand_over>")
def hand_over_computer(hand_over: str) -> str:
    """Offer the hand-over to a computer, or show how far the one that took it is."""
    found = services().hand_overs.find(hand_over)
    if not is_computer(found, journeys.browser_name()):
        return _offer(found)
    stage = services().hand_overs.stage(found)
    place_of = journeys.context_at if stage.is_over else services().reception.context_of
    context = place_of(found.version)
    if stage is Stage.READING:
        allow_form_target(*map(bridge_at, services().settings.bridge_ports))
    return render_template(
        _template(found, stage),
        form=HandOverForm(is_fresh=True),
        facility=context.facility,
        hand_over=found,
        state=state_of(found, Side.COMPUTER),
        state_address=url_for("patient.hand_over_computer_state", hand_over=found.id),
        why=end_of(found, stage),
        is_phone=False,
        is_stopped="stopped" in request.args,
        other_ports=services().settings.bridge_ports[1:],
    )


@blueprint.get("/h/<string:hand_over>/state")
def hand_over_computer_state(hand_over: str) -> Response:
    """Tell the computer's script how far it is."""
    found = services().hand_overs.at_computer(hand_over, journeys.browser_name())
    return jsonify(state=state_of(found, Side.COMPUTER))


@blueprint.post("/h/<string:hand_over>")
def answer_at_computer(hand_over: str) -> Response:
    """Take a button of the computer's pages; then the page tells how things stand."""
    form = HandOverForm()
    if form.act.data not in set(ComputerAct):
        abort(400)
    act = ComputerAct(form.act.data)
    answer: Response | None = None
    if act is ComputerAct.CLAIM:
        _claim(hand_over)
    else:
        found = services().hand_overs.at_computer(hand_over, journeys.browser_name())
        with suppress(*OVERTAKEN):
            answer = _ACTS[act](found)
    return answer or redirect(url_for("patient.hand_over_computer", hand_over=hand_over), 303)


@blueprint.get("/h/<string:hand_over>/return")
def hand_over_return(hand_over: str) -> Response:
    """Register what the card has signed; a reload finds what is registered already."""
    refuse_head()
    found = services().hand_overs.at_computer(hand_over, journeys.browser_name())
    here = url_for("patient.hand_over_computer", hand_over=hand_over)
    if "cancelled" in request.args:
        return redirect(f"{here}?stopped=yes", 303)
    with recorded_or_unknown():
        journeys.context_at(found.version)
        if not found.is_registered:
            _take(found, request.args.get("code", ""))
    return redirect(here, 303)


def _take(found: HandOver, code: str) -> None:
    with suppress(HandOverCancelled, HandOverNotReady):
        take_answer(found, code)


def _claim(hand_over: str) -> None:
    found = services().hand_overs.find(hand_over)
    services().reception.context_of(found.version)
    services().hand_overs.claim(found, journeys.name_browser())


def _agree(found: HandOver) -> None:
    services().hand_overs.agree_at_computer(found)


def _cancel(found: HandOver) -> None:
    services().hand_overs.cancel(found)


def _read(found: HandOver) -> Response:
    token = services().hand_overs.card_request(found)
    services().reception.context_of(found.version)
    return redirect(reading_address(token), 303)


def _finish(found: HandOver) -> None:
    if services().hand_overs.stage(found) is Stage.FINISHING:
        with recorded_or_unknown():
            take_answer(found, found.outcome)


_ACTS: Final[Mapping[ComputerAct, Callable[[HandOver], Response | None]]] = {
    ComputerAct.SAME: _agree,
    ComputerAct.DIFFERENT: _cancel,
    ComputerAct.CANCEL: _cancel,
    ComputerAct.READ: _read,
    ComputerAct.FINISH: _finish,
}


def _offer(found: HandOver) -> str:
    services().hand_overs.check_free(found, journeys.browser_name())
    context = services().reception.context_of(found.version)
    return render_template(
        "patient/handover-open.html",
        form=HandOverForm(is_fresh=True),
        facility=context.facility,
        channel_name=CHANNEL_NAMES[context.channel],
        names_facility=True,
    )


def _template(found: HandOver, stage: Stage) -> str:
    if stage is Stage.PAIRING and Side.COMPUTER in found.agreed:
        return "patient/handover-wait.html"
    return f"patient/handover-{_TEMPLATES.get(stage, 'end')}.html"


_TEMPLATES: Final = {
    Stage.PAIRING: "compare",
    Stage.READING: "read",
    Stage.FINISHING: "finishing",
    Stage.REGISTERED: "done",
}
