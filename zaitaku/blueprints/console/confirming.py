"""Who sits here now: a password or a passkey once more, before the ways to log in are changed."""

from collections.abc import Callable, Mapping
from functools import wraps
from http import HTTPStatus
from types import MappingProxyType
from typing import Final, ParamSpec, TypeVar

from flask import redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from zaitaku.accounts.errors import SessionEnd, WrongPassword
from zaitaku.accounts.model import Permission
from zaitaku.accounts.sign_in_model import PasskeyRefused, ProofNeeded, SecondStepLocked
from zaitaku.blueprints.console.arriving import leave, wanted
from zaitaku.blueprints.console.room import blueprint
from zaitaku.blueprints.edge import services
from zaitaku.blueprints.kept_forms import never_kept
from zaitaku.blueprints.permissions import current_session, current_staff, requires

Page = str | Response | tuple[str, HTTPStatus]
Arguments = ParamSpec("Arguments")
Answer = TypeVar("Answer")

_BASE: Final = "/own-sign-in/confirmation"
_NO_ERRORS: Final[Mapping[str, str]] = MappingProxyType({})
_MISSING: Final = "パスワードを入力してください。"
_WRONG: Final = "パスワードが登録と合いません。もう一度入力してください。"
_PASSKEY_REFUSED: Final = (
    "このパスキーでは確かめられませんでした。もう一度お試しください。"
    "続くときは、パスワードで確かめてください。"
)


def proved_lately(
    view: Callable[Arguments, Answer],
) -> Callable[Arguments, Answer | Response]:
    """Say that a view opens only within five minutes after a password or passkey was shown."""

    @wraps(view)
    def checked(*args: Arguments.args, **values: Arguments.kwargs) -> Answer | Response:
        if current_session().is_proved(services().clock.now()):
            return view(*args, **values)
        return _ask()

    return checked


@blueprint.errorhandler(ProofNeeded)
def proof_needed(_: ProofNeeded) -> Response:
    """Ask for the proof where it ran out while something was under way."""
    return _ask()


def _ask() -> Response:
    address = url_for("console.confirm_self", next=request.path)
    return redirect(address, HTTPStatus.SEE_OTHER)


@blueprint.get(_BASE)
@requires(Permission.MANAGE_OWN_SIGN_IN)
def confirm_self() -> Page:
    """Ask for the present password; who has a passkey may use that instead."""
    return _password_page()


@blueprint.post(_BASE)
@requires(Permission.MANAGE_OWN_SIGN_IN)
@never_kept
def confirm_by_password() -> Page:
    """Take the password, or ask once more; wrong ones count like those at the login."""
    typed = request.form.get("password", "")
    if not typed:
        return _password_page({"password": _MISSING}), HTTPStatus.UNPROCESSABLE_ENTITY
    try:
        services().accounts.confirm_password(current_staff().account, typed)
    except WrongPassword as refusal:
        if refusal.is_locked:
            return _locked()
        return _password_page({"password": _WRONG}), refusal.status
    return _go_on()


def _password_page(errors: Mapping[str, str] = _NO_ERRORS) -> str:
    own = services().own_sign_in.of(current_staff().account)
    return render_template(
        "console/confirm_self.html",
        errors=errors,
        wanted=wanted(),
        has_passkey=own.has_usable_passkey,
    )


@blueprint.get(f"{_BASE}/passkey")
@requires(Permission.MANAGE_OWN_SIGN_IN)
def confirm_self_by_passkey() -> Page:
    """Ask for one of the account's passkeys; without one, for the password."""
    if services().own_sign_in.of(current_staff().account).has_usable_passkey:
        return _passkey_page()
    address = url_for("console.confirm_self", next=wanted() or None)
    return redirect(address, HTTPStatus.SEE_OTHER)


@blueprint.post(f"{_BASE}/passkey")
@requires(Permission.MANAGE_OWN_SIGN_IN)
@never_kept
def confirm_by_passkey() -> Page:
    """Take the passkey, or ask once more; wrong ones count like those of the second step."""
    try:
        services().second_factor.confirm_by_passkey(
            current_staff().account,
            current_session(),
            ceremony=request.form.get("ceremony", ""),
            answer=request.form.get("answer", ""),
        )
    except PasskeyRefused as refusal:
        return _passkey_page({"passkey": _PASSKEY_REFUSED}), refusal.status
    except SecondStepLocked:
        return _locked()
    return _go_on()


def _passkey_page(errors: Mapping[str, str] = _NO_ERRORS) -> str:
    account, session = current_staff().account, current_session()
    return render_template(
        "console/confirm_self_passkey.html",
        ceremony=services().second_factor.begin_confirmation(account, session),
        errors=errors,
        wanted=wanted(),
    )


def _locked() -> Response:
    leave()
    return redirect(url_for("console.login", ended=SessionEnd.LOCKED), HTTPStatus.SEE_OTHER)


def _go_on() -> Response:
    services().sessions.note_proof(current_session())
    return redirect(wanted() or url_for("console.own_sign_in"), HTTPStatus.SEE_OTHER)
