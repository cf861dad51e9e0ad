"""Into the console and out of it: sessions that begin and end, and where a login leads."""

from typing import Final
from urllib.parse import urlsplit

from flask import current_app, request, session, url_for
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RoutingException

from zaitaku.accounts.devices import device_label
from zaitaku.accounts.model import Permission
from zaitaku.accounts.service import Staff
from zaitaku.accounts.sessions import Entrance, SessionName
from zaitaku.accounts.sign_in_model import Method, Stage
from zaitaku.blueprints import kept_forms
from zaitaku.blueprints.console.room import blueprint
from zaitaku.blueprints.edge import services
from zaitaku.blueprints.permissions import COOKIE_FIELD, is_page
from zaitaku.core.texts import has_control_characters

_CSRF_FIELD: Final = "csrf_token"

_NO_LANDING: Final = frozenset(
    f"{blueprint.name}.{name}"
    for name in (
        *("login", "logout", "logged_out", "nowhere"),
        *("passkey_login", "second_step", "recovery_code_step", "first_passkey"),
    )
)
"""Where nobody arrives by logging in: the entrance itself, and what is no page."""


def enter(staff: Staff, stage: Stage = Stage.FULL, method: Method = Method.PASSWORD) -> None:
    """Begin a session; whatever name or form token the browser had before is worth nothing now.

    Raises:
        StoreUnavailable: the short-lived store is away; nobody is logged in.
    """
    leave()
    device = device_label(request.user_agent.string)
    session[COOKIE_FIELD] = services().sessions.open(
        staff.account, staff.facility.settings_version, Entrance(stage, method, device)
    )
    kept_forms.remember_owner(staff.account)


def leave() -> None:
    """End this browser's session at once; a dead one may be ended again.

    Raises:
        StoreUnavailable: the short-lived store is away.
    """
    session.pop(_CSRF_FIELD, None)
    former = session.pop(COOKIE_FIELD, None)
    if former:
        services().sessions.close(SessionName(former))


def landing(staff: Staff) -> str:
    """Return where somebody who has just logged in is led: first to what they had begun."""
    if Permission.USE_CONSOLE not in staff.permissions:
        return url_for("console.password")
    if kept_forms.kept_for(staff.account):
        return url_for("console.kept_form")
    return wanted() or url_for("console.menu")


def wanted() -> str:
    """Return where somebody was going when they were asked to log in; empty: nowhere special."""
    return safe_next(request.values.get("next", ""))


def safe_next(address: str) -> str:
    """Return ``address`` if it is a page of the console, so that nobody is sent elsewhere."""
    if has_control_characters(address):
        return ""
    parts = urlsplit(address)
    if parts.scheme or parts.netloc:
        return ""
    return address if _endpoint_of(parts.path) in landing_pages() else ""


def _endpoint_of(path: str) -> str:
    routes = current_app.url_map.bind("")
    try:
        endpoint, _ = routes.match(path, method="GET")
    except (HTTPException, RoutingException):
        return ""
    return str(endpoint)


def landing_pages() -> frozenset[str]:
    """Return the console's GET routes that show a page to somebody who is logged in."""
    prefix = f"{blueprint.name}."
    rules = current_app.url_map.iter_rules()
    got = {rule.endpoint for rule in rules if "GET" in (rule.methods or ())}
    pages = (name for name in got if name.startswith(prefix) and is_page(current_app, name))
    return frozenset(pages) - _NO_LANDING
