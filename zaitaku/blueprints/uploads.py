"""Views that take a file say how large it may be; all others keep to the site's small limit."""

from collections.abc import Callable
from typing import Final, TypeVar

from flask import Flask
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RoutingException

from zaitaku.blueprints.edge import the_request
from zaitaku.blueprints.messages import MAX_REQUEST_BYTES

MEGABYTE: Final = 1024 * 1024
_ATTRIBUTE: Final = "__upload_bytes__"

View = TypeVar("View", bound=Callable[..., object])


def takes_file(most_bytes: int) -> Callable[[View], View]:
    """Let one view take requests of at most ``most_bytes``."""

    def mark(view: View) -> View:
        setattr(view, _ATTRIBUTE, most_bytes)
        return view

    return mark


def add(app: Flask) -> None:
    """Widen the limit of a request before anything reads its body (also the form token's check)."""

    @app.before_request
    def widen() -> None:
        present = the_request()
        view = app.view_functions.get(present.endpoint or "")
        most_bytes: int | None = getattr(view, _ATTRIBUTE, None)
        if most_bytes is not None:
            present.max_content_length = most_bytes


def most_bytes(app: Flask, path: str, method: str) -> int:
    """Return how large a request may be."""
    try:
        endpoint = app.url_map.bind("").match(path, method=method)[0]
    except (HTTPException, RoutingException):
        endpoint = ""
    return int(getattr(app.view_functions.get(endpoint), _ATTRIBUTE, MAX_REQUEST_BYTES))
