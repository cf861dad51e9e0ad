"""The patient's pages: entry, wizard, card, receipt."""

from flask import Blueprint

from zaitaku.blueprints import pages
from zaitaku.blueprints.permissions import PATIENT_SESSION, declare

blueprint = Blueprint("patient", __name__)
declare(blueprint, PATIENT_SESSION)
blueprint.before_request(pages.remember_choices)

from zaitaku.blueprints.patient import (  # noqa: E402
    card_views,
    done_views,
    entry_views,
    help_views,
    step_views,
)

__all__ = ["blueprint", "card_views", "done_views", "entry_views", "help_views", "step_views"]
