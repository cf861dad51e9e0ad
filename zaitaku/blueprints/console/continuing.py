"""The form that comes back: what was typed when a session ended, offered after the next login."""

import re
from http import HTTPStatus
from typing import Final

from flask import redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from zaitaku.accounts.model import Permission
from zaitaku.blueprints import kept_forms
from zaitaku.blueprints.console.room import blueprint
from zaitaku.blueprints.kept_forms import Pairs, never_kept
from zaitaku.blueprints.permissions import PUBLIC, current_staff, requires

_ADDRESS_FIELD: Final = "kept_address"
_SHOWN_CHARACTERS: Final = 200
_FOR_PROGRAMS: Final = re.compile(r"[0-9]*|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|yes|no")
"""Versions, row names and ticks: nobody typed them as words."""


@blueprint.get("/continue")
@requires(Permission.USE_CONSOLE)
def kept_form() -> str:
    """Show what was typed, with one button that sends it to where it was going."""
    kept = kept_forms.kept_for(current_staff().account)
    return render_template(
        "console/kept_form.html", kept=kept, shown=_shown(kept.pairs) if kept else []
    )


def _shown(pairs: Pairs) -> list[str]:
    typed = (value.strip() for _, value in pairs)
    return [value[:_SHOWN_CHARACTERS] for value in typed if not _FOR_PROGRAMS.fullmatch(value)]


@blueprint.get("/continue/discard")
@requires(Permission.USE_CONSOLE)
def kept_form_discarding() -> str:
    """Ask whether to throw it away."""
    return render_template("console/kept_form_discard.html")


@blueprint.post("/continue/discard")
@requires(Permission.USE_CONSOLE)
@never_kept
def discard_kept_form() -> Response:
    """Throw it away."""
    kept_forms.forget()
    return redirect(url_for("console.menu"), HTTPStatus.SEE_OTHER)


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
