"""Telling the appointments: one by one, or as a file."""

from collections.abc import Mapping
from http import HTTPStatus
from io import BytesIO
from typing import Final

from flask import Response, redirect, render_template, request

from zaitaku.accounts.model import Permission
from zaitaku.blueprints.console.appointment_words import mistake, mistake_in
from zaitaku.blueprints.console.appointments import Page, day_address, tomorrow
from zaitaku.blueprints.console.files import file_response
from zaitaku.blueprints.console.room import blueprint
from zaitaku.blueprints.edge import refuse_head, services
from zaitaku.blueprints.permissions import current_staff, no_page, requires
from zaitaku.blueprints.uploads import MEGABYTE, takes_file
from zaitaku.core.errors import InvalidField
from zaitaku.core.spreadsheets import Codec, encode_row, file_start
from zaitaku.core.table_words import table_mistake
from zaitaku.core.tables_in import TableUnreadable
from zaitaku.core.texts import without_control_characters
from zaitaku.facilities.model import Channel
from zaitaku.records.appointments.errors import TooManyAppointments, UnfitRows
from zaitaku.records.appointments.model import Planned
from zaitaku.records.appointments.reading import (
    CHANNEL_WORDS,
    COLUMNS,
    MOST_ROWS,
    read_file,
    read_planned,
)
from zaitaku.records.appointments.service import MOST_A_DAY

MOST_BYTES: Final = 2 * MEGABYTE
MOST_MISTAKES: Final = 100
"""So many rows are named on the page; who mends them sees the next."""
_TEMPLATES: Final = {"utf-8": Codec.UTF_8, "shift-jis": Codec.SHIFT_JIS}


@blueprint.get("/appointments/new")
@requires(Permission.MANAGE_APPOINTMENTS)
def new_appointment() -> Page:
    """Ask for one appointment."""
    return _form({"day": request.args.get("day") or tomorrow().isoformat()}, {})


@blueprint.post("/appointments/new")
@requires(Permission.MANAGE_APPOINTMENTS)
def add_appointment() -> Page:
    """Keep one appointment; sent twice it is kept once."""
    typed = {field: request.form.get(field, "") for field in COLUMNS}
    errors = _mistakes(typed)
    if errors:
        return _form(typed, errors), HTTPStatus.UNPROCESSABLE_ENTITY
    try:
        return _keep((read_planned(typed, channels=_channels()),))
    except InvalidField as error:
        return _form(typed, {error.field: mistake(error)}), HTTPStatus.UNPROCESSABLE_ENTITY
    except TooManyAppointments as error:
        return _form(typed, {"day": _too_many(error)}), HTTPStatus.UNPROCESSABLE_ENTITY


def _channels() -> tuple[Channel, ...]:
    settings = current_staff().facility.settings
    return tuple(each for each in Channel if settings.is_on(each))


def _mistakes(typed: Mapping[str, str]) -> Mapping[str, str]:
    """Return what is wrong, field by field: a form tells all of it at once."""
    errors: dict[str, str] = {}
    fit = dict(typed)
    for _ in COLUMNS:
        try:
            read_planned(fit)
        except InvalidField as error:
            errors[error.field] = mistake(error)
            fit[error.field] = _FIT[error.field]
    return {field: errors[field] for field in COLUMNS if field in errors}


_FIT: Final = {
    "day": "2026-11-20",
    "time": "9:00",
    "patient_number": "",
    "name": "在宅",
    "kana": "ザイタク",
    "birth_date": "1901-01-01",
    "channel": Channel.ONLINE.value,
}
"""Values that break no rule: with one in the place of a mistake, the next one is found."""


def _form(typed: Mapping[str, str], errors: Mapping[str, str]) -> str:
    return render_template(
        "console/appointment_new.html",
        typed={field: without_control_characters(value) for field, value in typed.items()},
        errors=errors,
        channels=[{"value": each.value, "label": words} for each, words in CHANNEL_WORDS.items()],
        back=day_address(tomorrow()),
    )


@blueprint.get("/appointments/file")
@requires(Permission.MANAGE_APPOINTMENTS)
def appointment_file() -> Page:
    """Ask for a file of appointments."""
    return _file_page({})


@blueprint.post("/appointments/file")
@takes_file(MOST_BYTES)
@requires(Permission.MANAGE_APPOINTMENTS)
def upload_appointments() -> Page:
    """Keep all appointments of a file, or none and say what is wrong in which row."""
    file = request.files.get("file")
    if file is None or not file.filename:
        return _refused("受診予定のCSVファイルを選んでください。")
    try:
        return _keep(read_file(BytesIO(file.stream.read()), channels=_channels()))
    except TableUnreadable as error:
        return _refused(table_mistake(error, tuple(COLUMNS.values()), MOST_ROWS))
    except TooManyAppointments as error:
        return _refused(_too_many(error))
    except UnfitRows as error:
        count = len(error.mistakes)
        message = f"{count}行に直すところがあります。まだ何も登録していません。"
        return _file_page({"file": message}, error), HTTPStatus.UNPROCESSABLE_ENTITY


def _refused(message: str) -> Page:
    return _file_page({"file": message}), HTTPStatus.UNPROCESSABLE_ENTITY


def _file_page(errors: Mapping[str, str], unfit: UnfitRows | None = None) -> str:
    mistakes = unfit.mistakes[:MOST_MISTAKES] if unfit else ()
    return render_template(
        "console/appointment_file.html",
        errors=errors,
        mistakes=[(each.row, mistake_in(each.field, each.rule)) for each in mistakes],
        more=len(unfit.mistakes) - len(mistakes) if unfit else 0,
        most_rows=MOST_ROWS,
        most_megabytes=MOST_BYTES // MEGABYTE,
        headings=tuple(COLUMNS.values()),
        keep_days=services().settings.appointment_days,
        back=day_address(tomorrow()),
    )


@blueprint.get("/appointments/template/<any('utf-8', 'shift-jis'):codec>")
@requires(Permission.MANAGE_APPOINTMENTS)
@no_page
def appointment_template(codec: str) -> Response:
    """Return the table to fill in, with one line as an example."""
    refuse_head()
    chosen = _TEMPLATES[codec]
    example = (
        "2026/11/21",
        "9:30",
        "12345",
        "在宅 太郎",
        "ザイタク タロウ",
        "1941/3/3",
        "訪問診療等",
    )
    content = [
        file_start(chosen) + encode_row(COLUMNS.values(), chosen),
        encode_row(example, chosen),
    ]
    name = f"受診予定様式_{current_staff().facility.code}.csv"
    return file_response(name, chosen.content_type, content)


def _keep(planned: tuple[Planned, ...]) -> Page:
    staff = current_staff()
    kept = services().appointments.keep(staff.facility.id, planned, actor=staff.account.label)
    first = min(each.day for each in planned)
    address = day_address(first, added=kept.added, updated=kept.updated)
    return redirect(address, HTTPStatus.SEE_OTHER)


def _too_many(error: TooManyAppointments) -> str:
    return (
        f"{error.day.year}年{error.day.month}月{error.day.day}日の予定が{MOST_A_DAY:,}件を超えるため、"
        "登録していません。"
    )
