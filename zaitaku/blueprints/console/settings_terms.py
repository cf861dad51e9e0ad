"""利用規約 of a channel: shown and OK'd when it is switched on, readable again at any time."""

from http import HTTPStatus
from uuid import UUID

from flask import redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from zaitaku.accounts.model import Permission
from zaitaku.blueprints.console.presenting import SHORT_CHANNEL_NAMES
from zaitaku.blueprints.console.room import blueprint
from zaitaku.blueprints.console.settings_drafts import Draft, find_draft, keep_draft
from zaitaku.blueprints.console.settings_views import history_lines
from zaitaku.blueprints.console.urls import CHANNEL
from zaitaku.blueprints.edge import services
from zaitaku.blueprints.permissions import current_staff, requires
from zaitaku.facilities.model import Channel
from zaitaku.facilities.words import SWITCHES, TERMS

Page = str | Response | tuple[str, HTTPStatus]

_OK_IS_NEEDED = "利用規約を読んで、「同意します」にチェックを入れてください。"
_BASE = f"/environment-settings/<uuid:draft>/terms/{CHANNEL}"


@blueprint.get(_BASE)
@requires(Permission.CHANGE_ENVIRONMENT_SETTINGS)
def settings_terms(draft: UUID, channel: str) -> Page:
    """Show the terms of a channel that is to be switched on."""
    found = find_draft(draft)
    if found is None:
        return redirect(url_for("console.environment_settings", gone="yes"), HTTPStatus.SEE_OTHER)
    return _page(found, Channel(channel))


@blueprint.post(_BASE)
@requires(Permission.CHANGE_ENVIRONMENT_SETTINGS)
def accept_terms(draft: UUID, channel: str) -> Page:
    """Take the OK to the very version that was shown."""
    found = find_draft(draft)
    if found is None:
        return redirect(url_for("console.environment_settings", gone="yes"), HTTPStatus.SEE_OTHER)
    asked = Channel(channel)
    shown = str(services().facilities.terms.current(asked).version)
    if request.form.get("accepted") != "yes" or request.form.get("version") != shown:
        return _page(found, asked, _OK_IS_NEEDED), HTTPStatus.UNPROCESSABLE_ENTITY
    keep_draft(found.accepting(asked, int(shown)))
    return redirect(url_for("console.check_settings", draft=draft), HTTPStatus.SEE_OTHER)


def _page(draft: Draft, channel: Channel, mistake: str = "") -> str:
    return render_template(
        "console/settings_terms.html",
        draft=draft,
        terms=services().facilities.terms.current(channel),
        function=TERMS[SWITCHES[channel]],
        errors={"accepted": mistake} if mistake else {},
    )


@blueprint.get(f"/environment-settings/terms/{CHANNEL}/<int:version>")
@requires(Permission.CHANGE_ENVIRONMENT_SETTINGS)
def terms_of_use(channel: str, version: int) -> str:
    """Show one version of a channel's terms again, with who agreed to it and when."""
    facilities, asked = services().facilities, Channel(channel)
    accepted = facilities.acceptances(current_staff().facility.id)
    return render_template(
        "console/terms_of_use.html",
        terms=facilities.terms.at(asked, version),
        versions=facilities.terms.versions(asked),
        acceptances=[
            each for each in accepted if (each.channel, each.terms_version) == (asked, version)
        ],
    )


@blueprint.get("/environment-settings/history")
@requires(Permission.CHANGE_ENVIRONMENT_SETTINGS)
def settings_history() -> str:
    """Show who changed what and when, newest first."""
    lines = history_lines(current_staff().facility)
    return render_template(
        "console/settings_history.html", lines=lines, short_names=SHORT_CHANNEL_NAMES
    )
