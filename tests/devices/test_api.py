"""What a device meets on the wire."""

from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.console.conftest import (
    authority,
    database,
    founded_template,
    office,
    services,
    wordings,
    world,
)
from tests.console.office import PASSWORD, Office
from tests.devices.conftest import KEY

__all__ = [
    "authority",
    "database",
    "founded_template",
    "office",
    "services",
    "wordings",
    "world",
]

ORIGIN = "http://localhost:8000"


@pytest.fixture
def device(office: Office) -> FlaskClient:
    return office.app.test_client()


def asked(office: Office, digits: str) -> dict[str, Any]:
    return {
        "institution_code": str(office.world.facility.code),
        "user_id": "etsuran",
        "password": PASSWORD,
        "activation_code": digits,
        "device_key": KEY,
        "device_name": "タブレット1",
    }


def post(device: FlaskClient, body: object) -> TestResponse:
    return device.post("/api/devices", json=body, base_url=ORIGIN)


def self_of(device: FlaskClient, key: str = KEY) -> TestResponse:
    headers = {"Authorization": f"Bearer {key}"}
    return device.get("/api/devices/self", headers=headers, base_url=ORIGIN)


def test_a_device_registers_once_and_works_until_its_code_is_invalidated(
    office: Office, device: FlaskClient
) -> None:
    code = office.services.devices.issue(office.world.facility, "携帯1", actor="kanri")
    body = asked(office, code.digits)
    early = post(device, body)
    assert (early.status_code, early.get_json()["error"]) == (403, "activation-code-not-yet")
    assert early.headers["Retry-After"] == "600"
    office.clock.advance(timedelta(minutes=10))
    first, again = post(device, body), post(device, body)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.get_json() == again.get_json()
    assert PASSWORD not in first.text and KEY not in first.text
    assert self_of(device).get_json()["memo"] == "携帯1"
    office.services.devices.invalidate(office.world.facility.id, code.id, actor="kanri")
    refused = self_of(device)
    assert (refused.status_code, refused.headers["WWW-Authenticate"]) == (401, "Bearer")


@pytest.mark.parametrize(
    ("change", "error", "status"),
    [
        ({"password": "wrong"}, "login-refused", 422),
        ({"user_id": "nobody"}, "login-refused", 422),
        ({"activation_code": "000000000000"}, "activation-code-unknown", 403),
        ({"activation_code": "12"}, "invalid-field", 422),
        ({"device_key": "short"}, "invalid-field", 422),
        ({"device_name": "名" * 61}, "invalid-field", 422),
        ({"user_id": 5}, "malformed", 400),
        ({"password": "x" * 201}, "malformed", 400),
    ],
)
def test_what_is_wrong_is_named(
    office: Office, device: FlaskClient, change: dict[str, Any], error: str, status: int
) -> None:
    answer = post(device, asked(office, "111111111111") | change)
    assert (answer.status_code, answer.get_json()["error"]) == (status, error)


@pytest.mark.parametrize("body", [None, [], "text", 5, {"institution_code": "1310123456"}])
def test_whatever_the_body_is_there_is_an_answer(device: FlaskClient, body: object) -> None:
    assert post(device, body).status_code == 400


@pytest.mark.parametrize("header", ["", "Bearer", "Basic abc", "Bearer unknown", "bearer \u0000"])
def test_an_unknown_key_is_refused(device: FlaskClient, header: str) -> None:
    headers = {"Authorization": header.replace("\u0000", "%00")}
    answer = device.get("/api/devices/self", headers=headers, base_url=ORIGIN)
    assert (answer.status_code, answer.get_json()["error"]) == (401, "device-refused")


def test_too_many_wrong_passwords_tell_when_to_come_back(
    office: Office, device: FlaskClient
) -> None:
    body = asked(office, "111111111111") | {"password": "wrong"}
    answers = [post(device, body) for _ in range(11)]
    assert answers[-1].status_code == 429
    assert 0 < int(answers[-1].headers["Retry-After"]) <= 900
