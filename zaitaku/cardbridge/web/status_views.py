"""What a bridge says about itself, and its box of virtual cards.

For scripts, a bridge that was started with virtual cards answers ``GET /virtual/cards`` with::

    {"token": "…", "inserted": "ordinary" or null, "pad": null, "idle" or "waiting",
     "cards": [{"id": "ordinary", "name": "…", "description": "…", "pin": "1234", "tries": 3,
                "inserted": true}, …]}

and changes by form posts (``application/x-www-form-urlencoded``) that carry that ``token``:
``/virtual/insert`` and ``/virtual/reset`` with ``card=<id>``, ``/virtual/remove`` without. With
``--pinpad``, ``/virtual/pad`` types ``digits`` on the reader's keys and confirms them, or presses
the cancel key with ``cancel=1``. Each answers 303 to ``/``.
"""

from dataclasses import asdict, replace
from http import HTTPStatus

from flask import Blueprint, Response, jsonify, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from zaitaku.cardbridge.trust.failures import PageMissing
from zaitaku.cardbridge.virtual.box import CardBox
from zaitaku.cardbridge.web.bridge import bridge
from zaitaku.cardbridge.web.guards import check_own_use, check_token
from zaitaku.cardbridge.web.rendering import Page, asset, here_again, render

status_pages = Blueprint("status", __name__)

ASSETS = {
    "bridge.css": "text/css",
    **dict.fromkeys(("bridge.js", "pad.js", "live.js", "diagnosis.js"), "text/javascript"),
}


@status_pages.get("/")
def show() -> AnyResponse:
    """Show that the bridge runs, what lies in the reader, and the virtual cards."""
    here = bridge()
    stamp = here.cards.stamp()  # before the look: what comes or goes meanwhile is a change
    view = here.cards.look()
    known = here.words.has(view.page)
    more = {
        "view": view,
        "view_page": view.page if known else "card-fault",
        "box": here.config.box,
        "origins": sorted(here.config.allowed_origins | here.config.test_origins),
    }
    page = Page("status", template="status.html", facts={"tries": view.tries}, more=more)
    return render(replace(page, stamp=stamp, renewed=here_again()))


@status_pages.get("/assets/<string:name>")
def assets(name: str) -> Response:
    """Return the style sheet or the script, to our own pages only."""
    check_own_use(request)
    if name not in ASSETS:
        raise PageMissing
    return asset(name, ASSETS[name])


@status_pages.get("/virtual/cards")
def virtual_cards() -> Response:
    """Return the virtual cards as JSON, for scripts."""
    check_own_use(request)
    box = _box()
    cards = box.contents()
    inserted = next((card.id for card in cards if card.inserted), None)
    return jsonify(
        token=box.token,
        inserted=inserted,
        pad=box.pad and ("waiting" if box.pad.is_waiting else "idle"),
        cards=[asdict(card) for card in cards],
    )


@status_pages.post("/virtual/insert")
def virtual_insert() -> AnyResponse:
    """Put a virtual card into the reader."""
    _posted_box().insert(request.form.get("card", ""))
    return _back_to_status()


@status_pages.post("/virtual/reset")
def virtual_reset() -> AnyResponse:
    """Give a virtual card back the tries that it began with."""
    _posted_box().reset(request.form.get("card", ""))
    return _back_to_status()


@status_pages.post("/virtual/remove")
def virtual_remove() -> AnyResponse:
    """Pull the virtual card."""
    _posted_box().remove()
    return _back_to_status()


@status_pages.post("/virtual/pad")
def virtual_pad() -> AnyResponse:
    """Press the keys of the virtual reader."""
    pad = _posted_box().pad
    if pad is None:
        raise PageMissing
    if request.form.get("cancel") == "1":
        pad.cancel()
    else:
        pad.press(request.form.get("digits", ""))
    return _back_to_status()


def _box() -> CardBox:
    box = bridge().config.box
    if box is None:
        raise PageMissing
    return box


def _posted_box() -> CardBox:
    box = _box()
    check_token(request.form.get("token", ""), box.token)
    return box


def _back_to_status() -> AnyResponse:
    language = request.args.get("lang")
    return redirect(url_for("status.show", lang=language), HTTPStatus.SEE_OTHER)
