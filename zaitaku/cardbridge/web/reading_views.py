"""The addresses of one reading: what is asked, the card, the PIN, and back to the site.

Every form is answered by a redirect: what it brought is kept with the reading and shown by its
page, so that Back and Reload never send a form again.
"""

import logging
from contextlib import suppress
from dataclasses import replace
from http import HTTPStatus
from typing import Final
from urllib.parse import urlencode

from flask import Blueprint, g, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from zaitaku import wire
from zaitaku.cardbridge.card.cardwork import (
    CardView,
    NotInsisted,
    view_of,
    view_of_trouble,
    wipe,
)
from zaitaku.cardbridge.card.jpki import CardChanged, PinWrong
from zaitaku.cardbridge.card.pin import pin_from
from zaitaku.cardbridge.card.pinpad import PadNeeded
from zaitaku.cardbridge.card.transport import CardTrouble, StillReading
from zaitaku.cardbridge.reading.desk import BridgeOccupied, Reading, ReadingWorks, check_live
from zaitaku.cardbridge.reading.pagestate import NOTHING, Notice
from zaitaku.cardbridge.trust.failures import SiteRefused, SiteUnreachable
from zaitaku.cardbridge.trust.requests import CANCELLED, VerifiedRequest, verify_request
from zaitaku.cardbridge.web.bridge import bridge
from zaitaku.cardbridge.web.guards import check_token
from zaitaku.cardbridge.web.reading_pages import (
    REFUSED,
    UNSENT,
    busy_page,
    card_page,
    closed_page,
    readers_page,
    unsent_page,
)
from zaitaku.cardbridge.web.rendering import Page, reading_url, render

LOG = logging.getLogger(__name__)

WORK_SECONDS: Final = 10.0
"""For so long a form that is sent twice waits for what its first sending brings."""
SIGNING_SECONDS: Final = 5.0
"""So long before a reading's end no PIN is shown to the card: its proof would come too late."""
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
        return render(busy_page(asked, token, occupied.wait))
    return _opened(asked, token)


@reading_pages.get("/reading/<string:reading_id>")
def show(reading_id: str) -> AnyResponse:
    """Show what is asked, and the card as it lies there or as the latest form found it."""
    reading = _found(reading_id)
    notice = _notice(reading)
    if reading.back is not None:
        return render(closed_page(reading, reading.back, notice))
    if reading.proof is not None or notice.page == UNSENT:
        return render(unsent_page(reading, notice))
    reading.pages.choose_keys(request.args.get("keys", ""))
    stamp = bridge().cards.stamp()  # before the look: what comes or goes meanwhile is a change
    page = _card_page(reading, notice)
    return render(replace(page, stamp=stamp))


def _card_page(reading: Reading, notice: Notice) -> Page:
    view = notice.view or bridge().cards.look(bridge().preferences.reader())
    if "readers" in request.args and len(view.readers) > 1:
        return readers_page(reading, view)
    insisted = request.args.get("insist") == "1"
    return card_page(reading, view, notice, insisted=insisted)


@reading_pages.post("/reading/<string:reading_id>/reader")
def choose_reader(reading_id: str) -> AnyResponse:
    """Remember on this computer which of the offered readers is meant."""
    reading = _posted(reading_id)
    name = request.form.get("reader", "")
    if name in reading.pages.offered:
        bridge().preferences.remember_reader(name)
    return redirect(reading_url(reading), HTTPStatus.SEE_OTHER)


@reading_pages.post("/reading/<string:reading_id>/pin")
def enter_pin(reading_id: str) -> AnyResponse:
    """Show the PIN to the card once, have it sign, and send the proof.

    The PIN is in the form, or is typed on the reader's own keys meanwhile.
    """
    reading = _posted(reading_id)
    bridge().pins.take()
    pin = None if _is_on_reader() else pin_from(request.form.get("pin", ""))
    reading.pages.is_shuffled = request.form.get("shuffled") == "1"
    try:
        with bridge().desk.work_on(reading, patience=WORK_SECONDS):
            return _pin_answer(reading, pin)
    except ReadingWorks:
        return _shown(reading, Notice(HTTPStatus.CONFLICT, view_of_trouble(StillReading())))
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
        return _shown(reading, Notice(HTTPStatus.CONFLICT, page=UNSENT))


@reading_pages.post("/reading/<string:reading_id>/cancel")
def cancel(reading_id: str) -> AnyResponse:
    """End the reading and go back to the site, also while the card or the site hangs.

    It is over from this moment on: what the card signs after that is not sent.
    """
    reading = _posted(reading_id)
    back = bridge().desk.close(reading, CANCELLED)
    with suppress(ReadingWorks), bridge().desk.work_on(reading, patience=CANCEL_SECONDS):
        pass  # the card comes to its end, so that the next reading finds it free
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
        return render(busy_page(asked, token, occupied.wait))
    LOG.info("reading opened for %s", asked.request.origin)
    return redirect(reading_url(reading), HTTPStatus.SEE_OTHER)


def _found(reading_id: str) -> Reading:
    reading = bridge().desk.find(reading_id, bridge().now())
    g.form_origin = reading.request.origin
    return reading


def _posted(reading_id: str) -> Reading:
    reading = _found(reading_id)
    check_token(request.form.get("token", ""), reading.token)
    return reading


def _notice(reading: Reading) -> Notice:
    """Return what the form brought whose answer led here; nothing once a later one was sent."""
    is_latest = request.args.get("after") == str(reading.turn)
    return reading.pages.notice(reading.turn) if is_latest else NOTHING


def _shown(reading: Reading, notice: Notice) -> AnyResponse:
    """Keep what a form brought and lead to the page that shows it."""
    reading.pages.keep(notice, turn=reading.turn)
    return _led_to_notice(reading, insist=None)


def _led_to_notice(reading: Reading, *, insist: str | None) -> AnyResponse:
    url = reading_url(reading, after=reading.turn, insist=insist)
    return redirect(url, HTTPStatus.SEE_OTHER)


def _pin_answer(reading: Reading, pin: bytearray | None) -> AnyResponse:
    continued = _continued(reading)
    if continued is not None:
        return continued
    if request.form.get("turn") != str(reading.turn):
        return _sent_before(reading)
    if pin is None and not _is_on_reader():
        return _mistyped(reading, "pin-format", insist=request.form.get("insist"))
    # It may have waited here: a try is never used for nothing.
    check_live(reading, bridge().now() + SIGNING_SECONDS)
    reading.turn += 1
    return _sign(reading, pin)


def _sent_before(reading: Reading) -> AnyResponse:
    """Answer a form of an earlier turn: sent twice, it brings what its first sending brought."""
    if reading.pages.notice(reading.turn).view is not None:
        return _led_to_notice(reading, insist=None)
    return _mistyped(reading, "pin-stale", insist=None)


def _mistyped(reading: Reading, error: str, *, insist: str | None) -> AnyResponse:
    """Show the PIN page again; the card is asked for the tries left, which uses none."""
    reading.pages.keep(Notice(HTTPStatus.UNPROCESSABLE_ENTITY, error=error), turn=reading.turn)
    return _led_to_notice(reading, insist="1" if insist == "1" else None)


def _continued(reading: Reading) -> AnyResponse | None:
    """Go on with a reading whose card work is done, however often its form is sent."""
    proof = reading.proof
    if reading.back is not None:  # looked at last: nothing is sent once the patient has stopped
        return redirect(reading.back, HTTPStatus.SEE_OTHER)
    return _send(reading, proof) if proof is not None else None


def _is_on_reader() -> bool:
    return request.form.get("keys") == "reader"


def _sign(reading: Reading, pin: bytearray | None) -> AnyResponse:
    seen = reading.pages.shown(request.form.get("mark", ""))
    if seen is None:  # the form names no card that one of the pages has shown
        return _shown(reading, Notice(HTTPStatus.CONFLICT, view_of_trouble(CardChanged())))
    try:
        answer = bridge().cards.sign(
            pin,
            reading.request.statement(),
            insisted=request.form.get("insist") == "1",
            reader=seen.reader,
            mark=seen.mark,
        )
    except (NotInsisted, CardTrouble) as trouble:
        return _shown(reading, _trouble(reading, trouble, seen))
    proof = wire.CardProof(
        reading.request.challenge, answer.certificate.hex(), answer.signature.hex()
    )
    if not bridge().desk.keep_proof(reading, proof):
        LOG.info("stopped while the card was at work: the proof is not sent")
    return _continued(reading) or redirect(reading_url(reading), HTTPStatus.SEE_OTHER)


def _trouble(reading: Reading, trouble: NotInsisted | CardTrouble, seen: CardView) -> Notice:
    if isinstance(trouble, NotInsisted):
        return Notice(HTTPStatus.CONFLICT, _with_tries(seen, view_of(1)))
    LOG.info("card trouble: %s", trouble.code)
    view = view_of_trouble(trouble)
    if isinstance(trouble, PinWrong):
        return Notice(HTTPStatus.UNPROCESSABLE_ENTITY, _with_tries(seen, view), "pin-wrong")
    if isinstance(trouble, PadNeeded):
        reading.pages.choose_keys("reader")
    return Notice(HTTPStatus.CONFLICT, view)


def _with_tries(seen: CardView, view: CardView) -> CardView:
    """Return the card of the form as it is after its PIN."""
    return replace(seen, state=view.state, tries=view.tries)


def _send(reading: Reading, proof: wire.CardProof) -> AnyResponse:
    try:
        code = bridge().site.send_proof(reading.request.origin, proof)
    except SiteUnreachable:
        LOG.warning("the proof did not reach %s", reading.request.origin)
        return _shown(reading, Notice(SiteUnreachable.status, page=UNSENT))
    except SiteRefused as refused:
        LOG.warning("%s refused the proof: %s", reading.request.origin, refused.reason)
        bridge().desk.close(reading, CANCELLED)
        return _shown(reading, Notice(SiteRefused.status, page=REFUSED))
    LOG.info("reading done for %s", reading.request.origin)
    back = bridge().desk.close(reading, urlencode({"code": code}))
    return redirect(back, HTTPStatus.SEE_OTHER)
