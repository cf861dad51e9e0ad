"""Appointments told by the facility's own system: who may, what is kept, what is refused."""

from datetime import date
from typing import Any

import pytest
from sqlalchemy import select
from werkzeug.test import TestResponse

from tests.consent.world import TARO
from tests.console.office import PASSWORD, Office
from tests.console.test_settings import enrol
from zaitaku.accounts.model import Role
from zaitaku.audit.store import audit_entry
from zaitaku.blueprints.api import appointments as api
from zaitaku.records.appointments.store import appointment

ONE = {
    "id": "orca-1",
    "at": "2026-11-21T09:30:00+09:00",
    "channel": "home-visit",
    "patient_number": "12",
    "name": TARO.name,
    "kana": TARO.kana,
    "birth_date": "1941-03-03",
}


@pytest.fixture
def caller(office: Office) -> Office:
    """An office whose own system has an account."""
    office.register(Role.WEB_API, "A0ORCA", office.world.facility)
    return office


def tell(
    office: Office, body: Any, user: str = "1310123456/A0ORCA", **options: Any
) -> TestResponse:
    return office.app.test_client().post(
        "/api/appointments",
        json=body,
        auth=(user, options.get("password", PASSWORD)),
        base_url=office.services.settings.origin,
    )


def test_what_is_told_is_kept_once_and_can_be_cancelled(caller: Office) -> None:
    assert tell(caller, {"appointments": [ONE]}).json == {"added": 1, "updated": 0, "removed": 0}
    moved = {**ONE, "at": "2026-11-21T10:30:00+09:00"}
    assert tell(caller, {"appointments": [moved]}).json == {"added": 0, "updated": 1, "removed": 0}
    browser = caller.logged_in(Role.GENERAL)
    browser.get("/console/appointments?day=2026-11-21")
    assert [row[0] for row in browser.rows()] == ["10:30"]
    assert tell(caller, {"cancelled": ["orca-1"]}).json == {"added": 0, "updated": 0, "removed": 1}
    with caller.services.database.reading() as connection:
        actors = connection.scalars(
            select(audit_entry.c.actor).where(audit_entry.c.act == "keep_appointments")
        ).all()
    assert set(actors) == {"A0ORCA みどり"}


@pytest.mark.parametrize(
    ("user", "password"),
    [
        ("1310123456/A0ORCA", "wrong-password-2026"),
        ("1310123456/A0NONE", PASSWORD),
        ("2740000017/A0ORCA", PASSWORD),
        ("A0ORCA", PASSWORD),
        ("", ""),
    ],
)
def test_who_is_not_known_is_asked_who_it_is(caller: Office, user: str, password: str) -> None:
    answer = tell(caller, {"appointments": [ONE]}, user, password=password)
    assert (answer.status_code, answer.json) == (401, {"error": "login-refused"})
    assert answer.headers["WWW-Authenticate"].startswith("Basic ")
    assert caller.world.count(appointment) == 0


def test_nobody_is_asked_as_well(caller: Office) -> None:
    client = caller.app.test_client()
    answer = client.post("/api/appointments", json={}, base_url="http://localhost:8000")
    assert answer.status_code == 401


def test_a_persons_account_is_not_for_programs(caller: Office) -> None:
    answer = tell(caller, {"appointments": [ONE]}, "1310123456/kanri")
    assert (answer.status_code, answer.json) == (403, {"error": "account-not-usable"})


@pytest.mark.parametrize(
    ("change", "field", "rule"),
    [
        ({"kana": "漢字"}, "kana", "characters"),
        ({"at": "2026-11-21T09:30:00"}, "at", "not-a-moment"),
        ({"at": "0001-01-01T00:00:00+14:00"}, "at", "out-of-range"),
        ({"at": "きのう"}, "at", "not-a-moment"),
        ({"channel": "fax"}, "channel", "unknown"),
        ({"id": ""}, "id", "characters"),
        ({"id": "x" * 65}, "id", "too-long"),
        ({"name": 7}, "name", "not-a-text"),
        ({"name": "あ" * 201}, "name", "too-long"),
        ({"birth_date": "2026-11-22"}, "birth_date", "out-of-range"),
    ],
)
def test_what_breaks_a_rule_is_named_and_nothing_is_kept(
    caller: Office, change: dict[str, Any], field: str, rule: str
) -> None:
    answer = tell(caller, {"appointments": [ONE, {**ONE, "id": "orca-2", **change}]})
    assert (answer.status_code, answer.json) == (
        422,
        {"error": "invalid-field", "field": f"appointments[1].{field}", "rule": rule},
    )
    assert caller.world.count(appointment) == 0


@pytest.mark.parametrize(
    "body",
    [
        [],
        None,
        {"appointments": {}},
        {"appointments": [1]},
        {"cancelled": [1]},
        {"appointments": [ONE] * 501},
    ],
)
def test_what_is_malformed_is_named(caller: Office, body: Any) -> None:
    answer = tell(caller, body)
    assert answer.status_code == 400
    assert answer.json is not None
    assert answer.json["error"] == "malformed"


def test_calls_are_counted(caller: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "CALLS_PER_MINUTE", 1)
    assert tell(caller, {}).status_code == 200
    answer = tell(caller, {})
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) <= 60


def test_before_the_first_day_nothing_is_kept(caller: Office) -> None:
    enrol(caller, starts_on=date(2026, 11, 24))
    answer = tell(caller, {"appointments": [ONE]})
    assert (answer.status_code, answer.json) == (403, {"error": "facility-not-begun"})
    assert caller.world.count(appointment) == 0


def test_a_channel_that_is_switched_off_is_named(caller: Office) -> None:
    caller.world.change_settings(home_visit=False)
    answer = tell(caller, {"appointments": [ONE]})
    assert (answer.status_code, answer.json) == (
        422,
        {"error": "invalid-field", "field": "appointments[0].channel", "rule": "off"},
    )
    assert caller.world.count(appointment) == 0
