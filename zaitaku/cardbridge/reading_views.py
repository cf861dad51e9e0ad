"""The pages of one reading: what is asked, the card, the PIN, and back to the site."""

import logging
from contextlib import suppress
from http import HTTPStatus
from typing import Final
from urllib.parse import urlencode

from flask import Blueprint, Response, g, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from zaitaku import wire
from zaitaku.cardbridge.bridge import bridge
from zaitaku.cardbridge.cardwork import (
    CardState,
    CardView,
    NotInsisted,
    view_of,
    view_of_trouble,
    wipe,
)
from zaitaku.cardbridge.failures import SiteRefused, SiteUnreachable
from zaitaku.cardbridge.guards import check_token
from zaitaku.cardbridge.jpki import PIN_TRIES, PinWrong
from zaitaku.cardbridge.pin import pin_from
from zaitaku.cardbridge.readings import BridgeOccupied, Reading, ReadingWorks
from zaitaku.cardbridge.rendering import Action, Page, reading_url, render
from zaitaku.cardbridge.requests import CANCELLED, VerifiedRequest, verify_request
from zaitaku.cardbridge.ruby import marked_lines
from zaitaku.cardbridge.transport import CardBusy, CardTrouble

LOG = logging.getLogger(__name__)

WORK_SECONDS: Final = 10.0
"""For so long a form that is sent twice waits for what its first sending brings."""
CANCEL_SECONDS: Final = 3.0
"""For so long やめて戻る lets the card come to its end."""

reading_pages = Blueprint("reading", __name__)


@reading_pages.get(wire.READ_PATH)
def begin() -> AnyResponse:
    """Check the signed request in the address and open its reading."""
    token = request.args.get("request", "")
    return _opened(_verified(token), token)


@reading_pages.post("/give-up")
def give_up() -> AnyResponse:
    """Drop the reading that nobody attends to, and open the one in the form."""
    token = request.form.get("request", "")
    check_token(request.form.get("token", ""), bridge().give_up_token)
    asked = _verified(token)
    try:
        bridge().desk.give_up_idle(bridge().now())
    except BridgeOccupied as occupied:
        return _busy(asked, token, occupied.wait)
    return _opened(asked, token)


@reading_pages.get("/reading/<string:reading_id>")
def show(reading_id: str) -> AnyResponse:
    """Show what is asked, and the card as it lies there."""
    reading = _found(reading_id)
    if reading.back is not None:
        return render(_finished(reading, reading.back))
    if reading.proof is not None:
        return render(_unsent(reading, HTTPStatus.OK))
    insisted = request.args.get("insist") == "1"
    return _card_page(reading, bridge().cards.look(), insisted=insisted)


@reading_pages.post("/reading/<string:reading_id>/pin")
def enter_pin(reading_id: str) -> AnyResponse:
    """Show the typed PIN to the card once, have it sign, and send the proof."""
    reading = _posted(reading_id)
    pin = pin_from(request.form.get("pin", ""))
    try:
        with bridge().desk.work_on(reading, patience=WORK_SECONDS):
            return _pin_answer(reading, pin)
    except ReadingWorks:
        return _card_page(reading, view_of_trouble(CardBusy()), status=HTTPStatus.CONFLICT)
    finally:
        if pin is not None:
            wipe(pin)


@reading_pages.post("/reading/<string:reading_id>/send")
def send_again(reading_id: str) -> AnyResponse:
    """Send the kept proof once more."""
    reading = _posted(reading_id)
    try:
        with bridge().desk.work_on(reading, patience=WORK_SECONDS):
            return _continued(reading) or redirect(reading_url(reading), HTTPStatus.SEE_OTHER)
    except ReadingWorks:
        return render(_unsent(reading, HTTPStatus.CONFLICT))


@reading_pages.post("/reading/<string:reading_id>/cancel")
def cancel(reading_id: str) -> AnyResponse:
    """End the reading and go back to the site, also while the card or the site hangs.

    What the card signs after that is not sent.
    """
    reading = _posted(reading_id)
    with suppress(ReadingWorks), bridge().desk.work_on(reading, patience=CANCEL_SECONDS):
        bridge().desk.close(reading, CANCELLED)
    back = bridge().desk.close(reading, CANCELLED)
    return redirect(back, HTTPStatus.SEE_OTHER)


def _verified(token: str) -> VerifiedRequest:
    here = bridge()
    return verify_request(
        token=token, trust=here.trust, now=here.now(), bridge_version=here.version
    )


def _opened(asked: VerifiedRequest, token: str) -> AnyResponse:
    language = request.args.get("lang") or asked.request.language
    try:
        reading = bridge().desk.open(asked, language=language, now=bridge().now())
    except BridgeOccupied as occupied:
        return _busy(asked, token, occupied.wait)
    LOG.info("reading opened for %s", asked.request.origin)
    return redirect(reading_url(reading), HTTPStatus.SEE_OTHER)


def _busy(asked: VerifiedRequest, token: str, wait: int) -> Response:
    again = url_for("reading.begin", request=token)
    fields = {"request": token, "token": bridge().give_up_token}
    actions = (
        Action("common.retry", again, primary=wait > 0),
        *([] if wait else [Action("busy.give-up", url_for("reading.give_up"), fields, True)]),
        Action("common.back", asked.back(CANCELLED)),
    )
    return render(
        Page(
            "busy" if wait else "busy-idle",
            HTTPStatus.CONFLICT,
            {"wait": wait},
            tuple(sorted(actions, key=lambda action: not action.primary)),
        )
    )


def _found(reading_id: str) -> Reading:
    reading = bridge().desk.find(reading_id, bridge().now())
    g.form_origin = reading.request.origin
    return reading


def _posted(reading_id: str) -> Reading:
    reading = _found(reading_id)
    check_token(request.form.get("token", ""), reading.token)
    return reading


def _pin_answer(reading: Reading, pin: bytearray | None) -> AnyResponse:
    continued = _continued(reading)
    if continued is not None:
        return continued
    if request.form.get("turn") != str(reading.turn):
        return _typing_error(reading, reading.last_error or "pin-stale")
    if pin is None:
        return _typing_error(reading, "pin-format")
    reading.turn += 1
    return _sign(reading, pin)


def _continued(reading: Reading) -> AnyResponse | None:
    """Go on with a reading whose card work is done, however often its form is sent."""
    if reading.back is not None:
        return redirect(reading.back, HTTPStatus.SEE_OTHER)
    return _send(reading, reading.proof) if reading.proof is not None else None


def _sign(reading: Reading, pin: bytearray) -> AnyResponse:
    insisted = request.form.get("insist") == "1"
    reading.last_error = ""
    try:
        answer = bridge().cards.sign(pin, reading.request.statement(), insisted=insisted)
    except NotInsisted:
        return _card_page(reading, view_of(1), status=HTTPStatus.CONFLICT)
    except PinWrong as wrong:
        reading.last_error = "pin-wrong"
        LOG.info("PIN refused by the card")
        return _wrong(reading, view_of_trouble(wrong))
    except CardTrouble as trouble:
        LOG.info("card trouble: %s", trouble.code)
        return _card_page(reading, view_of_trouble(trouble), status=HTTPStatus.CONFLICT)
    proof = wire.CardProof(
        reading.request.challenge, answer.certificate.hex(), answer.signature.hex()
    )
    if not bridge().desk.keep_proof(reading, proof):
        LOG.info("stopped while the card was at work: the proof is not sent")
    return _continued(reading) or redirect(reading_url(reading), HTTPStatus.SEE_OTHER)


def _send(reading: Reading, proof: wire.CardProof) -> AnyResponse:
    try:
        code = bridge().site.send_proof(reading.request.origin, proof)
    except SiteUnreachable:
        LOG.warning("the proof did not reach %s", reading.request.origin)
        return render(_unsent(reading, SiteUnreachable.status))
    except SiteRefused as refused:
        LOG.warning("%s refused the proof: %s", reading.request.origin, refused.reason)
        return render(_refused(reading))
    LOG.info("reading done for %s", reading.request.origin)
    back = bridge().desk.close(reading, urlencode({"code": code}))
    return redirect(back, HTTPStatus.SEE_OTHER)


def _typing_error(reading: Reading, error: str) -> Response:
    """Show the PIN page again; the card is asked for the tries left, which uses none."""
    view = bridge().cards.look()
    insisted = request.form.get("insist") == "1" and error == "pin-format"
    return _card_page(
        reading, view, insisted=insisted, error=error, status=HTTPStatus.UNPROCESSABLE_ENTITY
    )


def _wrong(reading: Reading, view: CardView) -> Response:
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    return _card_page(reading, view, error="pin-wrong", status=status)


def _card_page(
    reading: Reading,
    view: CardView,
    *,
    insisted: bool = False,
    error: str = "",
    status: HTTPStatus = HTTPStatus.OK,
) -> Response:
    takes_pin = view.state is CardState.READY or (view.state is CardState.LAST_TRY and insisted)
    if takes_pin:
        return render(_pin_page(reading, view, error, status))
    if view.state is CardState.LAST_TRY:
        return render(_last_try(reading, error, status))
    name = view.page if bridge().words.has(view.page) else "card-fault"
    actions = (_retry(reading), _cancel(reading))
    if view.state is CardState.LOCKED:
        retry = Action("pin-locked.retry", reading_url(reading))
        actions = (_cancel(reading, primary=True), retry)
    return render(Page(name, status, {}, actions, reading))


def _pin_page(reading: Reading, view: CardView, error: str, status: HTTPStatus) -> Page:
    return Page(
        "pin",
        status,
        {"tries": view.tries, "most": PIN_TRIES},
        (_cancel(reading),),
        reading,
        error=error,
        template="pin.html",
        more={"is_last": view.state is CardState.LAST_TRY, "marked_lines": marked_lines},
    )


def _last_try(reading: Reading, error: str, status: HTTPStatus) -> Page:
    insist = Action("last-try.insist", reading_url(reading, insist="1"))
    actions = (_cancel(reading, primary=True), insist)
    return Page("last-try", status, {"tries": 1}, actions, reading, error=error)


def _unsent(reading: Reading, status: HTTPStatus) -> Page:
    url = url_for("reading.send_again", reading_id=reading.id)
    again = Action("send-failed.again", url, {"token": reading.token}, primary=True)
    return Page("send-failed", status, {}, (again, _cancel(reading)), reading)


def _refused(reading: Reading) -> Page:
    back = bridge().desk.close(reading, CANCELLED)
    action = Action("common.back", back, primary=True)
    return Page("send-refused", SiteRefused.status, {}, (action,), reading)


def _finished(reading: Reading, back: str) -> Page:
    return Page("finished", actions=(Action("common.back", back, primary=True),), reading=reading)


def _retry(reading: Reading) -> Action:
    return Action("common.retry", reading_url(reading), primary=True)


def _cancel(reading: Reading, *, primary: bool = False) -> Action:
    url = url_for("reading.cancel", reading_id=reading.id)
    return Action("common.cancel", url, {"token": reading.token}, primary)
