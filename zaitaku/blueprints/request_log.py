"""One log line an answer: the route (its rule, never the path), how it ended, how long it took.

The watch is told the same. The request's id stands in every line that is logged meanwhile, in the
answer's ``X-Request-Id``, in the trace, and on the page of an unforeseen failure.
"""

import logging
import time
from http import HTTPStatus
from typing import Final

from flask import Flask, Request, Response

from zaitaku.blueprints.edge import services, the_g, the_request
from zaitaku.core.ids import random_digits
from zaitaku.core.logs import request_id
from zaitaku.core.watch import Watch

log = logging.getLogger("zaitaku.request")

_DIGITS: Final = 12
_NO_ROUTE: Final = "(none)"


def add(app: Flask) -> None:
    """Give each request an id; log its end and tell it to the watch."""
    app.before_request(_begin)
    app.after_request(_end)
    app.teardown_request(_forget)


def _begin() -> None:
    own, environ = the_g(), the_request().environ
    own.began = time.perf_counter()
    request_id.set(_new_request_id())
    traceparent = environ.get("HTTP_TRACEPARENT")
    own.watched = services().watch.begin(environ["REQUEST_METHOD"], traceparent)


def _new_request_id() -> str:
    # Digits in groups of four: somebody of 85 reads them out on the telephone.
    digits = random_digits(_DIGITS)
    return f"{digits[:4]}-{digits[4:8]}-{digits[8:]}"


def _forget(_: BaseException | None) -> None:
    own = the_g()
    if "watched" in own:  # no answer was made
        present, seconds = the_request(), time.perf_counter() - own.began
        _tell(present.method, _route(present), HTTPStatus.INTERNAL_SERVER_ERROR, seconds)
    # The thread goes on to other work, which is not this request's.
    request_id.set("")


def answered_before(watch: Watch, *, method: str, route: str, status: int, seconds: float) -> str:
    """Note an answer that is given before the application is asked; return the request's id.

    It is no failure: a full house is no error.
    """
    name = _new_request_id()
    meanwhile = request_id.set(name)
    _log(logging.INFO, method, route, status, seconds)
    request_id.reset(meanwhile)
    watch.end(
        watch.begin(method, None),
        method=method,
        route=route,
        status=status,
        seconds=seconds,
        request=name,
    )
    return name


def _end(response: Response) -> Response:
    response.headers.add("X-Request-Id", request_id.get())
    present, status = the_request(), response.status_code
    seconds = time.perf_counter() - the_g().began
    level = logging.ERROR if status >= HTTPStatus.INTERNAL_SERVER_ERROR else logging.INFO
    route = _route(present)
    _log(level, present.method, route, status, seconds)
    _tell(present.method, route, status, seconds)
    return response


def _log(level: int, method: str, route: str, status: int, seconds: float) -> None:
    if log.isEnabledFor(level):
        words = {"method": method, "route": route, "status": status}
        words["milliseconds"] = round(seconds * 1000, 1)
        # Not by ``log.log``, which would first look for the line of code that calls it.
        log.handle(log.makeRecord(log.name, level, "", 0, "answered", (), None, extra=words))


def _tell(method: str, route: str, status: int, seconds: float) -> None:
    services().watch.end(
        the_g().pop("watched"),
        method=method,
        route=route,
        status=status,
        seconds=seconds,
        request=request_id.get(),
    )


def _route(present: Request) -> str:
    rule = present.url_rule
    return rule.rule if rule else _NO_ROUTE
