"""The blueprint itself; the views register themselves on it."""

from typing import Final

from flask import Blueprint

from zaitaku.blueprints import pages
from zaitaku.blueprints.edge import services
from zaitaku.blueprints.permissions import PATIENT_SESSION, declare

blueprint: Final = Blueprint("patient", __name__)
declare(blueprint, PATIENT_SESSION)
blueprint.before_request(pages.remember_choices)


@blueprint.context_processor
def _offered() -> dict[str, bool]:
    """Tell every page whether a phone's app can read the card here."""
    return {"has_app": services().openid is not None}
