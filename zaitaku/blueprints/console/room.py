"""The console's blueprint: what all its pages share."""

import logging
from collections.abc import Mapping
from functools import cache
from http import HTTPStatus
from importlib.metadata import version
from typing import Any, Final

from flask import Blueprint, Response, g, jsonify, render_template, request, url_for
from flask_wtf.csrf import CSRFError

from zaitaku.accounts.errors import NotPermitted, SessionEnded
from zaitaku.accounts.model import ROLE_NAMES, Permission
from zaitaku.accounts.service import Staff
from zaitaku.accounts.sessions import IDLE, Session
from zaitaku.accounts.sign_in_model import Stage
from zaitaku.blueprints.console.menu_items import groups_for
from zaitaku.blueprints.console.presenting import japan_day, japan_time
from zaitaku.blueprints.edge import services
from zaitaku.core.errors import NotFound, OutcomeUnknown, StoreUnavailable
from zaitaku.core.logs import request_id

log = logging.getLogger(__name__)

blueprint: Final = Blueprint("console", __name__, url_prefix="/console")
blueprint.add_app_template_filter(japan_time)
blueprint.add_app_template_filter(japan_day)


@blueprint.context_processor
def frame() -> dict[str, Any]:
    """Give every page of the console its header, menu and footer."""
    staff: Staff | None = None if _is_half_open() else g.get("staff")
    return {
        "staff": staff,
        "role_name": ROLE_NAMES[staff.account.role] if staff else "",
        "menu_groups": groups_for(staff, services().settings) if staff else [],
        "release": _release(),
        "Permission": Permission,
        "may": lambda permission: staff is not None and permission in staff.permissions,
        "summary": _summary,
        "idle_seconds": int(IDLE.total_seconds()),
        "shown_at": services().clock.now(),
    }


@blueprint.errorhandler(SessionEnded)
def session_ended(error: SessionEnded) -> tuple[Response, HTTPStatus]:
    """Tell a page's own timer that the session is over; a person is sent to the login instead."""
    return jsonify(error=error.code), error.status


@blueprint.errorhandler(NotPermitted)
def not_permitted(error: NotPermitted) -> tuple[str, HTTPStatus]:
    """Say that the role does not include this page, or not yet, and what to do."""
    log.info("refused: not-permitted", extra={"code": error.code, "detail": error.detail})
    staff: Staff | None = g.get("staff")
    if staff is not None and not staff.has_begun and staff.facility.enrolment.starts_on:
        return failure(
            "利用開始日の前には開けない画面です",
            f"この医療機関等の利用開始日は{japan_day(staff.facility.enrolment.starts_on)}です。"
            "それまでは、アカウントと環境設定情報の準備だけができます。",
        ), error.status
    return failure(
        "このアカウントでは開けない画面です",
        "この画面は、ほかの権限区分のアカウントで使うものです。必要なときは、管理者に相談してください。",
    ), error.status


@blueprint.errorhandler(CSRFError)
def form_expired(error: CSRFError) -> tuple[str, HTTPStatus]:
    """Say that the page was open for too long, and open it again."""
    log.info("refused: form-expired", extra={"code": "form-expired", "detail": error.description})
    return failure(
        "画面を開き直してください",
        "画面を開いてから時間がたったか、ほかの画面でログインし直したため、安全のために止めました。",
        "この操作では、何も変更していません。",
        action={"label": "この画面を開き直す", "href": request.path},
    ), HTTPStatus.BAD_REQUEST


@blueprint.errorhandler(NotFound)
def not_found(error: NotFound) -> tuple[str, HTTPStatus]:
    """Say that nothing is here: the same for what belongs to another facility."""
    return failure("画面が見つかりません", "メニューから、もう一度お選びください。"), error.status


@blueprint.errorhandler(OutcomeUnknown)
def unknown(error: OutcomeUnknown) -> tuple[str, HTTPStatus]:
    """Say that nobody knows yet whether it was changed, and to look before trying again."""
    log.error("refused: %s", error.code, extra={"code": error.code, "detail": error.detail})
    return failure(
        "結果を確かめられませんでした",
        "変更されたかどうか、まだ分かりません。",
        "1分ほど待ってから画面を開き直し、変わっていないことを確かめてから、もう一度お試しください。"
        "続くときは、運用者に連絡してください。",
        reference=request_id.get(),
    ), error.status


@blueprint.errorhandler(StoreUnavailable)
def unavailable(error: StoreUnavailable) -> tuple[str, HTTPStatus]:
    """Say that nothing was changed and to try again."""
    log.error("refused: %s", error.code, extra={"code": error.code, "detail": error.detail})
    return failure(
        "いま、つながりにくくなっています",
        "この操作では、何も変更していません。",
        "1分ほど待ってから、もう一度お試しください。続くときは、運用者に連絡してください。",
        reference=request_id.get(),
    ), error.status


def failure(
    heading: str, *sentences: str, reference: str = "", action: Mapping[str, str] | None = None
) -> str:
    """Return a page that says what happened and leads on; without ``action`` to the menu."""
    is_inside = g.get("staff") is not None
    menu = {
        "label": "メニューへ" if is_inside else "ログイン画面へ",
        "href": url_for("console.menu" if is_inside else "console.login"),
    }
    return render_template(
        "console/failure.html",
        heading=heading,
        sentences=sentences,
        action=action or menu,
        reference=reference,
    )


def _is_half_open() -> bool:
    # Between the two steps of a login nothing of the console is shown.
    found: Session | None = g.get("console_session")
    return found is not None and found.stage is not Stage.FULL


@cache
def _release() -> str:
    return version("zaitaku")


def _summary(errors: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"field": field, "message": message} for field, message in errors.items()]
