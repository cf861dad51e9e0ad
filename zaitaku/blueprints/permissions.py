"""Who may call a route: every route says so, and one that does not is refused.

A blueprint declares what holds for all its routes (``declare``); a single view may say otherwise
(``requires``, written nearest to the function). The declaration is a statement about the route,
not about the person: a patient's route is open, and the journey itself is found only under the
name that the patient's own session carries.
"""

from collections.abc import Callable
from enum import StrEnum
from typing import Final, TypeVar

from flask import Blueprint, Flask, g, redirect, request, session, url_for
from flask.sansio.blueprints import BlueprintSetupState
from werkzeug.wrappers import Response

from zaitaku.accounts.errors import NotPermitted, SessionEnd, SessionEnded
from zaitaku.accounts.model import Permission
from zaitaku.accounts.service import Staff
from zaitaku.accounts.sessions import Session, SessionName
from zaitaku.blueprints.edge import services


class Audience(StrEnum):
    """Routes that ask nobody to log in."""

    PUBLIC = "public"
    """Anybody, also programs."""
    PATIENT_SESSION = "patient-session"
    """Anybody; what it shows is bound to the browser's own session."""


PUBLIC: Final = Audience.PUBLIC
PATIENT_SESSION: Final = Audience.PATIENT_SESSION

Requirement = Audience | Permission

COOKIE_FIELD: Final = "staff"
"""Where the browser's signed cookie carries the name of a console session."""

_DECLARED: Final = "zaitaku.requirements"
_ATTRIBUTE: Final = "__requirement__"
_BY_TIMER: Final = "__by_timer__"

View = TypeVar("View", bound=Callable[..., object])


def declare(blueprint: Blueprint, requirement: Requirement) -> None:
    """Say what all routes of ``blueprint`` require unless a view of theirs says otherwise."""

    def keep(state: BlueprintSetupState) -> None:
        state.app.extensions.setdefault(_DECLARED, {})[state.name] = requirement

    blueprint.record(keep)


def requires(requirement: Requirement) -> Callable[[View], View]:
    """Say what one view requires."""

    def mark(view: View) -> View:
        setattr(view, _ATTRIBUTE, requirement)
        return view

    return mark


def by_timer(view: View) -> View:
    """Say that a page calls this view by itself: it does not keep an idle session alive."""
    setattr(view, _BY_TIMER, True)
    return view


def requirement_of(app: Flask, endpoint: str) -> Requirement | None:
    """Return what the endpoint requires, or ``None`` where nobody has said."""
    if endpoint == "static":
        return PUBLIC
    own: Requirement | None = getattr(app.view_functions[endpoint], _ATTRIBUTE, None)
    declared: dict[str, Requirement] = app.extensions.get(_DECLARED, {})
    return own or declared.get(endpoint.rpartition(".")[0])


def enforce(app: Flask) -> None:
    """Check every request of ``app`` before its view runs; deny what nobody has declared."""

    @app.before_request
    def check() -> Response | None:
        if request.endpoint is None:
            return None  # no route: the application answers that nothing is here
        requirement = requirement_of(app, request.endpoint)
        if requirement is None:
            raise NotPermitted("the route declares no requirement")
        if isinstance(requirement, Permission):
            is_by_timer = hasattr(app.view_functions[request.endpoint], _BY_TIMER)
            return _admit(requirement, by_person=not is_by_timer)
        return None


def current_staff() -> Staff:
    """Return who is logged in; only a view that requires a ``Permission`` may ask."""
    found: Staff = g.staff
    return found


def current_session() -> Session:
    """Return the console session of the present request (same condition)."""
    found: Session = g.console_session
    return found


def _admit(permission: Permission, *, by_person: bool) -> Response | None:
    try:
        g.console_session = _resumed(by_person=by_person)
        g.staff = services().accounts.present(g.console_session)
    except SessionEnded as ended:
        if not by_person:
            raise
        return _ask_to_log_in(ended.reason)
    if permission in g.staff.permissions:
        return None
    if g.staff.account.must_change_password:
        return redirect(url_for("console.password"), 303)
    raise NotPermitted(f"lacks {permission}")


def _resumed(*, by_person: bool) -> Session:
    name = session.get(COOKIE_FIELD)
    if not name:
        raise SessionEnded(SessionEnd.NONE)
    return services().sessions.resume(SessionName(name), by_person=by_person)


def _ask_to_log_in(reason: SessionEnd) -> Response:
    session.pop(COOKIE_FIELD, None)
    ended = None if reason is SessionEnd.NONE else reason
    wanted = request.full_path.rstrip("?") if request.method == "GET" else None
    return redirect(url_for("console.login", ended=ended, next=wanted), 303)
