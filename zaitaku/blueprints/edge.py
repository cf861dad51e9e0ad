"""What every room of the edge needs from the application around it."""

from typing import Final

from flask import current_app, request
from werkzeug.exceptions import MethodNotAllowed

from zaitaku.services import Services

EXTENSION: Final = "zaitaku"


def services() -> Services:
    """Return the services of the application that handles the present request."""
    found: Services = current_app.extensions[EXTENSION]
    return found


def refuse_head() -> None:
    """Let nothing but a GET go on: a HEAD asks what it would answer and must do nothing.

    Raises:
        MethodNotAllowed: it is a HEAD.
    """
    if request.method != "GET":
        raise MethodNotAllowed(["GET"])
