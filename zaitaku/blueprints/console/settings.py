"""環境設定情報更新: choose, agree to the terms, check, save (domain.md §4).

The settings that the person saw travel along. Whoever is second to save is told what the first one
changed; nothing is overwritten unseen. Saving logs out everybody of the facility.
"""

import logging
from collections.abc import Mapping
from contextlib import suppress
from http import HTTPStatus
from uuid import UUID

from flask import redirect, render_template, request, session, url_for
from werkzeug.wrappers import Response

from zaitaku.accounts.model import Permission
from zaitaku.blueprints.console.presenting import SHORT_CHANNEL_NAMES
from zaitaku.blueprints.console.room import blueprint, failure
from zaitaku.blueprints.console.settings_drafts import (
    Draft,
    begin_draft,
    drop_draft,
    find_draft,
)
from zaitaku.blueprints.console.settings_fields import (
    Reading,
    Section,
    mistake_words,
    read_form,
    shown_sections,
    typed_values,
)
from zaitaku.blueprints.console.settings_views import check_view, conflict_view
from zaitaku.blueprints.edge import services
from zaitaku.blueprints.permissions import (
    COOKIE_FIELD,
    PUBLIC,
    current_session,
    current_staff,
    requires,
)
from zaitaku.core.errors import Conflict, InvalidField, StoreUnavailable
from zaitaku.core.logs import request_id
from zaitaku.facilities.merging import rebase
from zaitaku.facilities.model import Channel, EnvironmentSettings, Facility
from zaitaku.facilities.service import newly_on
from zaitaku.facilities.terms import TermsNotAccepted

log = logging.getLogger(__name__)

Page = str | Response | tuple[str, HTTPStatus]

_NOTHING_CHANGED = "変更したところがありません。変えたい設定を選び直してから、進んでください。"


@blueprint.get("/environment-settings")
@requires(Permission.CHANGE_ENVIRONMENT_SETTINGS)
def environment_settings() -> Page:
    """Show every setting that the facility has, or what a draft holds of it."""
    facility = current_staff().facility
    draft = _asked_draft()
    if draft is None:
        return _form(facility, typed_values(facility.settings), facility.settings_version)
    return _form(facility, typed_values(draft.settings), draft.seen_version)


@blueprint.post("/environment-settings")
@requires(Permission.CHANGE_ENVIRONMENT_SETTINGS)
def choose_settings() -> Page:
    """Take the chosen settings; lead to the terms, or to the check page."""
    facility = current_staff().facility
    seen_version, seen = _seen(facility, request.form.get("version", ""))
    reading = read_form(request.form, _sections(facility), seen)
    errors = dict(reading.errors) or _refused(facility, reading)
    if not errors and reading.settings() == seen:
        errors = {"home_visit": _NOTHING_CHANGED}
    if errors:
        page = _form(facility, reading.typed, seen_version, errors)
        return page, HTTPStatus.UNPROCESSABLE_ENTITY
    return _to_next(begin_draft(seen_version, reading.settings()))


@blueprint.get("/environment-settings/<uuid:draft>/check")
@requires(Permission.CHANGE_ENVIRONMENT_SETTINGS)
def check_settings(draft: UUID) -> Page:
    """Show before and after, and what the change does; nothing is saved yet."""
    found = find_draft(draft)
    if found is None:
        return _draft_is_gone()
    facility = current_staff().facility
    if found.seen_version != facility.settings_version:
        return _conflict(facility, found)
    if _unread_terms(found):
        return _to_next(found)
    return render_template(
        "console/settings_check.html",
        view=check_view(facility, found),
        short_names=SHORT_CHANNEL_NAMES,
    )


@blueprint.post("/environment-settings/<uuid:draft>/check")
@requires(Permission.CHANGE_ENVIRONMENT_SETTINGS)
def save_settings(draft: UUID) -> Page:
    """Save, and log everybody of the facility out."""
    found = find_draft(draft)
    if found is None:
        return _draft_is_gone()
    facility = current_staff().facility
    try:
        _save(facility, found)
    except TermsNotAccepted:
        return _to_next(found)
    except Conflict:
        return _conflict(services().facilities.get(facility.id), found)
    except InvalidField as error:
        return _mend(facility, found, error)
    except StoreUnavailable as error:
        return _cannot_tell(error)
    return _leave(found)


@blueprint.post("/environment-settings/<uuid:draft>/rebase")
@requires(Permission.CHANGE_ENVIRONMENT_SETTINGS)
def rebase_settings(draft: UUID) -> Page:
    """Set the person's own changes on what another has saved meanwhile, and show it again."""
    found = find_draft(draft)
    if found is None:
        return _draft_is_gone()
    facility = current_staff().facility
    _, seen = _seen(facility, str(found.seen_version))
    merged = rebase(seen, found.settings, facility.settings)
    try:
        settings = merged.settings()
    except InvalidField as error:
        return _mend(facility, found, error)
    drop_draft(found)
    return _to_next(begin_draft(facility.settings_version, settings))


@blueprint.get("/settings-saved")
@requires(PUBLIC)
def settings_saved() -> str:
    """Say that it is done and that everybody has to log in again."""
    return render_template("console/settings_saved.html")


def _form(
    facility: Facility,
    typed: Mapping[str, str],
    version: int,
    errors: Mapping[str, str] | None = None,
) -> str:
    return render_template(
        "console/settings.html",
        sections=_sections(facility),
        typed=typed,
        version=version,
        errors=errors or {},
        is_gone="gone" in request.args,
        channels=tuple(Channel),
        current_terms=[services().facilities.terms.current(channel) for channel in Channel],
        short_names=SHORT_CHANNEL_NAMES,
    )


def _sections(facility: Facility) -> list[Section]:
    return shown_sections(services().facilities.offer(facility), facility.settings)


def _seen(facility: Facility, typed: str) -> tuple[int, EnvironmentSettings]:
    """Return the version that the person saw, and what it said; a garbled one is the present."""
    for change in services().facilities.settings_history(facility.id):
        if typed == str(change.version):
            return change.version, change.settings
    return facility.settings_version, facility.settings


def _refused(facility: Facility, reading: Reading) -> dict[str, str]:
    try:
        services().facilities.check_settings(facility, reading.settings())
    except InvalidField as error:
        return {error.field: mistake_words(error)}
    return {}


def _asked_draft() -> Draft | None:
    try:
        asked = UUID(request.args.get("draft", ""))
    except ValueError:
        return None
    return find_draft(asked)


def _unread_terms(draft: Draft) -> Channel | None:
    terms = services().facilities.terms
    for channel in newly_on(current_staff().facility.settings, draft.settings):
        if draft.accepted.get(channel) != terms.current(channel).version:
            return channel
    return None


def _to_next(draft: Draft) -> Response:
    channel = _unread_terms(draft)
    if channel is None:
        address = url_for("console.check_settings", draft=draft.id)
    else:
        address = url_for("console.settings_terms", draft=draft.id, channel=channel.value)
    return redirect(address, HTTPStatus.SEE_OTHER)


def _draft_is_gone() -> Response:
    return redirect(url_for("console.environment_settings", gone="yes"), HTTPStatus.SEE_OTHER)


def _save(facility: Facility, draft: Draft) -> None:
    account = current_staff().account
    services().facilities.change_settings(
        facility.id,
        draft.settings,
        expected_version=draft.seen_version,
        actor=account.label,
        accepted=draft.accepted,
    )


def _leave(draft: Draft) -> Response:
    """End this session, too; it is worth nothing any more, whatever the store says."""
    with suppress(StoreUnavailable):
        drop_draft(draft)
        services().sessions.close(current_session().name)
    session.pop(COOKIE_FIELD, None)
    return redirect(url_for("console.settings_saved"), HTTPStatus.SEE_OTHER)


def _conflict(facility: Facility, draft: Draft) -> Page:
    view = conflict_view(facility, draft)
    page = render_template("console/settings_conflict.html", view=view)
    return page, HTTPStatus.CONFLICT


def _mend(facility: Facility, draft: Draft, error: InvalidField) -> Page:
    _, seen = _seen(facility, str(draft.seen_version))
    merged = rebase(seen, draft.settings, facility.settings)
    typed = {**typed_values(facility.settings)}
    chosen = typed_values(draft.settings)
    typed.update({name: chosen[name] for name in merged.own})
    errors = {error.field: mistake_words(error)}
    page = _form(facility, typed, facility.settings_version, errors)
    return page, HTTPStatus.UNPROCESSABLE_ENTITY


def _cannot_tell(error: StoreUnavailable) -> Page:
    log.error("unsettled: %s", error.code, extra={"code": error.code, "detail": error.detail})
    return failure(
        "設定が変わったかどうか、いまは確かめられません",
        "つながりにくくなったため、変更の結果を確かめられませんでした。",
        "1分ほど待ってから、環境設定情報を開いて、変わったかどうかを確かめてください。",
        reference=request_id.get(),
        action={
            "label": "環境設定情報を確かめる",
            "href": url_for("console.environment_settings"),
        },
    ), error.status
