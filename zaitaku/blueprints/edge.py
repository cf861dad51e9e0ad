"""What every room of the edge needs from the application around it."""

from typing import Final

from flask import current_app

from zaitaku.services import Services

EXTENSION: Final = "zaitaku"


def services() -> Services:
    """Return the services of the application that handles the present request."""
    found: Services = current_app.extensions[EXTENSION]
    return found
