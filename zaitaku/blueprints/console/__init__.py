"""The facility's console: reception URLs and consented patients, for staff who log in."""

from zaitaku.blueprints.console import audit_trail, changes, downloads, entrance, home, patients, urls
from zaitaku.blueprints.console.room import blueprint

__all__ = ["audit_trail", "blueprint", "changes", "downloads", "entrance", "home", "patients", "urls"]
