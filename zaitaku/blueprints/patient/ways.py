"""The ways to read the card that this deployment has."""

from flask import url_for

from zaitaku.blueprints.edge import services
from zaitaku.blueprints.patient.journey import Way
from zaitaku.core.ids import JourneyId


def other_ways(way: Way, journey: JourneyId) -> dict[str, str]:
    """Return the address of every way but ``way``, by its name."""
    offered = [other for other in Way if other is not Way.APP or services().openid]
    page = url_for("patient.card", journey=journey)
    return {other.name.lower(): f"{page}?way={other}" for other in offered if other is not way}
