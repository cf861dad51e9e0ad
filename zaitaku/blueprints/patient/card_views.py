"""The card: asking for it, and what came of it."""

from flask import redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from zaitaku import wire
from zaitaku.blueprints.edge import services
from zaitaku.blueprints.headers import allow_form_target
from zaitaku.blueprints.patient import journeys
from zaitaku.blueprints.patient.errors import CardCancelled
from zaitaku.blueprints.patient.forms import PortForm
from zaitaku.blueprints.patient.room import blueprint
from zaitaku.blueprints.patient.stepping import address_of, opened
from zaitaku.blueprints.patient.steps import Situation, StepName, first_open, is_open
from zaitaku.consent.model import Operator
from zaitaku.core.errors import Conflict
from zaitaku.core.ids import JourneyId
from zaitaku.identity.errors import OutcomeUnknown
from zaitaku.identity.model import SignedRequest, VerifiedCard

Answer = str | Response


@blueprint.get("/j/<string:journey>/card")
def card(journey: str) -> str:
    """Explain the reading; offer other ports when an earlier ask got no answer."""
    situation = opened(JourneyId(journey), StepName.CARD)
    ports = services().settings.bridge_ports
    allow_form_target(*(_bridge(port) for port in ports))
    return render_template(
        "patient/card.html",
        form=PortForm(),
        situation=situation,
        facility=situation.context.facility,
        back=url_for("patient.check", journey=journey),
        is_unanswered=situation.journey.asked and "again" not in request.args,
        other_ports=ports[1:],
    )


@blueprint.post("/j/<string:journey>/card")
def ask_card(journey: str) -> Answer:
    """Make a card request and send the browser to the bridge with it."""
    id_ = JourneyId(journey)
    situation = journeys.situation_of(journeys.answer(id_, {"asked": "yes"}))
    if not is_open(StepName.CARD, situation):
        return redirect(address_of(first_open(situation), situation), 303)
    asked = _ask(situation)
    return redirect(f"{_bridge(_port())}{wire.READ_PATH}?request={asked.token}", 303)


@blueprint.get("/j/<string:journey>/card/return")
def card_return(journey: str) -> Answer:
    """Register what the card has signed; a reload finds what is registered already."""
    id_ = JourneyId(journey)
    present = journeys.load(id_)
    if present.registered:
        return redirect(url_for("patient.done", journey=id_), 303)
    journeys.context_after_all(present)
    if "cancelled" in request.args:
        raise CardCancelled
    verified = _outcome(id_, request.args.get("code", ""))
    if verified is not None:
        _register(id_, verified, request.args["code"])
    return redirect(url_for("patient.done", journey=id_), 303)


def _outcome(id_: JourneyId, code: str) -> VerifiedCard | None:
    """Return the card's outcome, or ``None`` when it was registered before it was forgotten."""
    try:
        return services().identity.outcome(code, id_)
    except OutcomeUnknown:
        if services().consent.receipt_of(id_) is None:
            raise
        return None


def _register(id_: JourneyId, verified: VerifiedCard, code: str) -> None:
    registration = services().consent.register(verified)
    journeys.answer(
        id_,
        {
            "registered": registration.receipt.reference,
            "certificate_expires": verified.certificate_expires.isoformat(),
        },
    )
    services().identity.forget(code)


def _ask(situation: Situation) -> SignedRequest:
    journey, consent = situation.journey, services().consent
    document = consent.state(
        journey=journey.id,
        context=situation.context,
        language=journey.checked_language,
        operator=_given(journey.operator),
        visit_date=journey.visit.day if journey.visit else None,
        decisions=situation.decisions,
    )
    return services().identity.ask(
        journey=journey.id,
        document=document.canonical(),
        choices=consent.choices(document),
        language=journey.checked_language.value,
        return_path=url_for("patient.card_return", journey=journey.id),
    )


def _given(operator: Operator | None) -> Operator:
    if operator is None:
        raise Conflict("the steps let nobody come here without an operator")
    return operator


def _bridge(port: int) -> str:
    return f"http://127.0.0.1:{port}"


def _port() -> int:
    ports = services().settings.bridge_ports
    asked = request.form.get("port", "")
    return next((port for port in ports if str(port) == asked), ports[0])
