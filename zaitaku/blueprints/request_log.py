"""One log line an answer: the route (its rule, never the path), how it ended, how long it took."""

import logging
import time
from http import HTTPStatus

from flask import Flask, Response, g, request

from zaitaku.core.ids import new_secret_name
from zaitaku.core.logs import request_id

log = logging.getLogger("zaitaku.request")


def add(app: Flask) -> None:
    """Give each request an id and log its end."""
    app.before_request(_begin)
    app.after_request(_end)
    app.teardown_request(_forget)


def _begin() -> None:
    g.began = time.perf_counter()
    request_id.set(new_secret_name())


def _forget(_: BaseException | None) -> None:
    # The thread goes on to other work, which is not this request's.
    request_id.set("")


def _end(response: Response) -> Response:
    response.headers["X-Request-Id"] = request_id.get()
    level = (
        logging.ERROR if response.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR else logging.INFO
    )
    log.log(
        level,
        "answered",
        extra={
            "method": request.method,
            "route": request.url_rule.rule if request.url_rule else "(none)",
            "status": response.status_code,
            "milliseconds": round((time.perf_counter() - g.began) * 1000, 1),
        },
    )
    return response
