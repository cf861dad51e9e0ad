"""Logging in and out, and replacing one's password."""

import logging
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

from flask import make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from zaitaku.accounts.errors import (
    AccountNotUsable,
    InitialPasswordOver,
    LoginRefused,
    SessionEnd,
    SessionEnded,
    WrongPassword,
)
from zaitaku.accounts.model import DISTINCT_CHARACTERS, SHORTEST_PASSWORD, Permission
from zaitaku.accounts.service import LoginAttempt, Staff
from zaitaku.accounts.sign_in_model import Stage
from zaitaku.blueprints.console.arriving import enter, landing, leave, leave_for_good, wanted
from zaitaku.blueprints.console.room import blueprint, failure
from zaitaku.blueprints.edge import services
from zaitaku.blueprints.kept_forms import never_kept
from zaitaku.blueprints.permissions import (
    NEXT_STEPS,
    PUBLIC,
    current_session,
    current_staff,
    half_open,
    requires,
    resumed,
)
from zaitaku.core.errors import InvalidField, StoreUnavailable, TooManyAttempts
from zaitaku.core.logs import request_id
from zaitaku.core.texts import without_control_characters

log = logging.getLogger(__name__)

Page = str | Response | tuple[str, HTTPStatus]

_ENDINGS: Final = {
    SessionEnd.IDLE: "30分のあいだ操作がなかったため、または他の画面でログアウトしたため、"
    "ログアウトしました。",
    SessionEnd.TOO_LONG: "ログインから12時間たったため、ログアウトしました。",
    SessionEnd.LOCKED: "続けて間違えられたため、アカウントをロックしました。"
    "管理者に解除を頼んでください。",
    SessionEnd.UNFINISHED: "10分のあいだにログインが終わらなかったため、はじめに戻りました。"
    "もう一度ログインしてください。",
    SessionEnd.CHANGED: "医療機関の設定またはアカウントが変更されたため、ログアウトしました。",
}

_MISSING: Final = {
    "institution_code": "医療機関等コードを入力してください。",
    "user_id": "ユーザIDを入力してください。",
    "password": "パスワードを入力してください。",
}

_EMPTY: Final = {
    "current": "今のパスワードを入力してください。",
    "new_password": "新しいパスワードを入力してください。",
}

_REFUSALS: Final = {
    LoginRefused.code: "医療機関等コード、ユーザID、パスワードの組み合わせが登録と合いません。"
    "5回続けて間違えると、アカウントはロックされます。",
    InitialPasswordOver.code: "はじめのパスワードの期限（30日）が過ぎています。"
    "管理者にパスワードの再発行を頼んでください。",
    AccountNotUsable.code: "このアカウントは、今はログインに使えません。"
    "利用開始年月日・利用終了年月日と、無効になっていないことを、管理者にお確かめください。"
    "WebAPI用・連携アプリ用・顔認証用のアカウントでは、この画面にログインできません。",
    TooManyAttempts.code: "短い時間に何度もログインが試されました。"
    "15分ほど待ってから、もう一度お試しください。",
}

_NOT_GUESSED: Final = "password や年号のような、よくある言葉やキーの並びだけでは作れません。"
_PASSWORD_HINT: Final = (
    f"{SHORTEST_PASSWORD}文字以上で、ちがう文字を{DISTINCT_CHARACTERS}つ以上使ってください。"
    f"{_NOT_GUESSED}ユーザIDは入れないでください。"
)
_RULES: Final = {
    "too-short": f"新しいパスワードは{SHORTEST_PASSWORD}文字以上にしてください。",
    "too-long": "新しいパスワードは128文字以下にしてください。",
    "guessed-first": f"新しいパスワードは、{_NOT_GUESSED}",
    "too-simple": (
        f"新しいパスワードには、ちがう文字を{DISTINCT_CHARACTERS}つ以上使ってください。"
    ),
    "holds-user-id": "新しいパスワードに、ユーザIDを入れないでください。",
    "same-as-current": "新しいパスワードは、今のパスワードと違うものにしてください。",
}


@dataclass(frozen=True)
class _Form:
    """What the page shows again, and what is to be mended. Never holds a password."""

    values: dict[str, str] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)


@blueprint.get("/login")
@requires(PUBLIC)
def login() -> str:
    """Ask for facility, user ID and password; say why a former session ended."""
    return _login_page(_Form())


@blueprint.post("/login")
@requires(PUBLIC)
def log_in() -> Page:
    """Open a session under a new name, or show the form again."""
    typed = {name: request.form.get(name, "") for name in _MISSING}
    shown = ("institution_code", "user_id")
    values = {name: without_control_characters(typed[name]) for name in shown}
    missing = {name: words for name, words in _MISSING.items() if not typed[name].strip()}
    if missing:
        return _login_page(_Form(values, missing)), HTTPStatus.UNPROCESSABLE_ENTITY
    attempt = LoginAttempt(**typed, address=request.remote_addr or "")
    try:
        staff = services().accounts.authenticate(attempt)
    except (LoginRefused, InitialPasswordOver, AccountNotUsable, TooManyAttempts) as refusal:
        form = _Form(values, {"institution_code": _REFUSALS[refusal.code]})
        return _login_page(form), refusal.status
    stage = services().second_factor.stage_after_password(staff.account)
    enter(staff, stage)
    return redirect(_way_on(staff, stage), HTTPStatus.SEE_OTHER)


def _way_on(staff: Staff, stage: Stage) -> str:
    if stage is Stage.FULL:
        return landing(staff)
    return url_for(NEXT_STEPS[stage], next=wanted() or None)


def _login_page(form: _Form) -> str:
    ended = request.args.get("ended", "")
    reason = _ENDINGS[SessionEnd(ended)] if ended in set(_ENDINGS) else ""
    return render_template(
        "console/login.html",
        form=form,
        reason=reason,
        wanted=wanted(),
        passkeys_offered=services().own_sign_in.can_have_passkeys,
    )


@blueprint.get("/logout")
@requires(Permission.CHANGE_OWN_PASSWORD)
@half_open(Stage.SECOND_STEP, Stage.FIRST_PASSKEY)
def logout() -> str:
    """Ask whether to log out."""
    return render_template("console/logout.html")


@blueprint.post("/logout")
@requires(PUBLIC)
def log_out() -> Response:
    """End the session at once; a dead one may be ended again."""
    staff = _who_leaves()
    leave_for_good()
    if staff is not None:
        _note_logout(staff)
    return redirect(url_for("console.logged_out"), HTTPStatus.SEE_OTHER)


def _who_leaves() -> Staff | None:
    try:
        return services().accounts.present(resumed(by_person=False))
    except SessionEnded:
        return None


def _note_logout(staff: Staff) -> None:
    # Nobody stays logged in because their leaving cannot be recorded.
    try:
        services().accounts.note_logout(staff.account)
    except StoreUnavailable as error:
        log.exception("unrecorded: logout", extra={"code": error.code, "detail": error.detail})


@blueprint.get("/logged-out")
@requires(PUBLIC)
def logged_out() -> Response:
    """Say that nobody is logged in any more, and let the browser forget what it kept."""
    answer = make_response(render_template("console/logged_out.html"))
    # Not the cookies: a patient's journey in the same browser goes on.
    answer.headers["Clear-Site-Data"] = '"cache", "storage"'
    return answer


@blueprint.get("/password")
@requires(Permission.CHANGE_OWN_PASSWORD)
def password() -> str:
    """Ask for the present and the new password."""
    return _password_page({})


@blueprint.post("/password")
@requires(Permission.CHANGE_OWN_PASSWORD)
@never_kept
def change_password() -> Page:
    """Replace the password; all sessions end and this browser gets a new one."""
    typed = {name: request.form.get(name, "") for name in ("current", "new_password", "again")}
    errors = _mistakes(typed)
    if not errors:
        try:
            staff = services().accounts.change_password(
                current_staff().account, current=typed["current"], new=typed["new_password"]
            )
        except InvalidField as error:
            errors = {"new_password": _RULES[error.rule]}
        except WrongPassword as error:
            return _after_wrong_password(is_locked=error.is_locked)
        except StoreUnavailable as error:
            return _cannot_tell(error)
        else:
            return _go_on_as(staff)
    return _password_page(errors), HTTPStatus.UNPROCESSABLE_ENTITY


def _go_on_as(staff: Staff) -> Page:
    try:
        enter(staff, method=current_session().method)
    except StoreUnavailable as error:
        log.warning("no session: %s", error.code, extra={"code": error.code})
        return failure(
            "パスワードを変更しました",
            "新しいパスワードは、もう使えます。ただ、いま、つながりにくくなっています。",
            "1分ほど待ってから、新しいパスワードでログインしてください。",
            action={"label": "ログイン画面へ", "href": url_for("console.login")},
        )
    return redirect(url_for("console.password_changed"), HTTPStatus.SEE_OTHER)


def _cannot_tell(error: StoreUnavailable) -> Page:
    log.error("unsettled: %s", error.code, extra={"code": error.code, "detail": error.detail})
    return failure(
        "パスワードが変わったかどうか、いまは確かめられません",
        "つながりにくくなったため、変更の結果を確かめられませんでした。",
        "1分ほど待ってから、新しいパスワードでログインしてください。"
        "できないときは、前のパスワードでログインしてください。",
        reference=request_id.get(),
        action={"label": "ログイン画面へ", "href": url_for("console.login")},
    ), error.status


def _mistakes(typed: dict[str, str]) -> dict[str, str]:
    errors = {name: words for name, words in _EMPTY.items() if not typed[name]}
    if "new_password" not in errors and typed["again"] != typed["new_password"]:
        errors["again"] = "新しいパスワードと同じものを、もう一度入力してください。"
    return errors


def _after_wrong_password(*, is_locked: bool) -> Page:
    if is_locked:
        leave()
        return redirect(url_for("console.login", ended=SessionEnd.LOCKED), HTTPStatus.SEE_OTHER)
    message = "今のパスワードが登録と合いません。もう一度入力してください。"
    return _password_page({"current": message}), HTTPStatus.UNPROCESSABLE_ENTITY


def _password_page(errors: dict[str, str]) -> str:
    return render_template("console/password.html", errors=errors, hint=_PASSWORD_HINT)


@blueprint.get("/password/changed")
@requires(Permission.USE_CONSOLE)
def password_changed() -> str:
    """Say that the new password holds."""
    return render_template("console/password_changed.html")
