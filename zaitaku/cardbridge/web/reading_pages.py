"""Which page a reading shows, and what can be done on it."""

from http import HTTPStatus
from typing import Final

from flask import url_for

from zaitaku.cardbridge.card.cardwork import CardState, CardView
from zaitaku.cardbridge.card.jpki import PIN_TRIES
from zaitaku.cardbridge.card.transport import ChooseReader
from zaitaku.cardbridge.reading.desk import Reading
from zaitaku.cardbridge.reading.pagestate import NOTHING, Notice
from zaitaku.cardbridge.trust.failures import SiteRefused
from zaitaku.cardbridge.trust.requests import CANCELLED, VerifiedRequest
from zaitaku.cardbridge.web.bridge import bridge
from zaitaku.cardbridge.web.readernames import friendly_names
from zaitaku.cardbridge.web.rendering import Action, Page, reading_url
from zaitaku.cardbridge.web.ruby import marked_lines

UNKNOWN_TROUBLE: Final = "card-fault"
"""Page of a trouble that has no words of its own."""
UNSENT: Final = "send-failed"
REFUSED: Final = SiteRefused.page


def card_page(reading: Reading, view: CardView, notice: Notice, *, insisted: bool) -> Page:
    """Return the page that the card calls for; only one of them takes a PIN."""
    if view.state is CardState.READY or (view.state is CardState.LAST_TRY and insisted):
        reading.pages.show_for_pin(view)
        return _pin_page(reading, view, notice)
    if view.trouble == ChooseReader.code:
        return readers_page(reading, view)
    if view.state is CardState.LAST_TRY:
        return _last_try(reading, notice)
    name = view.page if bridge().words.has(view.page) else UNKNOWN_TROUBLE
    actions = (_retry(reading), _cancel(reading))
    if view.state is CardState.LOCKED:
        retry = Action("pin-locked.retry", reading_url(reading))
        actions = (_cancel(reading, primary=True), retry)
    return Page(name, notice.status, {}, actions, reading)


def readers_page(reading: Reading, view: CardView) -> Page:
    """Return the page on which one of several readers is chosen."""
    reading.pages.offered = view.readers
    url = url_for("reading.choose_reader", reading_id=reading.id)
    choices = [
        (friendly, url, {"token": reading.token, "reader": name})
        for name, friendly in friendly_names(view.readers).items()
    ]
    actions = (_retry(reading, primary=False), _cancel(reading))
    return Page(
        ChooseReader.code,
        actions=actions,
        reading=reading,
        template="readers.html",
        more={"choices": choices},
    )


def closed_page(reading: Reading, back: str, notice: Notice) -> Page:
    """Return the page of a reading that is over: whichever way, it leads back to the site."""
    action = Action("common.back", back, primary=True)
    name = REFUSED if notice.page == REFUSED else "finished"
    return Page(name, notice.status, {}, (action,), reading)


def unsent_page(reading: Reading, notice: Notice = NOTHING) -> Page:
    """Return the page of a proof that has not reached the site."""
    url = url_for("reading.send_again", reading_id=reading.id)
    again = Action("send-failed.again", url, {"token": reading.token}, primary=True)
    return Page(UNSENT, notice.status, {}, (again, _cancel(reading)), reading)


def busy_page(asked: VerifiedRequest, token: str, wait: int) -> Page:
    """Return the page of a request that finds another reading under way.

    ``wait`` is after how many seconds that one may be given up.
    """
    again = url_for("reading.begin", request=token)
    fields = {"request": token, "token": bridge().give_up_token}
    actions = (
        Action("common.retry", again, primary=wait > 0),
        *([] if wait else [Action("busy.give-up", url_for("reading.give_up"), fields, True)]),
        Action("common.back", asked.back(CANCELLED)),
    )
    return Page(
        "busy" if wait else "busy-idle",
        HTTPStatus.CONFLICT,
        {"wait": wait},
        tuple(sorted(actions, key=lambda action: not action.primary)),
    )


def _pin_page(reading: Reading, view: CardView, notice: Notice) -> Page:
    is_last = view.state is CardState.LAST_TRY
    on_reader = view.has_pinpad and not reading.pages.types_on_screen
    keys = "screen" if on_reader else "reader"
    return Page(
        "pin",
        notice.status,
        {"tries": view.tries, "most": PIN_TRIES},
        (_cancel(reading),),
        reading,
        error=notice.error,
        template="pin.html",
        more={
            "is_last": is_last,
            "mark": view.mark,
            "marked_lines": marked_lines,
            "has_pinpad": view.has_pinpad,
            "on_reader": on_reader,
            "other_keys": reading_url(reading, insist="1" if is_last else None, keys=keys),
            "reader": friendly_names(view.readers).get(view.reader, ""),
            "has_more_readers": len(view.readers) > 1,
        },
    )


def _last_try(reading: Reading, notice: Notice) -> Page:
    insist = Action("last-try.insist", reading_url(reading, insist="1"))
    actions = (_cancel(reading, primary=True), insist)
    error = "pin-wrong-last" if notice.error == "pin-wrong" else notice.error
    return Page("last-try", notice.status, {"tries": 1}, actions, reading, error=error)


def _retry(reading: Reading, *, primary: bool = True) -> Action:
    return Action("common.retry", reading_url(reading), primary=primary)


def _cancel(reading: Reading, *, primary: bool = False) -> Action:
    url = url_for("reading.cancel", reading_id=reading.id)
    return Action("common.cancel", url, {"token": reading.token}, primary)
