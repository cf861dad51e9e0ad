"""受診予定と同意の確認: who comes on a day, and who of them has not consented yet."""

import logging
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from enum import StrEnum
from http import HTTPStatus
from typing import Final
from urllib.parse import urlencode
from uuid import UUID

from flask import Response, current_app, jsonify, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from zaitaku.accounts.model import Permission
from zaitaku.blueprints.console.appointment_words import DOUBT_WORDS, STANDING_WORDS
from zaitaku.blueprints.console.presenting import SHORT_CHANNEL_NAMES
from zaitaku.blueprints.console.room import blueprint
from zaitaku.blueprints.console.urls import channel_view
from zaitaku.blueprints.edge import services
from zaitaku.blueprints.permissions import by_timer, current_staff, requires
from zaitaku.consent.names import item_list
from zaitaku.core.clock import JST, japan_date
from zaitaku.core.errors import InvalidField, NotFound
from zaitaku.core.texts import without_control_characters
from zaitaku.facilities.model import Channel
from zaitaku.records.appointments.model import AppointmentId
from zaitaku.records.appointments.reading import read_day
from zaitaku.records.appointments.service import MOST_A_DAY, Day

log = logging.getLogger(__name__)

Page = str | AnyResponse | tuple[str, HTTPStatus]

NEWS_SECONDS: Final = 15
_DIGITS: Final = 5


class Show(StrEnum):
    """Which lines of a day are shown."""

    OPEN = "open"
    """Those for whom somebody has to do something."""
    ALL = "all"


@blueprint.get("/appointments")
@requires(Permission.MANAGE_APPOINTMENTS)
def appointments() -> Page:
    """Show who is still missing on a day; without one, on tomorrow's."""
    try:
        day, show = _asked()
    except InvalidField as error:
        return _unread(error), HTTPStatus.UNPROCESSABLE_ENTITY
    found = services().appointments.on(current_staff().facility.id, day)
    log.info(
        "appointments shown",
        extra={"account": str(current_staff().account.id), "lines": len(found.expected)},
    )
    lines = found.expected if show is Show.ALL else found.still_open
    return render_template(
        "console/appointments.html",
        found=found,
        show=show,
        lines=lines,
        errors={},
        typed=day.isoformat(),
        counts=found.counts,
        previous_day=day_address(day - timedelta(days=1)),
        next_day=day_address(day + timedelta(days=1)),
        here=day_address(day, show),
        all_lines=day_address(day, Show.ALL),
        open_lines=day_address(day),
        news=f"{url_for('console.appointment_news')}?{urlencode(_news_of(found))}",
        kept=_kept(),
        **_words(),
    )


def day_address(day: date, show: Show = Show.OPEN, **told: int) -> str:
    """Return where a day is shown."""
    words = {"day": day.isoformat(), **({"show": "all"} if show is Show.ALL else {}), **told}
    return f"{url_for('console.appointments')}?{urlencode(words)}"


def tomorrow() -> date:
    """Return the day after today, in Japan."""
    return japan_date(services().clock.now()) + timedelta(days=1)


def _asked() -> tuple[date, Show]:
    typed = request.args.get("day", "")
    show = Show.ALL if request.args.get("show") == Show.ALL else Show.OPEN
    return (read_day("day", typed) if typed.strip() else tomorrow()), show


def _unread(_error: InvalidField) -> str:
    return render_template(
        "console/appointments.html",
        found=None,
        typed=without_control_characters(request.args.get("day", "")),
        errors={"day": "日付は、2026-11-20 のように入力してください。"},
        **_words(),
    )


def _words() -> Mapping[str, object]:
    facility = current_staff().facility
    return {
        "today": day_address(japan_date(services().clock.now())),
        "tomorrow": day_address(tomorrow()),
        "hour": _hour,
        "short_names": SHORT_CHANNEL_NAMES,
        "standing_words": STANDING_WORDS,
        "doubt_words": DOUBT_WORDS,
        "item_list": item_list,
        "most": MOST_A_DAY,
        "news_seconds": NEWS_SECONDS,
        "has_details": "console.consented_patient" in current_app.view_functions,
        "urls": [channel_view(each) for each in Channel if facility.settings.is_on(each)],
    }


def _hour(moment: datetime) -> str:
    return f"{moment.astimezone(JST):%H:%M}"


def _kept() -> Mapping[str, int] | None:
    names = ("added", "updated")
    if not any(name in request.args for name in names):
        return None
    return {name: _count(request.args.get(name, "")) for name in names}


def _count(typed: str) -> int:
    is_number = typed.isascii() and typed.isdigit() and len(typed) <= _DIGITS
    return int(typed) if is_number else 0


def _news_of(found: Day) -> Mapping[str, str]:
    return {"day": found.day.isoformat(), "done": str(found.done)}


@blueprint.get("/appointments/news")
@requires(Permission.MANAGE_APPOINTMENTS)
@by_timer
def appointment_news() -> tuple[Response, HTTPStatus]:
    """Tell how many more of a day have consented since a page was made: only the number."""
    try:
        day = read_day("day", request.args.get("day", ""))
    except InvalidField as error:
        return jsonify(error=error.field), HTTPStatus.UNPROCESSABLE_ENTITY
    found = services().appointments.on(current_staff().facility.id, day)
    known = _count(request.args.get("done", ""))
    return jsonify(added=max(0, found.done - known)), HTTPStatus.OK


@blueprint.get("/appointments/<uuid:appointment>/removal")
@requires(Permission.MANAGE_APPOINTMENTS)
def ask_to_remove_appointment(appointment: UUID) -> Page:
    """Show what would be removed."""
    found = services().appointments.get(current_staff().facility.id, AppointmentId(appointment))
    return render_template(
        "console/appointment_removal.html",
        appointment=found,
        short_names=SHORT_CHANNEL_NAMES,
        day=japan_date(found.at),
        back=day_address(japan_date(found.at)),
    )


@blueprint.post("/appointments/<uuid:appointment>/removal")
@requires(Permission.MANAGE_APPOINTMENTS)
def remove_appointment(appointment: UUID) -> Page:
    """Remove an appointment; the patient's consent stays as it is."""
    staff, name = current_staff(), AppointmentId(appointment)
    found = services().appointments.get(staff.facility.id, name)
    services().appointments.remove(staff.facility.id, name, actor=staff.account.label)
    return redirect(day_address(japan_date(found.at), Show.ALL), HTTPStatus.SEE_OTHER)


@blueprint.get("/appointments/day-removal")
@requires(Permission.MANAGE_APPOINTMENTS)
def ask_to_remove_day() -> Page:
    """Show how many appointments of a day would be removed."""
    day = _day_to_remove()
    found = services().appointments.on(current_staff().facility.id, day)
    return render_template(
        "console/appointment_day_removal.html",
        found=found,
        back=day_address(day),
    )


@blueprint.post("/appointments/day-removal")
@requires(Permission.MANAGE_APPOINTMENTS)
def remove_day() -> Page:
    """Remove a day's appointments, as before a corrected file is sent."""
    staff, day = current_staff(), _day_to_remove()
    services().appointments.remove_day(staff.facility.id, day, actor=staff.account.label)
    return redirect(day_address(day), HTTPStatus.SEE_OTHER)


def _day_to_remove() -> date:
    try:
        return read_day("day", request.values.get("day", ""))
    except InvalidField as error:
        raise NotFound("day") from error
