"""The form that comes back: what was typed when a session ended, in its own page once more."""

from http import HTTPStatus
from typing import Final

from flask import redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from zaitaku.accounts.model import Permission
from zaitaku.blueprints import kept_forms
from zaitaku.blueprints.console.room import blueprint, failure
from zaitaku.blueprints.kept_forms import AlreadySent, never_kept
from zaitaku.blueprints.permissions import PUBLIC, current_staff, requires

Page = str | Response

_ADDRESS_FIELD: Final = "kept_address"


@blueprint.get("/continue")
@requires(Permission.USE_CONSOLE)
def kept_form() -> Page:
    """Lead to the page in which what was typed is filled in, or say that nothing is left."""
    kept = kept_forms.kept_for(current_staff().account)
    if kept is None:
        return render_template("console/kept_form.html")
    return redirect(kept.address, HTTPStatus.SEE_OTHER)


@blueprint.errorhandler(AlreadySent)
def already_sent(error: AlreadySent) -> tuple[str, HTTPStatus]:
    """Say that the same page was sent before, and that this time nothing was done."""
    return failure(
        "この入力は、もう送られています",
        "同じことが二度行われないように、今回は何も行いませんでした。",
        "済んだかどうかは、画面を開き直してお確かめください。",
        action={"label": "この画面を開き直す", "href": request.full_path.rstrip("?")},
    ), error.status


@blueprint.get("/continue/discard")
@requires(Permission.USE_CONSOLE)
def kept_form_discarding() -> str:
    """Ask whether to throw it away."""
    return render_template("console/kept_form_discard.html")


@blueprint.post("/continue/discard")
@requires(Permission.USE_CONSOLE)
@never_kept
def discard_kept_form() -> Response:
    """Throw it away and open its page anew."""
    kept = kept_forms.kept_for(current_staff().account)
    kept_forms.forget()
    return redirect(kept.address if kept else url_for("console.menu"), HTTPStatus.SEE_OTHER)


@blueprint.post("/keep-form")
@requires(PUBLIC)
@never_kept
def keep_form() -> tuple[str, HTTPStatus]:
    """Keep what a page still holds when it is about to leave for the login by itself.

    Nobody is logged in any more, so this only keeps; it never does what the form is for.
    """
    address = request.form.get(_ADDRESS_FIELD, "")
    pairs = (pair for pair in request.form.items(multi=True) if pair[0] != _ADDRESS_FIELD)
    kept_forms.keep(address, pairs)
    return "", HTTPStatus.NO_CONTENT
