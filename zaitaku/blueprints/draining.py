"""An instance that is about to end hands new visitors on to another one.

nginx learns only from answers that an instance is not to be used. So while an instance drains, it
answers whatever can be asked again elsewhere (GET and HEAD) with 504 and does nothing; the proxy,
which has said by a header that it will, asks the next instance and leaves this one alone for a
while. What may not be asked twice (POST) is served as always.
"""

from collections.abc import Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from flask import Flask

from zaitaku.core.draining import EXTENSION, Draining

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

ELSEWHERE: Final = "X-Zaitaku-Elsewhere"
"""Set by a proxy that passes on what it is not answered here."""
_VARIABLE: Final = "HTTP_" + ELSEWHERE.upper().replace("-", "_")
_STATUS: Final = f"{HTTPStatus.GATEWAY_TIMEOUT.value} {HTTPStatus.GATEWAY_TIMEOUT.phrase}"
_WORDS: Final = """<!doctype html><html lang="ja"><meta charset="utf-8">
<title>少しお待ちください</title><h1>少しお待ちください</h1>
<p>数秒後に、画面が自動で切り替わります。Please wait: this page reloads by itself.</p></html>
""".encode()
_HEADERS: Final = [
    ("Content-Type", "text/html; charset=utf-8"),
    ("Content-Length", str(len(_WORDS))),
    ("Cache-Control", "no-store"),
    ("Refresh", "5"),
    ("Retry-After", "5"),
]
"""Read by somebody only when all instances end at once."""


def add(app: Flask, draining: Draining) -> None:
    """Let ``app`` hand on what comes while ``draining`` is on."""
    app.extensions[EXTENSION] = draining
    inner: WSGIApplication = app.wsgi_app
    app.wsgi_app = _handing_on(inner, draining)  # type: ignore[assignment]


def _handing_on(application: "WSGIApplication", draining: Draining) -> "WSGIApplication":
    def answer(environ: "WSGIEnvironment", start: "StartResponse") -> Iterable[bytes]:
        if draining.is_on and _can_be_asked_elsewhere(environ):
            start(_STATUS, _HEADERS)
            return [] if environ["REQUEST_METHOD"] == "HEAD" else [_WORDS]
        return application(environ, start)

    return answer


def _can_be_asked_elsewhere(environ: "WSGIEnvironment") -> bool:
    return environ["REQUEST_METHOD"] in {"GET", "HEAD"} and environ.get(_VARIABLE) == "1"
