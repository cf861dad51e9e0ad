"""Security headers of every answer (OWASP ASVS 5.0 §3.4).

They are put beneath the framework, which would look at each of them three times, and where no view
and no failure gets past them.
"""

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any, Final

from flask import Flask

from zaitaku.blueprints.edge import EXTENSION, the_request
from zaitaku.core.constant_headers import always

_TARGETS: Final = "zaitaku.form_targets"
"""Where a request keeps to whom else the forms of its answer may be sent."""
_KEEPING: Final = "Cache-Control"
_KEPT_NOWHERE: Final = (_KEEPING, "no-store")
_IS_THERE: Final = ("2", "3")
"""Beginnings of the statuses with which a file answers, or says that it has not changed."""

Header = tuple[str, str]
Environ = dict[str, Any]
Start = Callable[..., Any]
Application = Callable[[Environ, Start], Iterable[bytes]]


def add(app: Flask) -> None:
    """Send the headers with every answer of ``app``."""
    is_tls = app.extensions[EXTENSION].settings.is_tls
    files = f"{app.static_url_path}/"
    app.wsgi_app = _secure(app.wsgi_app, files, is_tls=is_tls)  # type: ignore[assignment,method-assign]


def allow_form_target(*sources: str) -> None:
    """Let forms of the present answer end at ``sources`` as well (CSP Level 3 §6.4.2)."""
    the_request().environ[_TARGETS] = sources


def kept_nowhere(own: Iterable[Header]) -> list[Header]:
    """Return the headers of an answer that is nobody's to keep (RFC 9111 §5.2.2.5)."""
    return [header for header in own if header[0] != _KEEPING] + [_KEPT_NOWHERE]


def policy(environ: Environ) -> Header:
    """Return the content security policy of the answer to a request."""
    return _policy(environ.get(_TARGETS, ()))


def _secure(application: Application, files: str, *, is_tls: bool) -> Application:
    constant = always(is_tls=is_tls)

    def answer(environ: Environ, start: Start) -> Iterable[bytes]:
        def begin(status: str, own: list[Header], *rest: object) -> object:
            is_file = environ["PATH_INFO"].startswith(files) and status.startswith(_IS_THERE)
            kept = own if is_file else kept_nowhere(own)
            return start(status, [*kept, policy(environ), *constant], *rest)

        return application(environ, begin)

    return answer


@lru_cache
def _policy(further_targets: tuple[str, ...]) -> Header:
    form_targets = " ".join(("'self'", *further_targets))
    return (
        "Content-Security-Policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        f"connect-src 'self'; form-action {form_targets}; base-uri 'none'; frame-ancestors 'none'",
    )
