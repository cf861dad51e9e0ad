"""Logging in with a passkey: alone, as the second step, or registering the first one in between."""

from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Final

from flask import redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from zaitaku.accounts.errors import AccountNotUsable, InitialPasswordOver, SessionEnd
from zaitaku.accounts.model import Permission
from zaitaku.accounts.own_sign_in import NewPasskey
from zaitaku.accounts.service import Staff
from zaitaku.accounts.sign_in_model import (
    Method,
    PasskeyRefused,
    RecoveryCodeRefused,
    SecondStepLocked,
    Stage,
)
from zaitaku.blueprints.console.arriving import enter, landing, leave, told_landing, wanted
from zaitaku.blueprints.console.passkey_words import (
    PROOF_REFUSED,
    REGISTRATION_REFUSALS,
    refusal_of,
)
from zaitaku.blueprints.console.room import blueprint
from zaitaku.blueprints.edge import services
from zaitaku.blueprints.kept_forms import never_kept
from zaitaku.blueprints.permissions import (
    PUBLIC,
    current_session,
    current_staff,
    half_open,
    requires,
)
from zaitaku.core.errors import TooManyAttempts

Page = str | Response | tuple[str, HTTPStatus]

_REFUSALS: Final = {
    PasskeyRefused.code: PROOF_REFUSED,
    InitialPasswordOver.code: "再発行されたパスワードの期限（30日）が過ぎています。"
    "管理者にパスワードの再発行を頼んでください。",
    AccountNotUsable.code: "このアカウントは、今はログインに使えません。"
    "利用開始年月日・利用終了年月日を管理者にお確かめください。",
    TooManyAttempts.code: "短い時間に何度もログインが試されました。"
    "15分ほど待ってから、もう一度お試しください。",
}
_CODE_MISSING: Final = "回復コードを入力してください。"
_CODE_REFUSED: Final = (
    "この回復コードは登録と合わないか、もう使われています。"
    "紙のとおりか確かめるか、別の回復コードを入力してください。"
)
_NO_ERRORS: Final[Mapping[str, str]] = MappingProxyType({})


@blueprint.get("/login/passkey")
@requires(PUBLIC)
def passkey_login() -> Page:
    """Ask the browser for a passkey; neither facility nor user ID is typed."""
    return _login_page()


@blueprint.post("/login/passkey")
@requires(PUBLIC)
@never_kept
def log_in_by_passkey() -> Page:
    """Open a session for whoever holds the passkey, or ask once more."""
    try:
        staff = services().second_factor.log_in(
            ceremony=request.form.get("ceremony", ""),
            answer=request.form.get("answer", ""),
            address=request.remote_addr or "",
        )
    except (PasskeyRefused, InitialPasswordOver, AccountNotUsable, TooManyAttempts) as refusal:
        return _login_page({"passkey": _REFUSALS[refusal.code]}), refusal.status
    enter(staff, Stage.FULL, Method.PASSKEY)
    return redirect(told_landing(staff), HTTPStatus.SEE_OTHER)


def _login_page(errors: Mapping[str, str] = _NO_ERRORS) -> str:
    is_offered = services().own_sign_in.can_have_passkeys
    return render_template(
        "console/sign_in_passkey.html",
        ceremony=services().second_factor.begin_login() if is_offered else None,
        errors=errors,
        wanted=wanted(),
    )


def _is_due(stage: Stage) -> bool:
    return current_session().stage is stage


def _already_in() -> Response:
    return redirect(url_for("console.menu"), HTTPStatus.SEE_OTHER)


@blueprint.get("/login/second-step")
@requires(Permission.CHANGE_OWN_PASSWORD)
@half_open(Stage.SECOND_STEP)
def second_step() -> Page:
    """Ask for one of the account's passkeys after the password."""
    return _second_step_page() if _is_due(Stage.SECOND_STEP) else _already_in()


@blueprint.post("/login/second-step")
@requires(Permission.CHANGE_OWN_PASSWORD)
@half_open(Stage.SECOND_STEP)
@never_kept
def take_second_step() -> Page:
    """Complete the login with a passkey, or ask once more."""
    if not _is_due(Stage.SECOND_STEP):
        return _already_in()
    try:
        services().second_factor.pass_by_passkey(
            current_staff().account,
            current_session(),
            ceremony=request.form.get("ceremony", ""),
            answer=request.form.get("answer", ""),
        )
    except PasskeyRefused as refusal:
        return _second_step_page({"passkey": PROOF_REFUSED}), refusal.status
    except SecondStepLocked:
        return _locked()
    return _completed(Method.PASSWORD_AND_PASSKEY, "")


def _second_step_page(errors: Mapping[str, str] = _NO_ERRORS) -> str:
    staff, session = current_staff(), current_session()
    return render_template(
        "console/sign_in_second_step.html",
        ceremony=services().second_factor.begin_second_step(staff.account, session),
        errors=errors,
        wanted=wanted(),
    )


@blueprint.get("/login/recovery-code")
@requires(Permission.CHANGE_OWN_PASSWORD)
@half_open(Stage.SECOND_STEP)
def recovery_code_step() -> Page:
    """Ask for a recovery code in place of a passkey."""
    return _code_page() if _is_due(Stage.SECOND_STEP) else _already_in()


@blueprint.post("/login/recovery-code")
@requires(Permission.CHANGE_OWN_PASSWORD)
@half_open(Stage.SECOND_STEP)
@never_kept
def take_recovery_code() -> Page:
    """Complete the login with a recovery code, or ask once more."""
    if not _is_due(Stage.SECOND_STEP):
        return _already_in()
    typed = request.form.get("code", "")
    if not typed.strip():
        return _code_page({"code": _CODE_MISSING}), HTTPStatus.UNPROCESSABLE_ENTITY
    try:
        services().second_factor.pass_by_code(current_staff().account, typed)
    except RecoveryCodeRefused as refusal:
        return _code_page({"code": _CODE_REFUSED}), refusal.status
    except SecondStepLocked:
        return _locked()
    return _completed(Method.PASSWORD_AND_CODE, url_for("console.own_sign_in"))


def _code_page(errors: Mapping[str, str] = _NO_ERRORS) -> str:
    return render_template("console/sign_in_code.html", errors=errors, wanted=wanted())


def _locked() -> Response:
    leave()
    return redirect(url_for("console.login", ended=SessionEnd.LOCKED), HTTPStatus.SEE_OTHER)


def _completed(method: Method, first_look: str) -> Response:
    """Begin the whole session; whoever has lost a passkey is first shown what to do about it."""
    staff = current_staff()
    enter(staff, Stage.FULL, method)
    is_free = Permission.MANAGE_OWN_SIGN_IN in staff.permissions
    address = first_look if first_look and is_free else told_landing(staff)
    return redirect(address, HTTPStatus.SEE_OTHER)


@blueprint.get("/login/new-passkeys")
@requires(Permission.CHANGE_OWN_PASSWORD)
def new_passkeys() -> Page:
    """Tell which passkeys were registered since the login before this one."""
    staff, session = current_staff(), current_session()
    added = services().own_sign_in.added_between(
        staff.account, session.former_login_at, session.started_at
    )
    if not added:
        return redirect(landing(staff), HTTPStatus.SEE_OTHER)
    return render_template(
        "console/new_passkeys.html", added=added, session=session, onward=landing(staff)
    )


@blueprint.get("/login/first-passkey")
@requires(Permission.CHANGE_OWN_PASSWORD)
@half_open(Stage.FIRST_PASSKEY)
def first_passkey() -> Page:
    """Say that the facility asks for a passkey, and have one registered before anything else."""
    return _first_page() if _is_due(Stage.FIRST_PASSKEY) else _already_in()


@blueprint.post("/login/first-passkey")
@requires(Permission.CHANGE_OWN_PASSWORD)
@half_open(Stage.FIRST_PASSKEY)
@never_kept
def register_first_passkey() -> Page:
    """Register it and complete the login; its recovery codes are shown at once."""
    if not _is_due(Stage.FIRST_PASSKEY):
        return _already_in()
    staff = current_staff()
    try:
        new = services().own_sign_in.register(
            staff.account,
            current_session(),
            ceremony=request.form.get("ceremony", ""),
            answer=request.form.get("answer", ""),
            name=request.form.get("name", ""),
        )
    except REGISTRATION_REFUSALS as refusal:
        return _first_page(refusal_of(refusal)), refusal.status
    enter(staff, Stage.FULL, Method.PASSWORD_AND_PASSKEY)
    return _after_first(staff, new)


def _after_first(staff: Staff, new: NewPasskey) -> Page:
    if not new.codes:
        return redirect(landing(staff), HTTPStatus.SEE_OTHER)
    return render_template(
        "console/sign_in_codes.html", codes=new.codes, is_first=True, onward=landing(staff)
    )


def _first_page(errors: Mapping[str, str] = _NO_ERRORS) -> str:
    staff, own = current_staff(), services().own_sign_in
    is_offered = own.can_have_passkeys
    return render_template(
        "console/sign_in_first.html",
        ceremony=own.begin(staff.account, current_session()) if is_offered else None,
        name=request.form.get("name", ""),
        errors=errors,
        wanted=wanted(),
    )
