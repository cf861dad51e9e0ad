"""The patient's pages: entry, wizard, card, receipt."""

from zaitaku.blueprints.patient import (
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
