"""After the card: what was registered, and the receipt to keep."""

from datetime import timedelta
from typing import Any, Final

from flask import Response as FlaskResponse
from flask import redirect, render_template, url_for
from werkzeug.wrappers import Response

from zaitaku.blueprints.edge import services
from zaitaku.blueprints.pages import page
from zaitaku.blueprints.patient import journeys
from zaitaku.blueprints.patient import presenters as show
from zaitaku.blueprints.patient.errors import JourneyGone, recorded_or_unknown
from zaitaku.blueprints.patient.journey import Journey, Visit, VisitKind
from zaitaku.blueprints.patient.paths import path_of
from zaitaku.blueprints.patient.room import blueprint
from zaitaku.consent.model import Receipt
from zaitaku.core.clock import japan_date
from zaitaku.core.ids import JourneyId
from zaitaku.facilities import practice
from zaitaku.facilities.model import Channel

SOON: Final = timedelta(days=90)
"""How long before its end a certificate's holder is told (renewal opens three months ahead)."""


@blueprint.get("/j/<string:journey>/done")
def done(journey: str) -> str | bytes | Response:
    """Show the reference number and what the facility sees now."""
    with recorded_or_unknown():
        present = journeys.load(JourneyId(journey))
        standing = services().consent.standing_of(present.id, told=present.registered)
        if standing is None:
            return _before_the_card(present)
        if not present.registered:
            journeys.remember(present.id, standing.receipt.reference)
    receipt = standing.receipt
    own = {
        **show.facility_values(standing.place.facility),
        "reference": receipt.reference,
        "validity": show.validity_text(receipt),
        "expires": _expires_soon(present),
        "receipt_page": path_of("receipt_page", journey=present.id),
        "receipt_text": path_of("receipt_text", journey=present.id),
    }
    return page(
        "patient/done.html",
        own,
        lines=standing.lines,
        language=receipt.language,
        is_empty=standing.is_empty,
        is_home_visit=receipt.channel is Channel.HOME_VISIT,
        is_walk_in=_is_walk_in_today(present, receipt),
    )


@blueprint.get("/j/<string:journey>/receipt")
def receipt_page(journey: str) -> str | Response:
    """Show the whole statement, to print."""
    with recorded_or_unknown():
        present = journeys.load(JourneyId(journey))
        standing = services().consent.standing_of(present.id, told=present.registered)
        if standing is None:
            return _before_the_card(present)
        values = _receipt_values(present, standing.receipt)
    return render_template(
        "patient/receipt.html",
        **values,
        standing=standing,
        back=url_for("patient.done", journey=journey),
    )


@blueprint.get("/j/<string:journey>/receipt/text")
def receipt_text(journey: str) -> Response:
    """Give the receipt as a plain text file, to keep."""
    with recorded_or_unknown():
        present = journeys.load(JourneyId(journey))
        receipt = services().consent.receipt_of(present.id, told=present.registered)
        if receipt is None:
            return _before_the_card(present)
        values = _receipt_values(present, receipt)
    text = render_template("patient/receipt.txt", practice=practice.WORDS, **values)
    answer = FlaskResponse("\ufeff" + text, mimetype="text/plain")
    answer.headers["Content-Disposition"] = f"attachment; filename=receipt-{receipt.reference}.txt"
    return answer


def _before_the_card(present: Journey) -> Response:
    if present.registered:
        raise JourneyGone("registered, but no record")
    return redirect(url_for("patient.check", journey=present.id), 303)


def _receipt_values(present: Journey, receipt: Receipt) -> dict[str, Any]:
    return {
        "journey": present,
        "receipt": receipt,
        "facility": journeys.context_after_all(present).facility,
        "rows": show.receipt_rows(receipt),
        "validity": show.validity_text(receipt),
    }


def _is_walk_in_today(present: Journey, receipt: Receipt) -> bool:
    # The card signed a day; what kind of visit was meant, only the answers tell.
    today = japan_date(services().clock.now())
    meant = present.visit == Visit(VisitKind.WALK_IN, today)
    return meant and receipt.visit_date == today


def _expires_soon(present: Journey) -> str:
    expires = present.certificate_expires
    if expires is None or expires - services().clock.now() > SOON:
        return ""
    return show.day_text(japan_date(expires))
