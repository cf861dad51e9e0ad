"""What every answer tells the browser, and what the session's cookie may do."""

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.edge.conftest import Deploy

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
ALWAYS = {
    "Content-Security-Policy": CSP,
    "Strict-Transport-Security": "max-age=63072000; includeSubDomains",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
}
PATHS = [
    "/e",
    "/r/nobody.knows",
    "/nothing",
    "/console/login",
    "/console/",
    "/healthz",
    "/api/card/proofs",
    "/static/css/main.css",
]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("name", ALWAYS)
def test_every_answer_has_the_headers(client: FlaskClient, path: str, name: str) -> None:
    answer = client.get(path)
    assert answer.headers.getlist(name) == [ALWAYS[name]]
    answer.close()


@pytest.mark.parametrize("path", [path for path in PATHS if not path.startswith("/static")])
def test_no_answer_about_a_person_is_kept(client: FlaskClient, path: str) -> None:
    assert client.get(path).headers["Cache-Control"] == "no-store"


def test_a_versioned_file_is_kept_and_its_address_is_in_the_page(client: FlaskClient) -> None:
    page = client.get("/e").text
    address = page.partition('<link rel="stylesheet" href="')[2].partition('"')[0]
    assert address.startswith("/static/")
    answer = client.get(address)
    assert answer.status_code == 200
    assert "immutable" in answer.headers["Cache-Control"]
    answer.close()
    unversioned = client.get(address.partition("?")[0])
    assert "immutable" not in unversioned.headers["Cache-Control"]
    unversioned.close()


def test_the_cookie_belongs_to_this_host_alone(client: FlaskClient) -> None:
    (cookie,) = client.get("/e").headers.getlist("Set-Cookie")
    name, *attributes = cookie.split("; ")
    assert name.startswith("__Host-zaitaku=")
    assert set(attributes) == {"Secure", "HttpOnly", "SameSite=Lax", "Path=/"}


def test_without_tls_no_promise_of_it_is_made(deploy: Deploy) -> None:
    client = deploy(origin="http://127.0.0.1:8000", trusted_proxies=0).test_client()
    answer = client.get("/e", base_url="http://127.0.0.1:8000")
    assert "Strict-Transport-Security" not in answer.headers
    (cookie,) = answer.headers.getlist("Set-Cookie")
    assert cookie.startswith("zaitaku=")
    assert "Secure" not in cookie


def test_an_unforeseen_failure_has_the_headers_too(app: Flask, client: FlaskClient) -> None:
    def fail() -> str:
        raise RuntimeError

    app.view_functions["ops.alive"] = fail
    answer = client.get("/healthz")
    assert answer.status_code == 500
    assert {name: answer.headers[name] for name in ALWAYS} == ALWAYS
