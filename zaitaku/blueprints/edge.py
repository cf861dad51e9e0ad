"""What every room of the edge needs from the application around it."""

from collections.abc import Callable
from typing import Final, TypeVar, cast

from flask import Flask, Request, current_app, g, request, session
from flask.ctx import _AppCtxGlobals
from flask.sessions import SessionMixin
from werkzeug.exceptions import MethodNotAllowed
from werkzeug.local import LocalProxy

from zaitaku.services import Services

EXTENSION: Final = "zaitaku"

_Shown = TypeVar("_Shown")


def _behind(proxy: _Shown) -> Callable[[], _Shown]:
    return cast("LocalProxy[_Shown]", proxy)._get_current_object  # noqa: SLF001 - Flask's public way


# What every request needs many times is asked for once in a function: each look through a proxy
# costs as much as three calls (Flask, "Notes On Proxies").
the_app: Final[Callable[[], Flask]] = _behind(current_app)
the_request: Final[Callable[[], Request]] = _behind(request)
the_session: Final[Callable[[], SessionMixin]] = _behind(session)
the_g: Final[Callable[[], _AppCtxGlobals]] = _behind(g)


def services() -> Services:
    """Return the services of the application that handles the present request."""
    found: Services = the_app().extensions[EXTENSION]
    return found


def refuse_head() -> None:
    """Let nothing but a GET go on: a HEAD asks what it would answer and must do nothing.

    Raises:
        MethodNotAllowed: it is a HEAD.
    """
    if the_request().method != "GET":
        raise MethodNotAllowed(["GET"])
