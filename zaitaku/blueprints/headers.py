"""Security headers of every answer (OWASP ASVS 5.0 §3.4)."""

from functools import lru_cache
from typing import Final

from flask import Flask, Response, g, request

from zaitaku.blueprints.edge import services

_ALWAYS: Final = {
    # No view says any of these, so nothing is looked for before they are added.
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Flask-WTF compares the referrer of posts over TLS; other origins never see one.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
_HSTS: Final = "max-age=63072000; includeSubDomains"


def add(app: Flask) -> None:
    """Send the headers with every answer of ``app``."""
    app.after_request(secure)


def allow_form_target(*sources: str) -> None:
    """Let forms of the present answer end at ``sources`` as well (CSP Level 3 §6.4.2)."""
    g.form_targets = sources


def secure(response: Response) -> Response:
    """Give the answer to the present request its headers."""
    response.headers.extend(_ALWAYS)
    targets = g.get("form_targets", ())
    response.headers.add("Content-Security-Policy", _content_security_policy(targets))
    if services().settings.is_tls:
        response.headers["Strict-Transport-Security"] = _HSTS
    if request.endpoint != "static":
        response.headers["Cache-Control"] = "no-store"
    return response


@lru_cache
def _content_security_policy(further_targets: tuple[str, ...]) -> str:
    form_targets = " ".join(("'self'", *further_targets))
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        f"connect-src 'self'; form-action {form_targets}; base-uri 'none'; frame-ancestors 'none'"
    )
