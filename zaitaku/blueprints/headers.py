"""Security headers of every answer (OWASP ASVS 5.0 §3.4)."""

from typing import Final

from flask import Flask, Response, g, request

from zaitaku.blueprints.edge import services

_ALWAYS: Final = {
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
    app.after_request(_secure)


def allow_form_target(*sources: str) -> None:
    """Let forms of the present answer end at ``sources`` as well (CSP Level 3 §6.4.2)."""
    g.form_targets = sources


def _secure(response: Response) -> Response:
    response.headers.update(_ALWAYS)
    response.headers["Content-Security-Policy"] = _content_security_policy()
    if services().settings.is_tls:
        response.headers["Strict-Transport-Security"] = _HSTS
    if request.endpoint != "static":
        response.headers["Cache-Control"] = "no-store"
    return response


def _content_security_policy() -> str:
    form_targets = " ".join(("'self'", *g.get("form_targets", ())))
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        f"connect-src 'self'; form-action {form_targets}; base-uri 'none'; frame-ancestors 'none'"
    )
