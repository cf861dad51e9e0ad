"""The Flask application that all sites of this product are made of."""

from collections.abc import Callable
from typing import Any

from zaitaku.blueprints.characters import StrictFlask
from zaitaku.blueprints.templates import Templates


class Site(StrictFlask):
    """Compiles templates by language, and knows that none of its functions is asynchronous."""

    jinja_environment = Templates

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Return ``func``: Flask looks at each function of each request to learn what it is."""
        return func
