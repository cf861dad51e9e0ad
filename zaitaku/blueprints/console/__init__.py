"""The facility's console: everything that staff who log in may do."""

from zaitaku.blueprints.console import (
    activation_codes,
    audit_trail,
    changes,
    downloads,
    entrance,
    home,
    jobs,
    patients,
    urls,
)
from zaitaku.blueprints.console.room import blueprint

__all__ = [
    "activation_codes",
    "audit_trail",
    "blueprint",
    "changes",
    "downloads",
    "entrance",
    "home",
    "jobs",
    "patients",
    "urls",
]
