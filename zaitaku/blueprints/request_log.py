"""One log line an answer: the route (its rule, never the path), how it ended, how long it took.

The watch is told the same. The request's id stands in every line that is logged meanwhile, in the
answer's ``X-Request-Id``, in the trace, and on the page of an unforeseen failure.
"""

import logging
import time
from http import HTTPStatus
from typing import Final

from flask import Flask, Response, g, request

from zaitaku.blueprints.edge import services
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
    g.began = time.perf_counter()
    request_id.set(_new_request_id())
    g.watched = services().watch.begin(request.method, request.headers.get("traceparent"))


def _new_request_id() -> str:
    # Digits in groups of four: somebody of 85 reads them out on the telephone.
    digits = random_digits(_DIGITS)
    return f"{digits[:4]}-{digits[4:8]}-{digits[8:]}"


def _forget(_: BaseException | None) -> None:
    if "watched" in g:  # no answer was made
        _tell(HTTPStatus.INTERNAL_SERVER_ERROR, time.perf_counter() - g.began)
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
    seconds, status = time.perf_counter() - g.began, response.status_code
    level = logging.ERROR if status >= HTTPStatus.INTERNAL_SERVER_ERROR else logging.INFO
    _log(level, request.method, _route(), status, seconds)
    _tell(status, seconds)
    return response


def _log(level: int, method: str, route: str, status: int, seconds: float) -> None:
    if log.isEnabledFor(level):
        words = {"method": method, "route": route, "status": status}
        words["milliseconds"] = round(seconds * 1000, 1)
        # Not by ``log.log``, which would first look for the line of code that calls it.
        log.handle(log.makeRecord(log.name, level, "", 0, "answered", (), None, extra=words))


def _tell(status: int, seconds: float) -> None:
    services().watch.end(
        g.pop("watched"),
        method=request.method,
        route=_route(),
        status=status,
        seconds=seconds,
        request=request_id.get(),
    )


def _route() -> str:
    rule = request.url_rule
    return rule.rule if rule else _NO_ROUTE
