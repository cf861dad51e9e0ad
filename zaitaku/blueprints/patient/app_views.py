"""The patient's own phone reads the card, through the app of an OpenID provider.

The journey's first screen is the card page; it waits there. The app returns to ``/app/return``: in
the browser in which the patient began, the journey goes on at once; in any other, nothing happens
before somebody there has compared a number with the first screen.
"""

from enum import StrEnum

from flask import abort, jsonify, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from zaitaku.blueprints.edge import refuse_head, services
from zaitaku.blueprints.patient import journeys
from zaitaku.blueprints.patient import presenters as show
from zaitaku.blueprints.patient.asking import document_of
from zaitaku.blueprints.patient.forms import ActForm
from zaitaku.blueprints.patient.journey import Way
from zaitaku.blueprints.patient.room import blueprint
from zaitaku.blueprints.patient.stepping import Answer, address_of
from zaitaku.blueprints.patient.steps import StepName, first_open, is_open
from zaitaku.consent.document import ConsentDocument
from zaitaku.core.errors import NotFound
from zaitaku.core.ids import JourneyId
from zaitaku.identity.oidc.attempts import Callback, Elsewhere
from zaitaku.identity.oidc.service import OpenIdService, number_of

WAITING = "waiting"
SETTLED = "settled"


class Comparison(StrEnum):
    """The two buttons of the page that asks to compare."""

    SAME = "same"
    DIFFERENT = "different"


@blueprint.post("/j/<string:journey>/app")
def ask_app(journey: str) -> Answer:
    """Send the browser to the provider with a request for what the patient has answered.

    When the numbers of an earlier reading were compared meanwhile, that one goes on instead.
    """
    app, id_ = _app(), JourneyId(journey)
    present = journeys.note(id_, {"way": Way.APP})
    situation = journeys.situation_unless_registered(present)
    if situation is None:
        return redirect(url_for("patient.done", journey=journey), 303)
    if not is_open(StepName.CARD, situation):
        return redirect(address_of(first_open(situation), situation), 303)
    compared = app.compared(id_)
    if compared is not None:
        return redirect(url_for("patient.card_return", journey=journey, code=compared), 303)
    document = document_of(situation).canonical()
    address = app.begin(journey=id_, document=document, session=journeys.name_browser())
    return redirect(address, 303)


@blueprint.get("/j/<string:journey>/app/state")
def app_state(journey: str) -> Response:
    """Tell the first screen's script whether there is something to go on with."""
    present = journeys.load(JourneyId(journey))
    is_settled = bool(present.registered) or _app().news(present.id) is not None
    return jsonify(state=SETTLED if is_settled else WAITING)


@blueprint.get("/app/return")
def app_return() -> Answer:
    """Take the provider's answer, in whichever browser it arrives."""
    refuse_head()
    app, browser = _app(), journeys.name_browser()
    arrival = app.receive(Callback.from_query(request.args.to_dict(flat=False)), browser)
    if arrival.is_own:
        return redirect(
            url_for("patient.card_return", journey=arrival.journey, code=arrival.code), 303
        )
    language = _document(arrival.document).language
    name = app.leave_to(arrival, browser)
    return redirect(url_for("patient.app_elsewhere", name=name, lang=language.value), 303)


@blueprint.get("/app/elsewhere/<string:name>")
def app_elsewhere(name: str) -> Answer:
    """Show what would be registered, and a number to compare with the first screen."""
    waiting = _waiting(name)
    document = _document(waiting.document)
    answered = _app().settled(name)
    return render_template(
        "patient/app-compare.html" if answered is None else "patient/app-settled.html",
        form=ActForm(is_fresh=True),
        facility=journeys.context_at(document.url_version).facility,
        document=document,
        channel_name=show.CHANNEL_NAMES[document.channel],
        rows=show.document_rows(document),
        number=number_of(waiting.journey),
        is_same_number=answered,
    )


@blueprint.post("/app/elsewhere/<string:name>")
def settle_elsewhere(name: str) -> Answer:
    """Take the answer of whoever compared the numbers; then the page says what follows."""
    form = ActForm()
    _waiting(name)
    if form.act.data not in set(Comparison):
        abort(400)
    _app().settle(
        name,
        journeys.browser_name(),
        is_same_number=form.act.data == Comparison.SAME,
    )
    return redirect(url_for("patient.app_elsewhere", name=name), 303)


def _app() -> OpenIdService:
    found = services().openid
    if found is None:
        raise NotFound("no OpenID provider")
    return found


def _waiting(name: str) -> Elsewhere:
    return _app().waiting(name, journeys.browser_name())


def _document(text: str) -> ConsentDocument:
    return ConsentDocument.parse_canonical(text)
