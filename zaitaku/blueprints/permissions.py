"""Who may call a route: every route says so, and one that does not is refused.

A blueprint declares what holds for all its routes (``declare``); a single view may say otherwise
(``requires``, written nearest to the function). The declaration is a statement about the route,
not about the person: a patient's route is open, and the journey itself is found only under the
name that the patient's own session carries.
"""

from collections.abc import Callable
from enum import StrEnum
from types import MappingProxyType
from typing import Final, TypeVar
from urllib.parse import urlsplit, urlunsplit

from flask import Blueprint, Flask, g, redirect, request, session, url_for
from flask.sansio.blueprints import BlueprintSetupState
from werkzeug.wrappers import Response

from zaitaku.accounts.errors import NotPermitted, SessionEnd, SessionEnded
from zaitaku.accounts.model import Permission
from zaitaku.accounts.service import Staff
from zaitaku.accounts.sessions import Session, SessionName
from zaitaku.accounts.sign_in_model import Stage
from zaitaku.blueprints import kept_forms
from zaitaku.blueprints.edge import services, the_request
from zaitaku.core.errors import StoreUnavailable


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
FORMER_FIELD: Final = "former"
"""... and of the last one that ended before its owner had left: its draft may be carried on."""

_DECLARED: Final = "zaitaku.requirements"
_ATTRIBUTE: Final = "__requirement__"
_BY_TIMER: Final = "__by_timer__"
_NO_PAGE: Final = "__no_page__"
_STAGES: Final = "__stages__"
NEXT_STEPS: Final = MappingProxyType(
    {
        Stage.SECOND_STEP: "console.second_step",
        Stage.FIRST_PASSKEY: "console.first_passkey",
    }
)
"""Where a login goes on that is not complete yet."""

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


def no_page(view: View) -> View:
    """Say that this view answers with no page (a file, an empty answer): no login leads to it."""
    setattr(view, _NO_PAGE, True)
    return view


def is_page(app: Flask, endpoint: str) -> bool:
    """Tell whether the endpoint shows a page that somebody may be led to."""
    return not is_by_timer(app, endpoint) and not hasattr(app.view_functions[endpoint], _NO_PAGE)


def is_by_timer(app: Flask, endpoint: str) -> bool:
    """Tell whether pages call the endpoint by themselves."""
    return hasattr(app.view_functions[endpoint], _BY_TIMER)


def half_open(*stages: Stage) -> Callable[[View], View]:
    """Say that one view also serves logins at these stages, which open nothing else."""

    def mark(view: View) -> View:
        setattr(view, _STAGES, frozenset(stages))
        return view

    return mark


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
        present = the_request()
        endpoint = present.endpoint
        if endpoint is None:
            return None  # no route: the application answers that nothing is here
        requirement = requirement_of(app, endpoint)
        if requirement is None:
            raise NotPermitted("the route declares no requirement")
        if isinstance(requirement, Permission):
            stages = _stages_of(app.view_functions[endpoint])
            by_person = not is_by_timer(app, endpoint)
            elsewhere = _admit(requirement, stages, by_person=by_person)
            if elsewhere is None and present.method == "POST":
                kept_forms.use_up()
            return elsewhere
        return None


def current_staff() -> Staff:
    """Return who is logged in; only a view that requires a ``Permission`` may ask."""
    found: Staff = g.staff
    return found


def current_session() -> Session:
    """Return the console session of the present request (same condition)."""
    found: Session = g.console_session
    return found


def _stages_of(view: object) -> frozenset[Stage]:
    further: frozenset[Stage] = getattr(view, _STAGES, frozenset())
    return further | {Stage.FULL}


def _admit(permission: Permission, stages: frozenset[Stage], *, by_person: bool) -> Response | None:
    try:
        g.console_session = resumed(by_person=by_person)
        g.staff = services().accounts.present(g.console_session)
    except SessionEnded as ended:
        if not by_person:
            raise
        return _ask_to_log_in(ended.reason)
    if g.console_session.stage not in stages:
        return _lead_on(g.console_session.stage, by_person=by_person)
    if permission in g.staff.permissions:
        return None
    if g.staff.account.must_change_password:
        return redirect(url_for("console.password"), 303)
    raise NotPermitted(f"lacks {permission}")


def recognise() -> None:
    """Learn who is logged in, if anybody is, for a page that is open to all."""
    try:
        found = resumed(by_person=True)
        g.staff = services().accounts.present(found)
        g.console_session = found
    except (SessionEnded, StoreUnavailable):
        return  # the page stands without its menu


def resumed(*, by_person: bool) -> Session:
    """Return this browser's living session.

    Raises:
        SessionEnded: it has none, or none that lives.
        StoreUnavailable: the short-lived store is away.
    """
    name = session.get(COOKIE_FIELD)
    if not name:
        raise SessionEnded(SessionEnd.NONE)
    return services().sessions.resume(SessionName(name), by_person=by_person)


def _lead_on(stage: Stage, *, by_person: bool) -> Response:
    if not by_person:
        raise SessionEnded(SessionEnd.NONE)
    return redirect(url_for(NEXT_STEPS[stage]), 303)


def _ask_to_log_in(reason: SessionEnd) -> Response:
    former = session.pop(COOKIE_FIELD, None)
    if former:
        session[FORMER_FIELD] = former
    if request.method == "POST":
        kept_forms.keep_request()
    ended = None if reason is SessionEnd.NONE else reason
    return redirect(url_for("console.login", ended=ended, next=_wanted() or None), 303)


def _wanted() -> str:
    """Return the page to come back to: the one that was opened, or that holds the form."""
    address = request.full_path.rstrip("?")
    if request.method == "GET" or kept_forms.has_page(address):
        return address
    parts = urlsplit(request.referrer or "")
    return urlunsplit(("", "", parts.path, parts.query, "")) if parts.netloc == request.host else ""
