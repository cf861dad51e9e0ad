"""The bridge as a WSGI application."""

import logging
import traceback
from contextlib import suppress
from http import HTTPStatus
from typing import Final

from flask import Flask, Response, g, request, url_for
from werkzeug.exceptions import HTTPException

from zaitaku.cardbridge.reading.config import BridgeConfig
from zaitaku.cardbridge.trust.failures import (
    BridgeError,
    BridgeTooOld,
    ClockWrong,
    KeyUnreachable,
    MalformedRequest,
    NewerProtocol,
    PageMissing,
    TooOften,
)
from zaitaku.cardbridge.virtual.box import UnknownCard
from zaitaku.cardbridge.web import guards
from zaitaku.cardbridge.web.bridge import EXTENSION, assemble, bridge
from zaitaku.cardbridge.web.diagnosis_views import diagnosis_pages
from zaitaku.cardbridge.web.live_views import live_pages
from zaitaku.cardbridge.web.reading_views import reading_pages
from zaitaku.cardbridge.web.rendering import Action, Page, render
from zaitaku.cardbridge.web.status_views import status_pages

LOG = logging.getLogger(__name__)

FORM_LIMIT: Final = 256 * 1024
NOT_PAGES: Final = frozenset(
    {"status.assets", "status.virtual_cards", "live.changes", "live.readers", "diagnosis.running"}
)
PIN_FORM: Final = "reading.enter_pin"
OUTDATED: Final = (BridgeTooOld, NewerProtocol)
WORTH_A_RETRY: Final = (KeyUnreachable, ClockWrong, TooOften)


def create_bridge(config: BridgeConfig) -> Flask:
    """Return the bridge's application; it must be served at ``config.address`` only."""
    app = Flask("zaitaku.cardbridge", template_folder="pages/templates", static_folder=None)
    app.config["DEBUG"] = False  # FLASK_DEBUG in the environment would turn it on
    app.config["MAX_CONTENT_LENGTH"] = FORM_LIMIT
    app.config["MAX_FORM_MEMORY_SIZE"] = FORM_LIMIT
    app.jinja_options = {"trim_blocks": True, "lstrip_blocks": True}
    app.extensions[EXTENSION] = assemble(config)
    app.register_blueprint(reading_pages)
    app.register_blueprint(live_pages)
    app.register_blueprint(status_pages)
    app.register_blueprint(diagnosis_pages)
    app.before_request(_guard)
    app.after_request(_harden)
    app.register_error_handler(BridgeError, _refusal)
    app.register_error_handler(UnknownCard, _unknown_card)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _unforeseen)
    return app


def _guard() -> None:
    guards.check_user(request)
    guards.check_host(request, bridge().config.hosts)
    if request.method not in guards.SAFE_METHODS:
        guards.check_post(request)
    elif request.endpoint in NOT_PAGES:
        guards.check_own_use(request)
    else:
        guards.check_page(request)


def _harden(response: Response) -> Response:
    return guards.harden(response, g.get("form_origin"))


def _refusal(error: BridgeError) -> Response:
    LOG.warning("refused: %s", error.page)
    return render(Page(error.page, error.status, error.facts, _ways_on(error)))


def _ways_on(error: BridgeError) -> tuple[Action, ...]:
    is_worth_it = isinstance(error, WORTH_A_RETRY)
    retry = Action("common.retry", _same_page() if is_worth_it else "", primary=True)
    back = Action("common.back", error.back or "", primary=not is_worth_it)
    return (
        *([retry] if retry.href else []),
        *_download(error),
        *([back] if error.back else []),
    )


def _download(error: BridgeError) -> tuple[Action, ...]:
    operator = bridge().config.operator
    if operator is None or not operator.download or not isinstance(error, OUTDATED):
        return ()
    return (Action("too-old.download", operator.download),)


def _same_page() -> str:
    """Return where the same can be asked again: the request, or the reading of a PIN form."""
    if request.endpoint == PIN_FORM:
        return url_for("reading.show", **(request.view_args or {}))
    with suppress(HTTPException):  # the form is what could not be read
        if token := request.values.get("request"):
            return url_for("reading.begin", request=token)
    return ""


def _unknown_card(_: UnknownCard) -> Response:
    return _refusal(PageMissing())


def _http_error(error: HTTPException) -> Response:
    status = error.code or HTTPStatus.INTERNAL_SERVER_ERROR
    missing = status in {HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED}
    return render(Page(PageMissing.page if missing else MalformedRequest.page, status))


def _unforeseen(error: Exception) -> Response:
    """Answer calmly; the log gets the places in the code, never a value or a message."""
    places = " < ".join(
        f"{frame.name}:{frame.lineno}"
        for frame in reversed(traceback.extract_tb(error.__traceback__))
    )
    LOG.error("unforeseen %s at %s", type(error).__name__, places)
    unforeseen = BridgeError()
    return render(Page(unforeseen.page, unforeseen.status))
