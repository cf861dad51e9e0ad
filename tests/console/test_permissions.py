"""Every route of the whole application says who may call it; every console route keeps to it."""

import re
from collections.abc import Iterator
from uuid import uuid4

import pytest
from flask import Blueprint, Flask
from werkzeug.routing import Rule

from tests.console.office import Browser, Office
from zaitaku.accounts.model import PERMISSIONS, Permission, Role
from zaitaku.app import build_app
from zaitaku.blueprints.permissions import (
    PATIENT_SESSION,
    PUBLIC,
    Audience,
    declare,
    requirement_of,
    requires,
)
from zaitaku.services import Services

UNTYPED = re.compile(r"<[^:<>]+>")
KEBAB_PART = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9]+)*")
EXAMPLES = {
    "code": uuid4(),
    "passkey": uuid4(),
    "session": uuid4(),
    "account": uuid4(),
    "appointment": uuid4(),
    "consent": uuid4(),
    "category": "emergency",
    "job": uuid4(),
    "codec": "utf-8",
    "channel": "online",
    "act": "rotate",
    "kind": "qr-code",
    "poster": 1,
    "shelf": "archive",
    "unknown": "nowhere",
    "draft": uuid4(),
    "version": 1,
    "shown": "entry",
    "reference": "261120-000-0000",
}
STAFF = (Role.MASTER, Role.MASTER_RESET, Role.ADMIN, Role.GENERAL, Role.MEDICAL_VIEW)


def rules(office: Office) -> Iterator[Rule]:
    yield from office.app.url_map.iter_rules()


def console_rules(office: Office) -> list[Rule]:
    return [rule for rule in rules(office) if rule.endpoint.startswith("console.")]


def test_every_route_declares_who_may_call_it(office: Office) -> None:
    undeclared = [
        rule.rule for rule in rules(office) if requirement_of(office.app, rule.endpoint) is None
    ]
    assert undeclared == []


def test_every_parameter_has_a_type(office: Office) -> None:
    assert [rule.rule for rule in rules(office) if UNTYPED.search(rule.rule)] == []


def test_every_path_is_kebab_case(office: Office) -> None:
    parts = {
        part
        for rule in rules(office)
        for part in re.sub(r"<[^>]+>", "", rule.rule).removeprefix("/.well-known").split("/")
    }
    assert [part for part in sorted(parts) if part and not KEBAB_PART.fullmatch(part)] == []


def test_only_the_console_asks_staff_and_only_its_entrance_is_open(office: Office) -> None:
    for rule in rules(office):
        requirement = requirement_of(office.app, rule.endpoint)
        is_console = rule.endpoint.startswith("console.")
        assert isinstance(requirement, Permission) <= is_console
    open_views = {
        rule.endpoint
        for rule in console_rules(office)
        if isinstance(requirement_of(office.app, rule.endpoint), Audience)
    }
    assert open_views == {
        "console.login",
        "console.log_in",
        "console.log_out",
        "console.passkey_login",
        "console.log_in_by_passkey",
        "console.keep_form",
        "console.logged_out",
        "console.help_page",
        "console.settings_saved",
    }


def test_what_changes_something_is_never_a_get(office: Office) -> None:
    for rule in console_rules(office):
        if requirement_of(office.app, rule.endpoint) is Permission.CHANGE_RECEPTION_URLS:
            assert len((rule.methods or set()) & {"GET", "POST"}) == 1


def calls(office: Office) -> Iterator[tuple[str, str, Permission]]:
    """Every call of the console that asks for a permission: method, path, permission."""
    for rule in console_rules(office):
        requirement = requirement_of(office.app, rule.endpoint)
        if isinstance(requirement, Permission):
            values = {name: EXAMPLES[name] for name in rule.arguments}
            with office.app.test_request_context():
                path = office.app.url_map.bind("localhost").build(rule.endpoint, values)
            for method in (rule.methods or set()) & {"GET", "POST"}:
                yield method, path, requirement


def call(browser: Browser, method: str, path: str) -> tuple[int, str]:
    answer = browser.client.open(path, method=method, base_url="http://localhost:8000")
    return answer.status_code, answer.headers.get("Location", "")


@pytest.fixture
def unguarded(office: Office) -> Office:
    """Without form tokens, so that only the permission decides."""
    office.app.config["WTF_CSRF_ENABLED"] = False
    return office


def test_nobody_gets_past_the_login(unguarded: Office) -> None:
    browser = unguarded.browser()
    walked = 0
    for method, path, _ in calls(unguarded):
        status, location = call(browser, method, path)
        endpoint, _ = unguarded.app.url_map.bind("localhost").match(path, method)
        is_timer = hasattr(unguarded.app.view_functions[endpoint], "__by_timer__")
        assert status == (401 if is_timer else 303), (method, path)
        assert is_timer or location.startswith("/console/login")
        walked += 1
    assert walked > 20


@pytest.mark.parametrize("role", STAFF)
def test_each_role_may_do_what_the_table_says_and_nothing_else(
    unguarded: Office, role: Role
) -> None:
    browser = unguarded.logged_in(role)
    for method, path, permission in calls(unguarded):
        status, location = call(browser, method, path)
        if permission in PERMISSIONS[role]:
            assert status != 403, (method, path)
            assert not location.startswith("/console/login"), (method, path)
        else:
            assert status == 403, (method, path)


def test_posts_without_a_form_token_do_nothing(office: Office) -> None:
    browser = office.logged_in()
    posts = [path for method, path, _ in calls(office) if method == "POST"]
    for path in [*posts, "/console/login", "/console/logout"]:
        assert call(browser, "POST", path)[0] == 400, path
    assert browser.get("/console/") == 200
    assert browser.heading == "メニュー"


@pytest.fixture
def extended(services: Services) -> Flask:
    """An application of the test's own, to which it adds routes."""
    return build_app(services)


def test_an_undeclared_route_is_refused(extended: Flask) -> None:
    forgotten = Blueprint("forgotten", __name__)
    forgotten.add_url_rule("/forgotten", "view", lambda: "secret")
    extended.register_blueprint(forgotten)
    answer = extended.test_client().get("/forgotten", base_url="http://localhost:8000")
    assert answer.status_code == 403
    assert "secret" not in answer.text


def test_a_view_overrules_its_blueprint(extended: Flask) -> None:
    room = Blueprint("room", __name__)
    declare(room, PUBLIC)
    room.add_url_rule("/open", "open", lambda: "open")
    room.add_url_rule("/own", "own", requires(PATIENT_SESSION)(lambda: "own"))
    extended.register_blueprint(room)
    assert requirement_of(extended, "room.open") is PUBLIC
    assert requirement_of(extended, "room.own") is PATIENT_SESSION
