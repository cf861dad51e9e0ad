"""Security headers of every answer (OWASP ASVS 5.0 §3.4)."""

from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING

from flask import Flask, Response

from zaitaku.blueprints.edge import EXTENSION, the_g, the_request
from zaitaku.core.constant_headers import always

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


def add(app: Flask) -> None:
    """Send the headers with every answer of ``app``."""
    app.after_request(secure)
    is_tls = app.extensions[EXTENSION].settings.is_tls
    app.wsgi_app = _always(app.wsgi_app, is_tls=is_tls)  # type: ignore[assignment,method-assign]


def _always(application: "WSGIApplication", *, is_tls: bool) -> "WSGIApplication":
    # Beneath the framework, which would look at each of them three times.
    constant = always(is_tls=is_tls)

    def answer(environ: "WSGIEnvironment", start: "StartResponse") -> Iterable[bytes]:
        return application(
            environ, lambda status, headers, *rest: start(status, headers + constant, *rest)
        )

    return answer


def allow_form_target(*sources: str) -> None:
    """Let forms of the present answer end at ``sources`` as well (CSP Level 3 §6.4.2)."""
    the_g().form_targets = sources


def secure(response: Response) -> Response:
    """Give the answer to the present request the headers that are its own."""
    targets = the_g().get("form_targets", ())
    response.headers.add("Content-Security-Policy", _content_security_policy(targets))
    if the_request().endpoint != "static":
        response.headers["Cache-Control"] = "no-store"
    return response


@lru_cache
def _content_security_policy(further_targets: tuple[str, ...]) -> str:
    form_targets = " ".join(("'self'", *further_targets))
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        f"connect-src 'self'; form-action {form_targets}; base-uri 'none'; frame-ancestors 'none'"
    )
