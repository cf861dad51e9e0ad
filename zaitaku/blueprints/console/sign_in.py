"""One's own ways in: passkeys, recovery codes, and where one is logged in now."""

from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Final
from uuid import UUID

from flask import redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from zaitaku.accounts.model import Permission
from zaitaku.accounts.sign_in_model import (
    METHOD_NAMES,
    LastPasskey,
    Method,
    Passkey,
    PasskeyId,
    SessionId,
    TooManyPasskeys,
)
from zaitaku.blueprints.console.confirming import proved_lately
from zaitaku.blueprints.console.passkey_words import (
    REGISTRATION_REFUSALS,
    TOO_MANY,
    refusal_of,
)
from zaitaku.blueprints.console.room import blueprint, failure
from zaitaku.blueprints.edge import services
from zaitaku.blueprints.kept_forms import never_kept
from zaitaku.blueprints.permissions import current_session, current_staff, requires
from zaitaku.core.errors import InvalidField

Page = str | Response | tuple[str, HTTPStatus]

_DONE: Final = {
    "registered": "パスキーを登録しました。",
    "renamed": "パスキーの名前を変更しました。",
    "removed": "パスキーを削除し、ほかのすべての端末をログアウトしました。",
    "ended": "選んだ端末をログアウトしました。",
    "ended-others": "ほかのすべての端末をログアウトしました。",
    "already-ended": "その端末は、もうログアウトしています。",
}
_NO_ERRORS: Final[Mapping[str, str]] = MappingProxyType({})
_BASE: Final = "/own-sign-in"
_PASSKEY: Final = f"{_BASE}/passkeys/<uuid:passkey>"
_SESSION: Final = f"{_BASE}/sessions/<uuid:session>"


@blueprint.get(_BASE)
@requires(Permission.MANAGE_OWN_SIGN_IN)
def own_sign_in() -> str:
    """Show one's passkeys, how many recovery codes are left, and where one is logged in."""
    own, session = services().own_sign_in, current_session()
    account = current_staff().account
    added = own.added_between(account, session.former_login_at, session.started_at)
    return render_template(
        "console/sign_in.html",
        own=own.of(account),
        devices={each.passkey.id: each.device for each in added},
        is_offered=own.can_have_passkeys,
        sessions=own.sessions(session),
        session=session,
        method_names=METHOD_NAMES,
        by_code=session.method is Method.PASSWORD_AND_CODE,
        done=_DONE.get(request.args.get("done", ""), ""),
    )


def _back(done: str) -> Response:
    return redirect(url_for("console.own_sign_in", done=done), HTTPStatus.SEE_OTHER)


@blueprint.get(f"{_BASE}/passkeys/new")
@requires(Permission.MANAGE_OWN_SIGN_IN)
@proved_lately
def new_passkey() -> Page:
    """Ask for a name, and the browser for a new passkey."""
    return _new_page("", _NO_ERRORS)


@blueprint.post(f"{_BASE}/passkeys/new")
@requires(Permission.MANAGE_OWN_SIGN_IN)
@never_kept
@proved_lately
def register_passkey() -> Page:
    """Register it. The first one's recovery codes are shown in this answer and nowhere else."""
    name = request.form.get("name", "")
    try:
        new = services().own_sign_in.register(
            current_staff().account,
            current_session(),
            ceremony=request.form.get("ceremony", ""),
            answer=request.form.get("answer", ""),
            name=name,
        )
    except REGISTRATION_REFUSALS as refusal:
        return _new_page(name, refusal_of(refusal)), refusal.status
    return _codes_page(new.codes, is_first=True) if new.codes else _back("registered")


def _new_page(name: str, errors: Mapping[str, str]) -> str:
    own = services().own_sign_in
    is_offered = own.can_have_passkeys
    ceremony = own.begin(current_staff().account, current_session()) if is_offered else None
    return render_template("console/sign_in_new.html", ceremony=ceremony, name=name, errors=errors)


@blueprint.errorhandler(TooManyPasskeys)
def too_many_passkeys(error: TooManyPasskeys) -> tuple[str, HTTPStatus]:
    """Say how to make room for another passkey."""
    return failure("パスキーを登録できません", TOO_MANY, action=_lead_back()), error.status


def _lead_back() -> dict[str, str]:
    return {"label": "ログイン方法と利用中の端末へ", "href": url_for("console.own_sign_in")}


def _passkey(passkey: UUID) -> Passkey:
    return services().own_sign_in.passkey(current_staff().account, PasskeyId(passkey))


@blueprint.get(f"{_PASSKEY}/name")
@requires(Permission.MANAGE_OWN_SIGN_IN)
def passkey_name(passkey: UUID) -> Page:
    """Ask for another name."""
    found = _passkey(passkey)
    return render_template(
        "console/sign_in_name.html", passkey=found, name=found.name, errors=_NO_ERRORS
    )


@blueprint.post(f"{_PASSKEY}/name")
@requires(Permission.MANAGE_OWN_SIGN_IN)
def rename_passkey(passkey: UUID) -> Page:
    """Give the passkey the new name."""
    name = request.form.get("name", "")
    found = _passkey(passkey)
    try:
        services().own_sign_in.rename(current_staff().account, found.id, name)
    except InvalidField as error:
        page = render_template(
            "console/sign_in_name.html", passkey=found, name=name, errors=refusal_of(error)
        )
        return page, error.status
    return _back("renamed")


@blueprint.get(f"{_PASSKEY}/removal")
@requires(Permission.MANAGE_OWN_SIGN_IN)
@proved_lately
def passkey_removal(passkey: UUID) -> Page:
    """Show what is removed and what that means."""
    own = services().own_sign_in.of(current_staff().account)
    return render_template(
        "console/sign_in_removal.html", passkey=_passkey(passkey), is_last=len(own.passkeys) == 1
    )


@blueprint.post(f"{_PASSKEY}/removal")
@requires(Permission.MANAGE_OWN_SIGN_IN)
@proved_lately
def remove_passkey(passkey: UUID) -> Page:
    """Remove it, unless the facility asks for a passkey and this is the last one."""
    try:
        services().own_sign_in.remove(
            current_staff().account, current_session(), PasskeyId(passkey)
        )
    except LastPasskey as refusal:
        return failure(
            "このパスキーは、いまは削除できません",
            "この施設では二要素認証が必須です。使えるパスキーがなくなるため、削除しませんでした。",
            "先に別のパスキーを登録してから、もう一度削除してください。",
            action=_lead_back(),
        ), refusal.status
    return _back("removed")


@blueprint.get(f"{_BASE}/recovery-codes")
@requires(Permission.MANAGE_OWN_SIGN_IN)
@proved_lately
def recovery_codes() -> str:
    """Say what recovery codes are for, and that new ones make the former ones worthless."""
    own = services().own_sign_in.of(current_staff().account)
    return render_template("console/sign_in_codes_new.html", own=own)


@blueprint.post(f"{_BASE}/recovery-codes")
@requires(Permission.MANAGE_OWN_SIGN_IN)
@never_kept
@proved_lately
def renew_recovery_codes() -> Page:
    """Make new ones and show them in this answer: they are kept nowhere that could show them."""
    codes = services().own_sign_in.renew_codes(current_staff().account, current_session())
    return _codes_page(codes, is_first=False)


def _codes_page(codes: tuple[str, ...], *, is_first: bool) -> str:
    onward = url_for("console.own_sign_in")
    return render_template(
        "console/sign_in_codes.html", codes=codes, is_first=is_first, onward=onward
    )


@blueprint.get(f"{_SESSION}/end")
@requires(Permission.MANAGE_OWN_SIGN_IN)
def session_ending(session: UUID) -> Page:
    """Show which device is to be logged out."""
    living = services().own_sign_in.sessions(current_session())
    found = next((each for each in living if each.id == session), None)
    if found is None:
        return _back("already-ended")
    if found.id == current_session().id:
        return redirect(url_for("console.logout"), HTTPStatus.SEE_OTHER)
    return render_template("console/sign_in_session.html", listed=found, method_names=METHOD_NAMES)


@blueprint.post(f"{_SESSION}/end")
@requires(Permission.MANAGE_OWN_SIGN_IN)
def end_session(session: UUID) -> Page:
    """Log the device out at once."""
    was_alive = services().own_sign_in.end_session(
        current_staff().account, current_session(), SessionId(session)
    )
    return _back("ended" if was_alive else "already-ended")


@blueprint.get(f"{_BASE}/sessions/others/end")
@requires(Permission.MANAGE_OWN_SIGN_IN)
def others_ending() -> str:
    """Say what logging out everywhere else means."""
    others = len(services().own_sign_in.sessions(current_session())) - 1
    return render_template("console/sign_in_others.html", others=others)


@blueprint.post(f"{_BASE}/sessions/others/end")
@requires(Permission.MANAGE_OWN_SIGN_IN)
def end_other_sessions() -> Page:
    """Log all other devices out at once; this one stays."""
    services().own_sign_in.end_others(current_staff().account, current_session())
    return _back("ended-others")
