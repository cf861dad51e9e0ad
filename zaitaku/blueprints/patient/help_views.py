"""Pages that help when something for the reading is missing."""

from typing import Final

from flask import render_template, url_for

from zaitaku.blueprints.edge import services
from zaitaku.blueprints.patient import journeys
from zaitaku.blueprints.patient.room import blueprint
from zaitaku.core.errors import NotFound
from zaitaku.core.ids import JourneyId

BACK: Final = {
    "card": "patient.prepare",
    "pin": "patient.prepare_pin",
    "card-without-pin": "patient.prepare_pin",
    "phone": "patient.prepare_reader",
    "reader": "patient.prepare_reader",
}
"""Each topic and the question that it helps with."""


@blueprint.get("/j/<string:journey>/help/<string:topic>")
def help_page(journey: str, topic: str) -> str:
    """Explain one topic."""
    if topic not in BACK:
        raise NotFound("help topic")
    situation = journeys.situation_of(journeys.load(JourneyId(journey)))
    return render_template(
        f"patient/help-{topic}.html",
        facility=situation.context.facility,
        back=url_for(BACK[topic], journey=journey),
        typed_number=situation.context.version.typed_number,
        typed_origin=services().settings.origin,
        typed_path=url_for("patient.number"),
    )
