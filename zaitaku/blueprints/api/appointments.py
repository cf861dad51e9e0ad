"""Appointments told by the facility's own system, with its WebAPI用 account.

See ``docs/appointments-api.md``. HTTP Basic (RFC 7617) with ``医療機関等コード/ユーザID`` as the
name. All of a call is kept or nothing; an appointment is known by the sender's own ``id``, so a
call may be repeated.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Final

from flask import Response, jsonify, request

from zaitaku import wire
from zaitaku.accounts.errors import LoginRefused
from zaitaku.accounts.model import Role
from zaitaku.accounts.service import LoginAttempt, Staff
from zaitaku.blueprints.api.views import blueprint, json_body
from zaitaku.blueprints.edge import services
from zaitaku.blueprints.uploads import MEGABYTE, takes_file
from zaitaku.core.attempts import FailureLimit
from zaitaku.core.errors import InvalidField
from zaitaku.core.limits import APPOINTMENTS
from zaitaku.facilities.errors import NotBegun
from zaitaku.facilities.model import Channel, Facility
from zaitaku.records.appointments.model import Planned, check_sender_id
from zaitaku.records.appointments.reading import read_day

MOST_IN_ONE_CALL: Final = 500
CALLS_PER_MINUTE: Final = APPOINTMENTS.most
_LONGEST: Final = 200
_TEXTS: Final = ("id", "at", "channel", "name", "kana", "birth_date")


@blueprint.post("/api/appointments")
@takes_file(MEGABYTE)
def keep_appointments() -> tuple[Response, HTTPStatus]:
    """Keep what is told and remove what was cancelled; tell how many of each there were."""
    try:
        staff = _caller()
    except LoginRefused as error:
        answer = jsonify(error=error.code)
        answer.headers["WWW-Authenticate"] = 'Basic realm="zaitaku", charset="UTF-8"'
        return answer, HTTPStatus.UNAUTHORIZED
    _limit().begin(str(staff.account.id))
    if not staff.has_begun:
        raise NotBegun
    planned, cancelled = _told(json_body())
    _check_channels(planned, staff.facility)
    kept = services().appointments.keep(
        staff.facility.id, planned, actor=staff.account.label, cancelled=cancelled
    )
    return jsonify(added=kept.added, updated=kept.updated, removed=kept.removed), HTTPStatus.OK


def _caller() -> Staff:
    given = request.authorization
    if given is None or given.type != "basic":
        raise LoginRefused
    code, _, user_id = (given.username or "").partition("/")
    attempt = LoginAttempt(code, user_id, given.password or "", request.remote_addr or "")
    return services().accounts.authenticate_program(attempt, Role.WEB_API)


def _limit() -> FailureLimit:
    # Nothing is given back: calls that succeed count as well.
    return FailureLimit(
        APPOINTMENTS.kind,
        most=CALLS_PER_MINUTE,
        window=APPOINTMENTS.window,
        ephemeral=services().ephemeral,
        clock=services().clock,
    )


def _told(body: object) -> tuple[tuple[Planned, ...], tuple[str, ...]]:
    if not isinstance(body, Mapping):
        raise wire.MalformedMessage("body")
    listed, cancelled = _list(body, "appointments"), _list(body, "cancelled")
    if len(listed) + len(cancelled) > MOST_IN_ONE_CALL:
        raise wire.MalformedMessage("appointments")
    planned = tuple(_planned(each, number) for number, each in enumerate(listed))
    return planned, tuple(_key(each, number) for number, each in enumerate(cancelled))


def _check_channels(planned: Sequence[Planned], facility: Facility) -> None:
    for number, each in enumerate(planned):
        if not facility.settings.is_on(each.channel):
            raise InvalidField(f"appointments[{number}].channel", "off")


def _list(body: Mapping[str, object], name: str) -> Sequence[object]:
    found = body.get(name, [])
    if not isinstance(found, list):
        raise wire.MalformedMessage(name)
    return found


def _key(told: object, number: int) -> str:
    if not isinstance(told, str):
        raise wire.MalformedMessage(f"cancelled[{number}]")
    return f"api:{check_sender_id(told)}"


def _planned(told: object, number: int) -> Planned:
    if not isinstance(told, Mapping):
        raise wire.MalformedMessage(f"appointments[{number}]")
    try:
        return _checked({name: _text(told, name) for name in (*_TEXTS, "patient_number")})
    except InvalidField as error:
        raise InvalidField(f"appointments[{number}].{error.field}", error.rule) from error


def _checked(texts: Mapping[str, str]) -> Planned:
    check_sender_id(texts["id"])
    return Planned.of(
        at=_moment(texts["at"]),
        channel=_channel(texts["channel"]),
        patient_number=texts["patient_number"],
        name=texts["name"],
        kana=texts["kana"],
        birth_date=read_day("birth_date", texts["birth_date"]),
        sender_id=texts["id"],
    )


def _text(told: Mapping[str, object], name: str) -> str:
    value = told.get(name, "")
    if not isinstance(value, str):
        raise InvalidField(name, "not-a-text")
    if len(value) > _LONGEST:
        raise InvalidField(name, "too-long")
    return value


def _moment(told: str) -> datetime:
    try:
        moment = datetime.fromisoformat(told)
    except ValueError as error:
        raise InvalidField("at", "not-a-moment") from error
    if moment.tzinfo is None:
        raise InvalidField("at", "not-a-moment")
    return moment


def _channel(told: str) -> Channel:
    try:
        return Channel(told)
    except ValueError as error:
        raise InvalidField("channel", "unknown") from error
