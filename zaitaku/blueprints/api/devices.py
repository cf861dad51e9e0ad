"""Devices at the bedside: registration by activation code, and whether one may still work.

The device makes a key of its own, sends it once over TLS and keeps it; the server keeps its hash.
See ``docs/device-api.md``.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from flask import Response, jsonify, request

from zaitaku import wire
from zaitaku.accounts.service import LoginAttempt
from zaitaku.blueprints.api.views import blueprint, json_body
from zaitaku.blueprints.edge import services
from zaitaku.blueprints.limits import activating
from zaitaku.core.errors import TooManyAttempts
from zaitaku.devices.errors import CodeTooYoung, DeviceRefused
from zaitaku.devices.service import DeviceRequest

_REQUIRED: Final = ("institution_code", "user_id", "password", "activation_code", "device_key")
_LONGEST: Final = 200


@blueprint.post("/api/devices")
def register_device() -> tuple[Response, HTTPStatus]:
    """Register a device: 201 the first time, 200 when the same device asks again."""
    wanted = _device_request(json_body())
    with activating(wanted):
        done = services().devices.register(wanted)
    answer = {
        "device": str(done.device.id),
        "institution_code": str(done.facility.code),
        "facility_name": done.facility.name,
        "registered_at": done.device.registered_at.isoformat(),
    }
    return jsonify(answer), HTTPStatus.CREATED if done.is_new else HTTPStatus.OK


@blueprint.get("/api/devices/self")
def device_self() -> Response:
    """Tell a device that it may go on working."""
    known = services().devices.present(_bearer())
    facility = services().facilities.get(known.device.facility_id)
    return jsonify(
        device=str(known.device.id),
        institution_code=str(facility.code),
        facility_name=facility.name,
        memo=known.code.memo,
    )


@blueprint.errorhandler(TooManyAttempts)
@blueprint.errorhandler(CodeTooYoung)
def come_back(error: TooManyAttempts | CodeTooYoung) -> tuple[Response, HTTPStatus]:
    """Say in how many seconds to ask again (RFC 9110 §10.2.3)."""
    answer = jsonify(error=error.code, retry_after=error.retry_after)
    answer.headers["Retry-After"] = str(error.retry_after)
    return answer, error.status


@blueprint.errorhandler(DeviceRefused)
def ask_for_key(error: DeviceRefused) -> tuple[Response, HTTPStatus]:
    """Name the scheme that the route wants (RFC 6750 §3)."""
    answer = jsonify(error=error.code)
    answer.headers["WWW-Authenticate"] = "Bearer"
    return answer, error.status


def _device_request(body: object) -> DeviceRequest:
    if not isinstance(body, Mapping):
        raise wire.MalformedMessage("body")
    texts = {name: _text(body, name) for name in _REQUIRED}
    login = LoginAttempt(
        institution_code=texts["institution_code"],
        user_id=texts["user_id"],
        password=texts["password"],
        address=request.remote_addr or "",
    )
    name = _text(body, "device_name") if "device_name" in body else ""
    return DeviceRequest(login, texts["activation_code"], texts["device_key"], name)


def _text(body: Mapping[str, object], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or len(value) > _LONGEST:
        raise wire.MalformedMessage(name)
    return value


def _bearer() -> str:
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not key:
        raise DeviceRefused("no bearer key")
    return key.strip()
