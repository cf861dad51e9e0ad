"""What arrives at the edge: foreign hosts, proxies, sizes, characters, keys of yesterday."""

import logging
import re
from typing import Any

import pytest
from flask import Flask, redirect, request
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.edge.conftest import ORIGIN, Deploy
from tests.patient.conftest import SESSION_KEYS
from tests.patient.lint import check_page
from zaitaku.blueprints.messages import MAX_REQUEST_BYTES
from zaitaku.core.signing import Keyring

NEWER = "a-newer-session-key-for-the-tests-of-the-edge-4567"
FOREIGN = ["evil.example", "zaitaku.example.evil.example", "a b", "[::1", "zaitaku.example@evil"]
PROOFS = "/api/card/proofs"


def form_token(page: str) -> str:
    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
    assert found
    return found[1]


def send_number(client: FlaskClient, **values: str) -> TestResponse:
    fields = {"csrf_token": form_token(client.get("/e").text), "number": "1"}
    return client.post("/e", data=fields | values, headers={"Referer": f"{ORIGIN}/e"})


class TestHost:
    @pytest.mark.parametrize("host", FOREIGN)
    @pytest.mark.parametrize("path", ["/", "/e", "/console/login", "/j/x/done"])
    def test_the_first_request_for_a_foreign_host_gets_a_calm_page(
        self, client: FlaskClient, host: str, path: str
    ) -> None:
        answer = client.get(path, headers={"Host": host})
        assert answer.status_code == 400
        check_page(answer.text)
        assert "evil" not in answer.text

    def test_a_proxy_cannot_be_made_to_name_another(self, client: FlaskClient) -> None:
        answer = client.get("/console/", headers={"X-Forwarded-Host": "evil.example"})
        assert answer.status_code == 303
        assert answer.location.startswith("/console/login")


class TestAddress:
    @pytest.mark.parametrize(
        ("proxies", "forwarded", "counted"),
        [
            (1, "198.51.100.7", "198.51.100.7"),
            (1, "1.1.1.1, 198.51.100.7", "198.51.100.7"),
            (2, "1.1.1.1, 198.51.100.7, 10.0.0.2", "198.51.100.7"),
            (2, "198.51.100.7", "127.0.0.1"),
            (0, "1.1.1.1", "127.0.0.1"),
        ],
    )
    def test_it_is_counted_from_the_right(
        self, deploy: Deploy, proxies: int, forwarded: str, counted: str
    ) -> None:
        app = deploy(trusted_proxies=proxies)
        seen: list[str | None] = []

        def alive() -> str:
            seen.append(request.remote_addr)
            return "ok"

        app.view_functions["ops.alive"] = alive
        answer = app.test_client().get(
            "/healthz", base_url=ORIGIN, headers={"X-Forwarded-For": forwarded}
        )
        assert answer.status_code == 200
        assert seen == [counted]


class TestSize:
    def test_too_much_is_refused_with_a_page(self, client: FlaskClient) -> None:
        answer = send_number(client, number="1" * MAX_REQUEST_BYTES)
        assert answer.status_code == 413
        check_page(answer.text)

    def test_the_card_bridge_is_told_in_its_own_words(self, client: FlaskClient) -> None:
        answer = client.post(
            PROOFS, data="1" * (MAX_REQUEST_BYTES + 1), content_type="application/json"
        )
        assert answer.status_code == 413
        assert answer.get_json()["error"] == "malformed"


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 30_000,
        b'{"a":' * 10_000,
        b"9" * 30_000,
        b"\xff\xfe\x00",
        b'{"challenge": "\\u0000", "certificate": "00", "signature": "0"}',
        b'{"challenge": "\\ud800", "certificate": "00", "signature": "00"}',
        b"null",
        b"",
    ],
)
def test_odd_proofs_are_malformed(client: FlaskClient, body: bytes) -> None:
    answer = client.post(PROOFS, data=body, content_type="application/json")
    assert answer.status_code == 400
    assert answer.get_json()["error"] == "malformed"


class TestCharacters:
    @pytest.mark.parametrize("character", ["\0", "\x01", "\x0b", "\x1b", "\x1f"])
    @pytest.mark.parametrize("field", ["number", "a\0name"])
    def test_no_form_brings_control_characters(
        self, client: FlaskClient, character: str, field: str
    ) -> None:
        answer = send_number(client, **{field: f"1{character}2"})
        assert answer.status_code == 400
        check_page(answer.text)
        assert "送られた内容を読み取れませんでした" in answer.text

    @pytest.mark.parametrize("path", ["/e?number=%00", "/e?%1b=1", "/e%00", "/j/%0a/done"])
    def test_no_address_does(self, client: FlaskClient, path: str) -> None:
        answer = client.get(path)
        assert answer.status_code == 400
        check_page(answer.text)

    def test_lines_and_tabs_are_text(self, client: FlaskClient) -> None:
        assert send_number(client, number="1\r\n\t2").status_code != 400

    @pytest.mark.parametrize("end", ["\r\nSet-Cookie: a=b", "\n", "\r", "\0"])
    def test_no_redirection_ends_its_line(self, app: Flask, client: FlaskClient, end: str) -> None:
        app.view_functions["ops.alive"] = lambda: redirect(f"/console/{end}")
        answer = client.get("/healthz")
        assert answer.status_code == 400
        assert "Location" not in answer.headers


class TestKeysOfYesterday:
    def test_a_form_that_was_opened_before_can_be_sent_after(self, deploy: Deploy) -> None:
        before = deploy(session_keys=SESSION_KEYS).test_client()
        page = before.get("/e", base_url=ORIGIN)
        after = deploy(session_keys=Keyring((NEWER, *SESSION_KEYS.keys))).test_client()
        assert self._sent(after, page).status_code != 400

    def test_a_form_of_a_former_key_that_is_gone_cannot(self, deploy: Deploy) -> None:
        before = deploy(session_keys=SESSION_KEYS).test_client()
        page = before.get("/e", base_url=ORIGIN)
        after = deploy(session_keys=Keyring((NEWER,))).test_client()
        assert self._sent(after, page).status_code == 400

    def test_the_newest_key_signs(self, deploy: Deploy) -> None:
        rotated = deploy(session_keys=Keyring((NEWER, *SESSION_KEYS.keys))).test_client()
        page = rotated.get("/e", base_url=ORIGIN)
        later = deploy(session_keys=Keyring((NEWER,))).test_client()
        assert self._sent(later, page).status_code != 400

    @staticmethod
    def _sent(client: FlaskClient, page: TestResponse) -> TestResponse:
        name, _, value = page.headers["Set-Cookie"].partition(";")[0].partition("=")
        client.set_cookie(name, value, domain="zaitaku.example", secure=True)
        headers = {"Referer": f"{ORIGIN}/e"}
        fields = {"csrf_token": form_token(page.text), "number": "1"}
        return client.post("/e", data=fields, headers=headers, base_url=ORIGIN)


@pytest.mark.parametrize("referrer", ["https://evil.example/", ""])
def test_a_form_from_elsewhere_is_refused(client: FlaskClient, referrer: str) -> None:
    fields = {"csrf_token": form_token(client.get("/e").text), "number": "1"}
    answer = client.post("/e", data=fields, headers={"Referer": referrer} if referrer else {})
    assert answer.status_code == 400
    check_page(answer.text)


@pytest.mark.parametrize(
    ("path", "rule"),
    [
        ("/j/the-journey-itself/done", "/j/<string:journey>/done"),
        ("/r/the-token-itself", "/r/<string:token>"),
        ("/the-path-itself", "(none)"),
    ],
)
def test_the_log_has_the_rule_and_never_the_path(
    client: FlaskClient, caplog: pytest.LogCaptureFixture, path: str, rule: str
) -> None:
    caplog.set_level(logging.DEBUG)
    client.get(f"{path}?code=the-code-itself")
    (line,) = (record for record in caplog.records if record.name == "zaitaku.request")
    everything: dict[str, Any] = vars(line)
    assert everything["route"] == rule
    assert all("itself" not in str(vars(record)) for record in caplog.records)


@pytest.mark.parametrize("path", ["/e", "/nowhere", "/console/login", "/healthz", "/line"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_an_address_that_is_no_utf_8_breaks_no_page(
    client: FlaskClient, path: str, method: str
) -> None:
    # Servers hand bytes on as ISO 8859-1 (PEP 3333).
    bytes_of = {"QUERY_STRING": "lang=en&next=\xff\xe5&size=\x80"}
    answer = client.open(path, method=method, environ_overrides=bytes_of)
    assert answer.status_code < 500


@pytest.mark.parametrize(
    ("path", "is_kept_nowhere"),
    [("/static/css/main.css", False), ("/static/nothing.css", True), ("/e", True)],
)
def test_nothing_but_files_that_are_there_is_kept(
    client: FlaskClient, path: str, is_kept_nowhere: bool
) -> None:
    answer = client.get(path)
    assert (answer.headers.getlist("Cache-Control") == ["no-store"]) is is_kept_nowhere
    assert len(answer.headers.getlist("Content-Security-Policy")) == 1
    answer.close()
