"""The ways in: a facility's URL, and the page on which its number is typed."""

from typing import Final

from flask import redirect, url_for
from werkzeug.wrappers import Response

from zaitaku.blueprints.edge import services, the_g, the_request
from zaitaku.blueprints.i18n import mark
from zaitaku.blueprints.limits import check_beginning
from zaitaku.blueprints.pages import page
from zaitaku.blueprints.patient import arrivals, journeys
from zaitaku.blueprints.patient.journey import Visit, VisitKind, visit_fields
from zaitaku.blueprints.patient.paths import path_of
from zaitaku.blueprints.patient.presenters import CHANNEL_NAMES, day_text, facility_values
from zaitaku.blueprints.patient.room import blueprint
from zaitaku.blueprints.patient.stepping import Answer
from zaitaku.blueprints.patient.typed_numbers import NumberPage
from zaitaku.blueprints.patient.visit_dates import read_linked
from zaitaku.core import limits
from zaitaku.core.clock import japan_date
from zaitaku.core.errors import InvalidField
from zaitaku.facilities.model import Channel
from zaitaku.reception.errors import UnknownUrl
from zaitaku.reception.model import ReceptionContext

TYPED_LIMIT: Final = limits.TYPED_POSTER.most


@blueprint.get("/")
def front() -> Response:
    """Lead whoever knows only the host to the page that takes a number."""
    return redirect(url_for("patient.number"), 303)


@blueprint.get("/r/<string:token>")
def entry(token: str) -> str | bytes:
    """Say whose page this is, what it is for and what is needed."""
    context = the_g().reception = arrivals.opened(token)
    visit, is_refused = _linked_visit(context)
    own = {"visit_day": day_text(visit.day) if visit else ""}
    return page(
        "patient/entry.html",
        {**facility_values(context.facility), **own},
        channel_name=CHANNEL_NAMES[context.channel],
        is_date_refused=is_refused,
        has_app=services().openid is not None,
    )


@blueprint.post("/r/<string:token>")
def start(token: str) -> Response:
    """Begin a journey.

    Raises:
        TooManyBeginnings: a limit on how many may begin there, or from that address, is reached.
    """
    context = the_g().reception = services().reception.resolve(token)
    visit, _ = _linked_visit(context)
    check_beginning(context)
    journey = journeys.begin(context, visit_fields(visit) if visit else {})
    arrivals.begun(context, token, journey)
    return redirect(path_of("prepare", journey=journey), 303)


@blueprint.route("/e", methods=["GET", "POST"])
def number() -> Answer:
    """Take the number of a poster, for who cannot read its QR code."""
    return _POSTER.answer()


def _poster_address(typed: str) -> str:
    return url_for("patient.entry", token=services().reception.resolve_number(typed))


_POSTER: Final = NumberPage(
    limit=limits.TYPED_POSTER,
    template="patient/number.html",
    find=_poster_address,
    unknown=UnknownUrl,
    not_found=mark("この番号は見つかりません。数字を一つずつ、もう一度お確かめください。"),
)


def _linked_visit(context: ReceptionContext) -> tuple[Visit | None, bool]:
    """Return the visit that the link fixes, and whether it carries a day that cannot be."""
    linked = the_request().args.get("date", "")
    if not linked or context.channel is not Channel.ONLINE:
        return None, False
    try:
        day = read_linked(linked, japan_date(services().clock.now()))
    except InvalidField:
        return None, True
    return Visit(VisitKind.ONLINE, day, fixed=True), False
