"""From failures to pages: the code chooses the words, the log keeps the detail."""

import logging
import math
from http import HTTPStatus
from typing import Any, Final

from flask import Flask, g, render_template, request, url_for
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException

from zaitaku.blueprints import away, pages
from zaitaku.blueprints.edge import services
from zaitaku.blueprints.explanations import Explanation, NextStep
from zaitaku.blueprints.failures import explain
from zaitaku.blueprints.patient import journeys
from zaitaku.blueprints.patient.background import Background
from zaitaku.blueprints.patient.presenters import day_text, minutes_text
from zaitaku.blueprints.patient.ways import other_ways
from zaitaku.core.errors import StoreUnavailable, TooManyAttempts, ZaitakuError
from zaitaku.core.logs import request_id
from zaitaku.core.watch import Happening
from zaitaku.facilities.model import Facility
from zaitaku.reception.errors import ReceptionNotBegun

log = logging.getLogger(__name__)

_CODES: Final = {
    HTTPStatus.FORBIDDEN: "forbidden",
    HTTPStatus.NOT_FOUND: "not-found",
    HTTPStatus.METHOD_NOT_ALLOWED: "not-found",
    HTTPStatus.TOO_MANY_REQUESTS: "too-many-attempts",
    HTTPStatus.SERVICE_UNAVAILABLE: StoreUnavailable.code,
    HTTPStatus.INTERNAL_SERVER_ERROR: "unexpected",
}

AWAY_SECONDS: Final = 60
"""So long a program or browser should leave a store alone that is away; pages say a minute."""

Answer = tuple[str, int, dict[str, str]]


def register_error_pages(app: Flask) -> None:
    """Answer every failure of ``app`` with a calm page.

    A blueprint may still answer its own failures in its own way.
    """
    app.register_error_handler(ZaitakuError, _foreseen)
    app.register_error_handler(CSRFError, _form_expired)
    app.register_error_handler(HTTPException, _http)


def _foreseen(error: ZaitakuError) -> Answer:
    level = logging.ERROR if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR else logging.INFO
    log.log(level, "refused: %s", error.code, extra={"code": error.code, "detail": error.detail})
    headers: dict[str, str] = {}
    if isinstance(error, TooManyAttempts):
        headers["Retry-After"] = str(error.retry_after)
        g.minutes_left = math.ceil(error.retry_after / 60)
    elif error.status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = str(AWAY_SECONDS)
    context = getattr(error, "context", None)
    if context is not None:
        g.reception = context
    return _page(error.code, error.status, error), error.status, headers


def _form_expired(error: CSRFError) -> Answer:
    log.info("refused: form-expired", extra={"code": "form-expired", "detail": error.description})
    return _page("form-expired", HTTPStatus.BAD_REQUEST, error), HTTPStatus.BAD_REQUEST, {}


def _http(error: HTTPException) -> Answer | HTTPException:
    is_of_pages = request.endpoint != "static"  # nobody reads the page of a missing file
    if not is_of_pages or error.code is None or error.code < HTTPStatus.BAD_REQUEST:
        return error
    status = HTTPStatus(error.code)
    page = _page(_CODES.get(status, "bad-request"), status, error)
    return page, status, dict(_kept_headers(error))


def _kept_headers(error: HTTPException) -> list[tuple[str, str]]:
    return [pair for pair in error.get_headers() if pair[0] in {"Allow", "Retry-After"}]


def _page(code: str, status: HTTPStatus, error: Exception) -> str:
    explanation = explain(code)
    services().watch.happened(Happening.REFUSAL, request.blueprint or "(none)", code)
    return render_template(
        "errors/failure.html",
        explanation=explanation,
        happened=away.happened(error) if code == StoreUnavailable.code else explanation.happened,
        pause=_pause(explanation),
        facility=_facility(),
        begins_on=_beginning(code),
        wait=_wait(),
        action=_action(explanation),
        reference=request_id.get() if status >= HTTPStatus.INTERNAL_SERVER_ERROR else "",
        is_staff=request.path.startswith("/console"),
        **_ways(explanation),
    )


def _facility() -> Facility | Background | None:
    reception = g.get("reception")
    found: Facility | Background | None = g.get("background")
    return reception.facility if reception else found


def _wait() -> str:
    minutes: int = g.get("minutes_left", 0)
    return minutes_text(minutes) if minutes else ""


def _beginning(code: str) -> str:
    reception = g.get("reception")
    if code != ReceptionNotBegun.code or reception is None:
        return ""
    begins_on = reception.facility.enrolment.starts_on
    return day_text(begins_on) if begins_on else ""


def _action(explanation: Explanation) -> dict[str, Any] | None:
    if request.path.startswith("/console"):
        return None
    journey, step = g.get("journey"), explanation.next_step
    if step in {NextStep.CARD_AGAIN, NextStep.OTHER_CARD} and journey:
        return {"step": step, "href": url_for("patient.card", journey=journey.id, again="yes")}
    if step is NextStep.DONE and journey:
        return {"step": "done", "href": url_for("patient.done", journey=journey.id)}
    if step in {NextStep.TYPE_NUMBER, NextStep.BEGIN_AGAIN}:
        began = journeys.where_it_began() if step is NextStep.BEGIN_AGAIN else ""
        return {"step": "begin" if began else "number", "href": began or url_for("patient.number")}
    if step is NextStep.SAME_PAGE:
        return {"step": "same-page", "href": pages.here()}
    return None


def _pause(explanation: Explanation) -> int:
    """Return in how many seconds the page asks again by itself; 0: it leaves that to people."""
    return AWAY_SECONDS if explanation.comes_back and request.method == "GET" else 0


def _ways(explanation: Explanation) -> dict[str, Any]:
    journey = g.get("journey")
    if not explanation.offers_ways or journey is None:
        return {}
    return {
        "other_ways": other_ways(journey.way, journey.id),
        "pin_help": url_for("patient.help_page", journey=journey.id, topic="pin"),
    }
