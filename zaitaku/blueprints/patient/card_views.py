"""The card: asking for it, and what came of it."""

import logging
from contextlib import suppress
from typing import Final

from flask import redirect, render_template, url_for
from werkzeug.wrappers import Response

from zaitaku.blueprints.edge import refuse_head, services, the_request
from zaitaku.blueprints.failures import explain
from zaitaku.blueprints.headers import allow_form_target
from zaitaku.blueprints.limits import check_card, check_card_ask
from zaitaku.blueprints.patient import arrivals, journeys
from zaitaku.blueprints.patient.app_views import WAITING
from zaitaku.blueprints.patient.asking import (
    ask_for_card,
    bridge_at,
    is_still_answered,
    reading_address,
)
from zaitaku.blueprints.patient.errors import CardCancelled, CardTooLate, recorded_or_unknown
from zaitaku.blueprints.patient.journey import Journey, Way
from zaitaku.blueprints.patient.paths import path_of
from zaitaku.blueprints.patient.room import blueprint
from zaitaku.blueprints.patient.stepping import (
    Answer,
    address_of,
    opened,
    page_of,
)
from zaitaku.blueprints.patient.steps import Situation, StepName, first_open, is_open
from zaitaku.blueprints.patient.ways import other_ways
from zaitaku.consent.errors import JourneyRegistered
from zaitaku.core.errors import ZaitakuError
from zaitaku.core.ids import JourneyId
from zaitaku.identity.errors import IdentityError, OutcomeUnknown
from zaitaku.identity.model import Verified, VerifiedCard, VerifiedToken
from zaitaku.identity.oidc.errors import AppAnswersChanged
from zaitaku.identity.oidc.service import number_of

log = logging.getLogger(__name__)

_TEMPLATES: Final = {Way.APP: "card-app", Way.NEARBY: "handover-begin"}


@blueprint.get("/j/<string:journey>/card")
def card(journey: str) -> Answer:
    """Explain the reading and offer every way; go on when another browser has settled it."""
    situation = opened(JourneyId(journey), StepName.CARD)
    app, way = services().openid, _shown_way(situation)
    news = app.news(situation.journey.id) if app else None
    if news is not None:
        return redirect(url_for("patient.card_return", journey=journey, code=news), 303)
    ports = services().settings.bridge_ports
    allow_form_target(
        *(bridge_at(port) for port in ports), *([app.client.provider.origin] if app else [])
    )
    if way is Way.READER:
        return _reader_page(situation)
    return render_template(
        f"patient/{_TEMPLATES[way]}.html",
        situation=situation,
        facility=situation.background,
        back=url_for("patient.check", journey=journey),
        other_ways=other_ways(way, situation.journey.id),
        state_address=url_for("patient.app_state", journey=journey),
        state=WAITING,
        number=number_of(situation.journey.id) if app else "",
    )


def _reader_page(situation: Situation) -> Answer:
    ways = other_ways(Way.READER, situation.journey.id)
    return page_of(
        "patient/card-reader.html",
        situation,
        StepName.CARD,
        {f"other_ways.{name}": address for name, address in ways.items()},
        is_unanswered=situation.journey.asked and "again" not in the_request().args,
        other_ports=services().settings.bridge_ports[1:],
    )


def _shown_way(situation: Situation) -> Way:
    asked = the_request().args.get("way", "")
    way = Way(asked) if asked in set(Way) else situation.journey.way
    return Way.READER if way is Way.APP and services().openid is None else way


@blueprint.post("/j/<string:journey>/card")
def ask_card(journey: str) -> Answer:
    """Make a card request and send the browser to the bridge with it."""
    id_ = JourneyId(journey)
    until = services().clock.now() + services().identity.lifetime
    fields = {"asked": "yes", "asked_until": until.isoformat(), "way": Way.READER}
    present = journeys.note(id_, fields)
    situation = journeys.situation_unless_registered(present)
    if situation is None:
        return _to_done(id_)
    if not is_open(StepName.CARD, situation):
        return redirect(address_of(first_open(situation), situation), 303)
    check_card_ask(id_)
    asked = ask_for_card(situation, path_of("card_return", journey=id_))
    return redirect(reading_address(asked.token), 303)


@blueprint.get("/j/<string:journey>/card/return")
def card_return(journey: str) -> Answer:
    """Register what the card has signed; a reload finds what is registered already."""
    refuse_head()
    id_ = JourneyId(journey)
    with recorded_or_unknown():
        present = journeys.load(id_)
        try:
            _finish(present)
        except JourneyRegistered as error:
            return _already_registered(present, error)
        except IdentityError:
            _name_facility(present)
            _end_news(id_)
            raise
        except ZaitakuError:
            _name_facility(present)
            raise
    return _to_done(id_)


def _to_done(id_: JourneyId) -> Response:
    return redirect(path_of("done", journey=id_), 303)


def _end_news(id_: JourneyId) -> None:
    # Its failure is shown now, and once: the patient can begin anew from the card page.
    app = services().openid
    if app is not None:
        with journeys.best_effort():
            app.end_news(id_, the_request().args.get("code", ""))


def _finish(present: Journey) -> None:
    """Register the outcome, unless there is none and the journey's record stands already."""
    id_, code = present.id, the_request().args.get("code", "")
    try:
        verified = _outcome(present, code)
    except (CardCancelled, IdentityError) as error:
        receipt = services().consent.receipt_of(id_)
        if receipt is None:
            raise
        if isinstance(error, CardCancelled | OutcomeUnknown):
            return
        # The words of the failure would say that nothing is registered.
        raise JourneyRegistered(receipt.reference) from error
    check_card(verified)
    registration = services().consent.register(verified, seems_new=not present.registered)
    arrivals.completed(id_)
    journeys.remember(id_, registration.receipt.reference, **_seen_of(verified))
    with journeys.best_effort():
        services().identity.forget(code)


def _seen_of(verified: Verified) -> dict[str, str]:
    # Of a card that the patient's phone read, nobody here has seen the certificate.
    if not isinstance(verified, VerifiedCard):
        return {}
    return {"certificate_expires": verified.certificate_expires.isoformat()}


def _outcome(present: Journey, code: str) -> Verified:
    if "cancelled" in the_request().args:
        raise _nothing_read(present)
    verified = services().identity.outcome(code, present.id)
    if isinstance(verified, VerifiedToken) and _is_overtaken(verified, present):
        services().identity.outcomes.refuse(code, present.id, AppAnswersChanged())
        raise AppAnswersChanged
    return verified


def _nothing_read(present: Journey) -> CardCancelled:
    """Tell why the bridge has come back with nothing, as far as the site's own clock knows."""
    until = present.asked_until
    is_over = until is not None and services().clock.now() >= until
    return CardTooLate() if is_over else CardCancelled()


def _is_overtaken(verified: VerifiedToken, present: Journey) -> bool:
    """Tell whether the patient has answered otherwise since, and nothing is registered.

    The bridge shows the answers before a card signs them. A phone's app shows none of them, so what
    the patient has answered last counts.
    """
    if is_still_answered(verified.document, present):
        return False
    return services().consent.receipt_of(present.id) is None


def _already_registered(present: Journey, error: JourneyRegistered) -> Answer:
    log.info("refused: %s", error.code, extra={"code": error.code})
    context = journeys.context_after_all(present)
    page = render_template(
        "patient/already-registered.html",
        explanation=explain(error.code),
        reference=error.reference,
        facility=context.facility,
        done=url_for("patient.done", journey=present.id),
        entry=services().reception.path(context.version.handle),
    )
    return page, error.status


def _name_facility(present: Journey) -> None:
    # Only so that a failure's page can show whom to call.
    with suppress(ZaitakuError):
        journeys.context_after_all(present)
