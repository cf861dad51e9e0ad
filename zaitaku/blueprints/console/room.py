"""The console's blueprint: what all its pages share."""

from http import HTTPStatus
from typing import Any, Final

from flask import Blueprint, Response, g, jsonify, render_template, url_for

from zaitaku import __version__
from zaitaku.accounts.errors import NotPermitted, SessionEnded
from zaitaku.accounts.model import ROLE_NAMES, Permission
from zaitaku.accounts.service import Staff
from zaitaku.accounts.sessions import IDLE
from zaitaku.blueprints.console.presenting import japan_day, japan_time
from zaitaku.core.errors import NotFound, StoreUnavailable
from zaitaku.core.logs import request_id

blueprint: Final = Blueprint("console", __name__, url_prefix="/console")
blueprint.add_app_template_filter(japan_time)
blueprint.add_app_template_filter(japan_day)

_MENU: Final = (
    (Permission.USE_CONSOLE, "console.menu", "メニュー"),
    (Permission.SEE_CONSENTED_PATIENTS, "console.consented_patients", "同意取得済み患者一覧"),
    (Permission.SEE_RECEPTION_URLS, "console.reception_urls", "医療機関別URL 取得・変更"),
)


@blueprint.context_processor
def frame() -> dict[str, Any]:
    """Give every page of the console its header, menu and footer."""
    staff: Staff | None = g.get("staff")
    return {
        "staff": staff,
        "role_name": ROLE_NAMES[staff.account.role] if staff else "",
        "navigation": _navigation(staff) if staff else [],
        "release": __version__,
        "idle_seconds": int(IDLE.total_seconds()),
    }


def _navigation(staff: Staff) -> list[dict[str, str]]:
    allowed = staff.account.permissions
    return [
        {"href": url_for(endpoint), "label": label, "endpoint": endpoint}
        for permission, endpoint, label in _MENU
        if permission in allowed
    ]


@blueprint.errorhandler(SessionEnded)
def session_ended(error: SessionEnded) -> tuple[Response, HTTPStatus]:
    """Tell a page's own timer that the session is over; a person is sent to the login instead."""
    return jsonify(error=error.code), error.status


@blueprint.errorhandler(NotPermitted)
def not_permitted(_: NotPermitted) -> tuple[str, HTTPStatus]:
    """Say that the role does not include this page, and who has one that does."""
    return render_template("console/not_permitted.html"), NotPermitted.status


@blueprint.errorhandler(NotFound)
def not_found(_: NotFound) -> tuple[str, HTTPStatus]:
    """Say that nothing is here: the same for what belongs to another facility."""
    return render_template("console/not_found.html"), NotFound.status


@blueprint.errorhandler(StoreUnavailable)
def unavailable(_: StoreUnavailable) -> tuple[str, HTTPStatus]:
    """Say that nothing was changed and to try again."""
    page = render_template("console/unavailable.html", reference=request_id.get())
    return page, StoreUnavailable.status
