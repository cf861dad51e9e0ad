"""The patient's pages: entry, wizard, card, receipt."""

from zaitaku.blueprints.patient import (
    app_views,
    card_views,
    done_views,
    entry_views,
    handover_computer_views,
    handover_views,
    help_views,
    step_views,
    visit_views,
)
from zaitaku.blueprints.patient.room import blueprint

__all__ = [
    "app_views",
    "blueprint",
    "card_views",
    "done_views",
    "entry_views",
    "handover_computer_views",
    "handover_views",
    "help_views",
    "step_views",
    "visit_views",
]
