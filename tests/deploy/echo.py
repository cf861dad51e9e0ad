"""An application that tells what the web server has made of a request."""

import json
import sys
import tempfile
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

from zaitaku.core.logs import configure_logging

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

SLOW = "/slow"
SLOW_SECONDS = 1.5
BROKEN = "/broken"
LARGE = "/large"
STREAMED = "/streamed"
FILE = "/file"
LINE = b"%0127d\n"
LINES = 32 * 1024
CONTENT = b"".join(LINE % number for number in range(LINES))
"""What the three paths before give: in one piece, line by line without a length, as a file."""


def make() -> "WSGIApplication":
    """Return the application, for ``bench.under_gunicorn``."""
    configure_logging(sys.stdout)
    return answer


def answer(environ: "WSGIEnvironment", start: "StartResponse") -> Iterable[bytes]:
    """Answer with the texts of the environment."""
    if environ["PATH_INFO"] == BROKEN:
        raise ValueError(environ["PATH_INFO"])
    if environ["PATH_INFO"] in {LARGE, STREAMED, FILE}:
        return much(environ, start)
    if environ["PATH_INFO"] == SLOW:
        time.sleep(SLOW_SECONDS)
    told = json.dumps({name: value for name, value in environ.items() if isinstance(value, str)})
    start("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(told)))])
    return [told.encode()]


def much(environ: "WSGIEnvironment", start: "StartResponse") -> Iterable[bytes]:
    """Answer with four megabytes."""
    if environ["PATH_INFO"] == STREAMED:
        start("200 OK", [("Content-Type", "text/plain")])
        return (LINE % number for number in range(LINES))
    start("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(CONTENT)))])
    if environ["PATH_INFO"] == LARGE:
        return [CONTENT]
    file = tempfile.TemporaryFile()  # noqa: SIM115 - the server closes it
    file.write(CONTENT)
    file.seek(0)
    wrapped: Iterable[bytes] = environ["wsgi.file_wrapper"](file)
    return wrapped
