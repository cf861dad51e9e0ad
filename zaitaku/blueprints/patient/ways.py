"""The ways to read the card that this deployment has."""

from flask import url_for

from zaitaku.blueprints.edge import services
from zaitaku.blueprints.patient.journey import Way
from zaitaku.core.ids import JourneyId


def other_ways(way: Way, journey: JourneyId) -> list[dict[str, str]]:
    """Return name and address of every way but ``way``."""
    offered = [other for other in Way if other is not Way.APP or services().openid]
    return [
        {
            "way": other.name.lower(),
            "href": url_for("patient.card", journey=journey, way=other.value),
        }
        for other in offered
        if other is not way
    ]
