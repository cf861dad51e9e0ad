"""The card: asking for it, and what came of it."""

import logging
from contextlib import suppress

from flask import redirect, render_template, request, url_for
from werkzeug.exceptions import MethodNotAllowed
from werkzeug.wrappers import Response

from zaitaku.blueprints.edge import services
from zaitaku.blueprints.failures import explain
from zaitaku.blueprints.headers import allow_form_target
from zaitaku.blueprints.patient import journeys
from zaitaku.blueprints.patient.asking import ask_for_card, bridge_at, reading_address
from zaitaku.blueprints.patient.errors import CardCancelled, recorded_or_unknown
from zaitaku.blueprints.patient.forms import PortForm
from zaitaku.blueprints.patient.journey import Journey
from zaitaku.blueprints.patient.room import blueprint
from zaitaku.blueprints.patient.stepping import Answer, address_of, address_of_entry, opened
from zaitaku.blueprints.patient.steps import StepName, first_open, is_open
from zaitaku.consent.errors import JourneyRegistered
from zaitaku.core.errors import ZaitakuError
from zaitaku.core.ids import JourneyId
from zaitaku.identity.errors import IdentityError, OutcomeUnknown
from zaitaku.identity.model import VerifiedCard

log = logging.getLogger(__name__)


@blueprint.get("/j/<string:journey>/card")
def card(journey: str) -> str:
    """Explain the reading; offer other ports when an earlier ask got no answer."""
    situation = opened(JourneyId(journey), StepName.CARD)
    ports = services().settings.bridge_ports
    allow_form_target(*(bridge_at(port) for port in ports))
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
    present = journeys.answer(id_, {"asked": "yes"})
    if services().consent.receipt_of(id_) is not None:
        return _to_done(id_)
    situation = journeys.situation_of(present)
    if not is_open(StepName.CARD, situation):
        return redirect(address_of(first_open(situation), situation), 303)
    asked = ask_for_card(situation, url_for("patient.card_return", journey=journey))
    return redirect(reading_address(asked.token), 303)


@blueprint.get("/j/<string:journey>/card/return")
def card_return(journey: str) -> Answer:
    """Register what the card has signed; a reload finds what is registered already."""
    if request.method != "GET":  # a HEAD asks what a GET would answer and must change nothing
        raise MethodNotAllowed(["GET"])
    id_ = JourneyId(journey)
    with recorded_or_unknown():
        present = journeys.load(id_)
        try:
            _finish(id_)
        except JourneyRegistered as error:
            return _already_registered(present, error)
        except ZaitakuError:
            _name_facility(present)
            raise
    return _to_done(id_)


def _to_done(id_: JourneyId) -> Response:
    return redirect(url_for("patient.done", journey=id_), 303)


def _finish(id_: JourneyId) -> None:
    """Register the outcome, unless there is none and the journey's record stands already."""
    code = request.args.get("code", "")
    try:
        verified = _outcome(id_, code)
    except (CardCancelled, IdentityError) as error:
        receipt = services().consent.receipt_of(id_)
        if receipt is None:
            raise
        if isinstance(error, CardCancelled | OutcomeUnknown):
            return
        # The words of the failure would say that nothing is registered.
        raise JourneyRegistered(receipt.reference) from error
    registration = services().consent.register(verified)
    expires = verified.certificate_expires.isoformat()
    journeys.remember(id_, registration.receipt.reference, certificate_expires=expires)
    with journeys.best_effort():
        services().identity.forget(code)


def _outcome(id_: JourneyId, code: str) -> VerifiedCard:
    if "cancelled" in request.args:
        raise CardCancelled
    return services().identity.outcome(code, id_)


def _already_registered(present: Journey, error: JourneyRegistered) -> Answer:
    log.info("refused: %s", error.code, extra={"code": error.code})
    context = journeys.context_after_all(present)
    page = render_template(
        "patient/already-registered.html",
        explanation=explain(error.code),
        reference=error.reference,
        facility=context.facility,
        done=url_for("patient.done", journey=present.id),
        entry=address_of_entry(context),
    )
    return page, error.status


def _name_facility(present: Journey) -> None:
    # Only so that a failure's page can show whom to call.
    with suppress(ZaitakuError):
        journeys.context_after_all(present)
