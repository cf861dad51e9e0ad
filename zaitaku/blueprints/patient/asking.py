"""A card request for what the patient has answered, and where the bridge takes it."""

from typing import Final

from zaitaku import wire
from zaitaku.blueprints import pages
from zaitaku.blueprints.edge import services, the_request
from zaitaku.blueprints.patient.journey import Journey
from zaitaku.blueprints.patient.steps import PresentSituation
from zaitaku.consent.document import ConsentDocument
from zaitaku.consent.model import Operator
from zaitaku.core.errors import Conflict
from zaitaku.identity.model import SignedRequest

_LOOPBACK: Final = "http://127.0.0.1"


def ask_for_card(
    situation: PresentSituation, return_path: str, hand_over: str = ""
) -> SignedRequest:
    """Make a card request; the bridge's answer comes back to ``return_path``.

    It is registered there alone: by ``hand_over``, or where the journey began.
    """
    document, site = document_of(situation), services()
    return site.identity.ask(
        journey=situation.journey.id,
        document=document.canonical(),
        choices=site.consent.choices(document),
        language=document.language.value,
        return_path=return_path,
        text_size=pages.text_size().value,
        hand_over=hand_over,
    )


def document_of(situation: PresentSituation) -> ConsentDocument:
    """Return the document of what the patient has answered and confirmed."""
    journey = situation.journey
    return services().consent.state(
        journey=journey.id,
        context=situation.context,
        language=journey.checked_language,
        operator=_given(journey.operator),
        visit_date=journey.visit.day if journey.visit else None,
        decisions=situation.decisions,
    )


def is_still_answered(text: str, journey: Journey) -> bool:
    """Tell whether a document's ``text`` states what the journey's answers are now.

    What the facility or the wordings have changed meanwhile does not count: the patient's words
    hold for what was asked.
    """
    document = ConsentDocument.parse_canonical(text)
    visit_date = journey.visit.day if journey.visit else None
    return (
        (document.operator, document.language) == (journey.operator, journey.checked_language)
        and document.visit_date in {None, visit_date}
        and all(journey.decision_of(one.item) is one.decision for one in document.decisions)
    )


def bridge_at(port: int) -> str:
    """Return the origin of a bridge on this computer."""
    return f"{_LOOPBACK}:{port}"


def reading_address(token: str) -> str:
    """Return where the bridge takes a card request, at the port that the form asks for."""
    return f"{bridge_at(_asked_port())}{wire.READ_PATH}?request={token}"


def _asked_port() -> int:
    ports = services().settings.bridge_ports
    asked = the_request().form.get("port", "")
    return next((port for port in ports if str(port) == asked), ports[0])


def _given(operator: Operator | None) -> Operator:
    if operator is None:
        raise Conflict("the steps let nobody come here without an operator")
    return operator
