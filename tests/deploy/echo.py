"""An application that tells what the web server has made of a request."""

import json
import sys
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

from zaitaku.core.logs import configure_logging

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

SLOW = "/slow"
SLOW_SECONDS = 1.5
BROKEN = "/broken"


def make() -> "WSGIApplication":
    """Return the application, for ``bench.under_gunicorn``."""
    configure_logging(sys.stdout)
    return answer


def answer(environ: "WSGIEnvironment", start: "StartResponse") -> Iterable[bytes]:
    """Answer with the texts of the environment."""
    if environ["PATH_INFO"] == BROKEN:
        raise ValueError(environ["PATH_INFO"])
    if environ["PATH_INFO"] == SLOW:
        time.sleep(SLOW_SECONDS)
    told = json.dumps({name: value for name, value in environ.items() if isinstance(value, str)})
    start("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(told)))])
    return [told.encode()]
