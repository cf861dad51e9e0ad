"""The way in to the operator's pages, and what all of them share.

There is no operator's account that somebody could guess from outside: the pages are served on
loopback by ``zaitaku operate``, to whoever holds the one-time key that it prints in its terminal.
Who may read the server's secrets may do everything with its database already.
"""

import getpass
import hmac
import threading
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from flask import Blueprint, current_app, redirect, render_template, request, session, url_for
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException, SecurityError
from werkzeug.wrappers import Response

from zaitaku.core.errors import Conflict, InvalidField, NotFound, StoreUnavailable, ZaitakuError
from zaitaku.core.texts import without_control_characters
from zaitaku.facilities.errors import FacilityExists
from zaitaku.facilities.mistakes import mistake_words

Page = str | Response | tuple[str, HTTPStatus]

ENTRANCE: Final = "zaitaku.operator.entrance"
_ENTERED: Final = "operator"
_OPEN: Final = frozenset({"operator.enter", "operator.take_key"})

blueprint: Final = Blueprint("operator", __name__, url_prefix="/operator")


class Entrance:
    """Holds the one-time key until somebody takes it."""

    def __init__(self, key: str) -> None:
        self._key: str | None = key
        self._lock = threading.Lock()

    def take(self, key: str) -> bool:
        """Let in whoever brings the key first, and nobody after that."""
        with self._lock:
            is_right = self._key is not None and hmac.compare_digest(
                self._key.encode(), key.encode("utf-8", "surrogatepass")
            )
            if is_right:
                self._key = None
            return is_right


@blueprint.before_request
def keep_out() -> Response | None:
    """Let nobody past the entrance who has not brought the key."""
    if request.endpoint in _OPEN or session.get(_ENTERED):
        return None
    return redirect(url_for("operator.enter"), HTTPStatus.SEE_OTHER)


@blueprint.get("/enter")
def enter() -> str:
    """Ask for the key; the link of the terminal fills it in."""
    return _entrance_page(request.args.get("key", ""), {})


@blueprint.post("/enter")
def take_key() -> Page:
    """Take the key, once."""
    entrance: Entrance = current_app.extensions[ENTRANCE]
    if not entrance.take(request.form.get("key", "").strip()):
        words = (
            "この鍵は使えません。一度使った鍵は、もう使えません。"
            "zaitaku operate を一度止めて、もう一度動かしてください。"
        )
        return _entrance_page("", {"key": words}), HTTPStatus.UNPROCESSABLE_ENTITY
    session.clear()
    session[_ENTERED] = True
    session.permanent = True
    return redirect(url_for("operator.facilities"), HTTPStatus.SEE_OTHER)


def _entrance_page(key: str, errors: Mapping[str, str]) -> str:
    return render_template("operator/enter.html", key=key, errors=errors)


@blueprint.context_processor
def frame() -> dict[str, Any]:
    """Give every page what its frame needs."""
    return {"summary": _summary, "is_entered": bool(session.get(_ENTERED))}


def _summary(errors: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"field": field, "message": message} for field, message in errors.items()]


@blueprint.errorhandler(NotFound)
def not_found(error: NotFound) -> tuple[str, HTTPStatus]:
    """Say that nothing is here."""
    return failure(
        "画面が見つかりません", "医療機関等の一覧から、もう一度お選びください。"
    ), error.status


@blueprint.errorhandler(StoreUnavailable)
def unavailable(error: StoreUnavailable) -> tuple[str, HTTPStatus]:
    """Say that the database is away and that nobody knows yet what became of a change."""
    return failure(
        "データベースにつながりません",
        "データベースが動いているかを確かめてください。",
        "何かを変更していたときは、変わっていないかを画面で確かめてから、もう一度お試しください。",
    ), error.status


@blueprint.errorhandler(Conflict)
def changed_meanwhile(error: Conflict) -> tuple[str, HTTPStatus]:
    """Say that somebody else was faster and that nothing was overwritten."""
    return failure(
        "ほかの人が先に変更しました",
        "この操作では、何も変更していません。今の内容を確かめてから、もう一度お試しください。",
    ), error.status


@blueprint.app_errorhandler(CSRFError)
def form_expired(_: CSRFError) -> tuple[str, HTTPStatus]:
    """Say that the form is no longer good."""
    return failure(
        "画面を開き直してください",
        "画面を開いてから時間がたったため、安全のために止めました。何も変更していません。",
    ), HTTPStatus.BAD_REQUEST


@blueprint.app_errorhandler(HTTPException)
def no_page(error: HTTPException) -> tuple[str, int] | HTTPException:
    """Say that there is no such page, or that something went wrong that nobody foresaw."""
    if error.code is None or error.code < HTTPStatus.BAD_REQUEST:
        return error
    if isinstance(error, SecurityError):
        return error  # for a foreign host there are no addresses to lead to
    if error.code < HTTPStatus.INTERNAL_SERVER_ERROR:
        return failure("画面が見つかりません", "アドレスを確かめてください。"), error.code
    words = "この画面の動いている端末に、原因が表示されています。"
    return failure("思いがけない問題が起きました", words), error.code


@blueprint.app_errorhandler(ZaitakuError)
def refused(error: ZaitakuError) -> tuple[str, HTTPStatus]:
    """Say that a request could not be taken."""
    return failure("受け付けられませんでした", "画面を開き直してください。"), error.status


def failure(heading: str, *sentences: str) -> str:
    """Return a page that says what happened and leads back to the list."""
    return render_template("operator/failure.html", heading=heading, sentences=sentences)


def actor() -> str:
    """Return how records name the operator: the machine's user who runs these pages."""
    return f"operator:{getpass.getuser()}"


def typed(*names: str) -> dict[str, str]:
    """Return what was typed into the named fields, as a page may show it again."""
    return {name: without_control_characters(request.form.get(name, "")) for name in names}


def errors_of(error: InvalidField | FacilityExists) -> dict[str, str]:
    """Return the mistake in words, by the field that it belongs to."""
    if isinstance(error, FacilityExists):
        words = "この医療機関等コードは、登録されているか、前に使われていました。"
        return {"institution_code": words}
    words = mistake_words(error) or f"入力し直してください（{error.field}: {error.rule}）。"
    return {error.field: words}
