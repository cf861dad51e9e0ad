"""The facility's console: reception URLs and consented patients, for staff who log in."""

from zaitaku.blueprints.console import changes, downloads, entrance, home, patients, urls
from zaitaku.blueprints.console.room import blueprint

__all__ = ["blueprint", "changes", "downloads", "entrance", "home", "patients", "urls"]
