"""Whatever a browser or a program sends with a request: an answer, and never a crash."""

from http import HTTPStatus
from urllib.parse import quote_from_bytes

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.drawing import CASES, JSON, fuzzed, wild
from tests.patient.conftest import authority, openid, services, site
from tests.patient.site import Site
from zaitaku.core.errors import SettingsError
from zaitaku.settings import Settings

__all__ = ["authority", "openid", "services", "site"]

ORIGIN = "http://localhost:8000"
GETS = ["/", "/e", "/console/", "/console/login", "/console/consented-patients", "/h", "/readyz"]
POSTS = ["/e", "/console/login", "/console/login/second-step", "/console/password"]
PROGRAMS = ["/api/appointments", "/api/devices"]
HEADERS = {
    "Accept-Language": [b"ja,en;q=0.8", b"en-US"],
    "Authorization": [b"Basic MTMxMjM0NTY3MDpBMHByb2c6eA==", b"Bearer x"],
    "Cookie": [b"zaitaku=eyJhIjoxfQ.aabbcc.ddeeff; size=large"],
    "Content-Type": [b"application/json; charset=utf-8", b"multipart/form-data; boundary=x"],
    "Origin": [b"http://localhost:8000", b"null"],
    "Referer": [b"http://localhost:8000/e?lang=en"],
    "Sec-Fetch-Site": [b"same-origin", b"cross-site"],
    "Traceparent": [b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"],
    "X-Forwarded-For": [b"192.0.2.7, 10.0.0.1", b"2001:db8::1"],
    "User-Agent": [b"Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/130"],
}
VARIABLES = [
    *("ZAITAKU_MODE", "ZAITAKU_ORIGIN", "ZAITAKU_DATABASE_URL", "ZAITAKU_EPHEMERAL_URL"),
    *("ZAITAKU_URL_KEYS", "ZAITAKU_SEAL_KEYS", "ZAITAKU_BRIDGE_PORTS", "ZAITAKU_OCSP_URL"),
    *("ZAITAKU_SECURITY_CONTACT", "ZAITAKU_TRUSTED_PROXIES", "ZAITAKU_CRL_URL"),
]
SOUND = {
    "ZAITAKU_MODE": "sandbox",
    "ZAITAKU_ORIGIN": ORIGIN,
    "ZAITAKU_DATABASE_URL": "sqlite:////tmp/x.db",
    "ZAITAKU_EPHEMERAL_URL": "redis://127.0.0.1:6379/0",
    "ZAITAKU_URL_KEYS": "a-url-key-for-the-fuzzing-of-settings-12345",
    "ZAITAKU_SESSION_KEYS": "a-session-key-for-the-fuzzing-of-settings-23456",
    "ZAITAKU_SUBJECT_KEYS": "a-subject-key-for-the-fuzzing-of-settings-34567",
    "ZAITAKU_REQUEST_KEY_FILE": "/tmp/key.pem",
    "ZAITAKU_TRUST_ANCHORS": "/tmp/roots.pem",
    "ZAITAKU_OCSP_URL": "http://127.0.0.1:1/",
}
asked = settings(fuzzed, max_examples=max(CASES // 6, 1))
"""A request costs more than a parser."""
LINES = bytes.maketrans(b"\r\n", b"  ")


@pytest.mark.parametrize("name", HEADERS)
def test_any_header_is_answered(site: Site, name: str) -> None:
    client = site.app.test_client(use_cookies=False)

    @asked
    @given(value=wild(HEADERS[name]), path=st.sampled_from(GETS))
    def ask(value: bytes, path: str) -> None:
        text = value.translate(LINES).decode("latin-1")
        answer = client.get(path, base_url=ORIGIN, headers={name: text})
        assert answer.status_code < HTTPStatus.INTERNAL_SERVER_ERROR

    ask()


@asked
@given(query=wild([b"lang=en&size=large", b"q=%E5%B1%B1&page=2&sort=kana"]), path=st.data())
def test_any_query_is_answered(site: Site, query: bytes, path: st.DataObject) -> None:
    text = quote_from_bytes(query, safe="=&%+;?/")
    answer = site.app.test_client().get(
        path.draw(st.sampled_from(GETS)), query_string=text, base_url=ORIGIN
    )
    assert answer.status_code < HTTPStatus.INTERNAL_SERVER_ERROR


@asked
@given(body=wild([b"number=123&csrf_token=x", b"user_id=a&password=b"]), path=st.data())
def test_any_form_is_answered(site: Site, body: bytes, path: st.DataObject) -> None:
    answer = site.app.test_client().post(
        path.draw(st.sampled_from(POSTS)),
        data=body,
        base_url=ORIGIN,
        content_type="application/x-www-form-urlencoded",
    )
    assert answer.status_code < HTTPStatus.INTERNAL_SERVER_ERROR


@asked
@given(body=JSON, path=st.sampled_from(PROGRAMS))
def test_any_body_of_a_program_is_answered(site: Site, body: object, path: str) -> None:
    answer = site.app.test_client().post(path, json=body, base_url=ORIGIN)
    assert answer.status_code < HTTPStatus.INTERNAL_SERVER_ERROR


@fuzzed
@given(name=st.sampled_from(VARIABLES), value=st.text(max_size=80) | wild([b"x"]).map(repr))
def test_any_setting_is_taken_or_refused_by_name(name: str, value: str) -> None:
    environ = {**SOUND, name: value.replace("\0", "")}
    try:
        settings = Settings.from_env(environ)
    except SettingsError as refusal:
        assert refusal.detail
        return
    assert settings.origin
