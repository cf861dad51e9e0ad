"""Small promises of every page: what it is, what it refuses, what the browser forgets."""

import logging
import re

import pytest
from flask.testing import FlaskClient

from tests.console.conftest import (
    authority,
    database,
    founded_template,
    office,
    services,
    wordings,
    world,
)
from tests.console.office import Browser, Office
from zaitaku.accounts.model import Role

__all__ = [
    "authority",
    "database",
    "founded_template",
    "office",
    "services",
    "wordings",
    "world",
]

BASE = "http://localhost:8000"
PAGES = ["/", "/e", "/console/login", "/healthz", "/readyz", "/nowhere", "/static/css/main.css"]


@pytest.fixture
def client(office: Office) -> FlaskClient:
    return office.app.test_client()


@pytest.mark.parametrize("path", PAGES)
def test_every_answer_says_what_it_is(client: FlaskClient, path: str) -> None:
    with client.get(path, base_url=BASE) as answer:
        media_type, _, charset = answer.content_type.partition(";")
    assert media_type in {"text/html", "application/json", "text/css"}
    assert charset.strip() == "charset=utf-8" or media_type == "application/json"


@pytest.mark.parametrize("path", PAGES)
def test_trace_is_refused(client: FlaskClient, path: str) -> None:
    answer = client.open(path, method="TRACE", base_url=BASE, headers={"X-Secret": "seen"})
    assert answer.status_code in {404, 405}
    assert "seen" not in answer.text


@pytest.mark.parametrize("token", ["", "wapiti", "IjEi.ZZZZZZ.AAAAAAAA"])
def test_a_form_with_another_token_does_nothing(client: FlaskClient, token: str) -> None:
    client.get("/e", base_url=BASE)
    refused = client.post("/e", data={"csrf_token": token, "number": "1"}, base_url=BASE)
    assert refused.status_code == 400
    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', client.get("/e").text)
    assert found
    right = {"csrf_token": found[1], "number": "1"}
    assert client.post("/e", data=right, base_url=BASE).status_code == 422


def test_a_token_that_was_good_is_good_for_its_own_browser_alone(office: Office) -> None:
    mine, another = office.app.test_client(), office.app.test_client()
    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', mine.get("/e", base_url=BASE).text)
    assert found
    form = {"csrf_token": found[1], "number": "1"}
    for _ in range(2):
        assert mine.post("/e", data=form, base_url=BASE).status_code == 422
    another.get("/e", base_url=BASE)
    assert another.post("/e", data=form, base_url=BASE).status_code == 400
    assert office.app.test_client().post("/e", data=form, base_url=BASE).status_code == 400
    changed = {**form, "csrf_token": f"{found[1]}A"}
    assert mine.post("/e", data=changed, base_url=BASE).status_code == 400


def test_a_password_is_typed_into_a_field_for_passwords(office: Office) -> None:
    browser = office.logged_in()
    seen = set()
    for path in ("/console/login", "/console/password"):
        visitor = browser if path.endswith("password") else office.browser()
        assert visitor.get(path) == 200
        for each in visitor.page.iter("input"):
            if "password" in each.attrib["name"] or each.attrib["name"] in {"current", "again"}:
                seen.add(each.attrib["name"])
                assert each.attrib["type"] == "password"
                assert each.attrib["autocomplete"] in {"current-password", "new-password"}
                assert not any(name.startswith("on") for name in each.attrib)
    assert seen == {"password", "current", "new_password", "again"}


def test_the_browser_is_told_to_forget(office: Office) -> None:
    browser = office.logged_in()
    browser.get("/console/logout")
    browser.send()
    assert browser.path.startswith("/console/logged-out")
    assert browser.answer.headers["Clear-Site-Data"] == '"cache", "storage"'
    assert "Clear-Site-Data" not in office.logged_in().answer.headers


def test_what_is_refused_is_logged(office: Office, caplog: pytest.LogCaptureFixture) -> None:
    browser: Browser = office.logged_in(Role.GENERAL)
    with caplog.at_level(logging.INFO):
        assert browser.get("/console/accounts") == 403
        browser.client.post("/console/password", data={"current": "x"}, base_url=BASE)
    said = {str(getattr(record, "code", "")) for record in caplog.records}
    assert {"not-permitted", "form-expired"} <= said
