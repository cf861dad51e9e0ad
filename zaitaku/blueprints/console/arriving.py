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
from zaitaku.blueprints.permissions import COOKIE_FIELD, FORMER_FIELD, is_page, requirement_of
from zaitaku.core.texts import has_control_characters

_CSRF_FIELD: Final = "csrf_token"

_NO_LANDING: Final = frozenset(
    f"{blueprint.name}.{name}"
    for name in (
        *("login", "logout", "logged_out", "nowhere"),
        *("passkey_login", "second_step", "recovery_code_step", "first_passkey"),
        *("new_passkeys", "kept_form"),
    )
)
"""Where nobody arrives by logging in: the entrance itself, and what is no page."""


def enter(staff: Staff, stage: Stage = Stage.FULL, method: Method = Method.PASSWORD) -> None:
    """Begin a session; whatever name or form token the browser had before is worth nothing now.

    What the same account had begun in this browser's former session goes on in the new one.

    Raises:
        StoreUnavailable: the short-lived store is away; nobody is logged in.
    """
    former = session.pop(FORMER_FIELD, None) or session.get(COOKIE_FIELD)
    leave()
    device = device_label(request.user_agent.string)
    entrance = Entrance(stage, method, device, staff.account.last_login_at)
    name = services().sessions.open(staff.account, staff.facility.settings_version, entrance)
    session[COOKIE_FIELD] = name
    if former:
        services().sessions.carry_draft(SessionName(former), name, staff.account)
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


def leave_for_good() -> None:
    """End this browser's session at its owner's wish: nothing of it is carried on.

    Raises:
        StoreUnavailable: the short-lived store is away.
    """
    names = {session.pop(FORMER_FIELD, None), session.get(COOKIE_FIELD)} - {None}
    leave()
    for name in names:
        services().sessions.forget_draft(SessionName(name))
    kept_forms.forget()


def landing(staff: Staff) -> str:
    """Return where somebody who has just logged in is led: first to what they had begun."""
    if Permission.USE_CONSOLE not in staff.permissions:
        return url_for("console.password")
    kept = kept_forms.kept_for(staff.account)
    addresses = (kept.address if kept else "", wanted())
    return next((each for each in addresses if _may_open(staff, each)), url_for("console.menu"))


def _may_open(staff: Staff, address: str) -> bool:
    endpoint = _endpoint_of(urlsplit(address).path)
    if not endpoint:
        return False
    required = requirement_of(current_app, endpoint)
    return not isinstance(required, Permission) or required in staff.permissions


def told_landing(staff: Staff) -> str:
    """Return where somebody is led who has just used a passkey: first to news about passkeys.

    ``staff`` is the account as it was before this login.
    """
    former, now = staff.account.last_login_at, services().clock.now()
    if services().own_sign_in.added_between(staff.account, former, now):
        return url_for("console.new_passkeys", next=wanted() or None)
    return landing(staff)


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
