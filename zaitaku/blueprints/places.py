"""A patient's place in line: a number in their own browser's signed cookie, and nothing else.

The cookie says when its browser last asked. Whoever stays on the waiting page keeps the place for
as long as it takes; who is away keeps it for half an hour. Let in, they get a cookie that says so:
another language or a reload of the first page must not send them back to the end of the line.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from itsdangerous import BadSignature, Signer
from werkzeug.http import dump_cookie, parse_cookie

from zaitaku.services import Services

PLACE_KEPT: Final = timedelta(minutes=30)
_NAME: Final = "zaitaku-place"
_PURPOSE: Final = "line-place"
_INSIDE: Final = "in"


@dataclass(frozen=True)
class Ticket:
    """What a browser brings."""

    number: int | None
    """``None``: it was let in already."""

    @property
    def is_inside(self) -> bool:
        """Whether its patient was let in."""
        return self.number is None


INSIDE: Final = Ticket(None)


def ticket_of(environ: Mapping[str, Any], services: Services) -> Ticket | None:
    """Return the ticket of the browser that asks, if it has one that still counts."""
    cookies = environ.get("HTTP_COOKIE", "")
    if _NAME not in cookies:
        return None
    try:
        signed = parse_cookie(cookies).get(_cookie_name(services), "")
        what, seen = _signer(services).unsign(signed).decode().split(".")
        age = services.clock.now().timestamp() - int(seen)
        number = None if what == _INSIDE else int(what)
    except (BadSignature, ValueError):
        return None
    # A process whose clock was ahead may have signed it.
    return Ticket(number) if abs(age) <= PLACE_KEPT.total_seconds() else None


def cookie_for(ticket: Ticket, services: Services) -> tuple[str, str]:
    """Return the header that gives ``ticket`` to a browser, as of now."""
    what = _INSIDE if ticket.number is None else str(ticket.number)
    value = f"{what}.{int(services.clock.now().timestamp())}"
    cookie = dump_cookie(
        _cookie_name(services),
        _signer(services).sign(value).decode(),
        max_age=PLACE_KEPT,
        path="/",
        secure=services.settings.is_tls,
        httponly=True,
        samesite="Lax",
    )
    return "Set-Cookie", cookie


def _cookie_name(services: Services) -> str:
    return f"__Host-{_NAME}" if services.settings.is_tls else _NAME


def _signer(services: Services) -> Signer:
    return services.settings.session_keys.signer(_PURPOSE)
