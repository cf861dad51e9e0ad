"""Requests that the bridge does not carry out: each has a page that says what to do next."""

import json
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus
from typing import Any

import pytest
from joserfc.jwk import OKPKey

from tests.cardbridge.server.rig import Rig, back_to, claims_for, page_name
from zaitaku import wire
from zaitaku.cardbridge.trust.site import _published


def refused(rig: Rig, token: str, status: int, page: str) -> str:
    """Check that ``token`` gets its refusal, leads nowhere near a PIN, and opens nothing."""
    answer = rig.read(token)
    assert (answer.status_code, page_name(answer)) == (status, page)
    assert 'name="pin"' not in answer.text
    assert "<h2" in answer.text
    return answer.text


@pytest.mark.parametrize(
    "token",
    ["", "x", "a.b.c", "e30.e30.e30", "eyJhbGciOiJub25lIn0.e30.", "あ", "." * 40, "a" * 200_000],
)
def test_what_is_no_request_is_malformed(rig: Rig, token: str) -> None:
    refused(rig, token, HTTPStatus.BAD_REQUEST, "malformed")


def compact(header: bytes, payload: bytes) -> str:
    """Return what has the form of a compact JWS, signed by nobody."""
    parts = (header, payload, b"x" * 64)
    return ".".join(urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


REQUEST_HEADER = json.dumps({"alg": "Ed25519", "typ": wire.REQUEST_TYPE}).encode()


@pytest.mark.parametrize(
    "token",
    [
        compact(REQUEST_HEADER, b"[" * 60_000),
        compact(REQUEST_HEADER, b'{"iss":' + b"[" * 30_000 + b"]" * 30_000 + b"}"),
        compact(REQUEST_HEADER, b'{"iss":' + b"9" * 50_000 + b"}"),
        compact(REQUEST_HEADER, b"\xff\xfe"),
        compact(REQUEST_HEADER, b'{"iat":NaN}'),
        compact(b'{"a":' + b"[" * 60_000, b"{}"),
        compact(b"null", b"{}"),
    ],
    ids=[
        "deep",
        "deep and whole",
        "long number",
        "no text",
        "no number",
        "deep header",
        "no header",
    ],
)
def test_what_was_made_to_do_harm_is_malformed(rig: Rig, token: str) -> None:
    refused(rig, token, HTTPStatus.BAD_REQUEST, "malformed")
    assert rig.site.asked == []


def test_a_page_without_a_request_is_malformed(rig: Rig) -> None:
    assert page_name(rig.get("/read")) == "malformed"


def test_another_kind_of_signed_message_is_malformed(rig: Rig) -> None:
    claims = claims_for(rig.site.origin, now=rig.now())
    token = rig.site.sign(claims, typ="zaitaku-key-endorsement+jwt")
    refused(rig, token, HTTPStatus.BAD_REQUEST, "malformed")


@pytest.mark.parametrize(
    "change",
    [
        {"aud": "somebody-else"},
        {"jti": ""},
        {"nonce": "00"},
        {"document": "{}"},
        {"choices": []},
        {"exp": "soon"},
        {"exp": 9_999_999_999},
        {"exp": 1},
        {"iat": 1_800_000_000_000, "exp": 1_800_000_000_600},
        {"iat": 10**30, "exp": 10**30 + 600},
        {"iat": -(10**30), "exp": -(10**30) + 600},
        {"protocol": "1"},
        {"protocol": 0},
        {"protocol": -1},
        {"protocol": True},
        {"return_path": "https://evil.example/"},
        {"return_path": "//evil.example/"},
        {"return_path": "/a\\b"},
        {"return_path": "/a?code=mine"},
        {"return_path": "/a\r\nX-Evil: 1"},
        {"return_path": "/日本"},
        {"return_path": "/a\x00b"},
    ],
)
def test_a_request_that_contradicts_itself_is_malformed(rig: Rig, change: dict[str, Any]) -> None:
    refused(rig, rig.token(**change), HTTPStatus.BAD_REQUEST, "malformed")


def test_words_that_are_not_in_the_document_are_not_shown(rig: Rig) -> None:
    claims = claims_for(rig.site.origin, now=rig.now())
    claims["choices"][0]["wording"] = "なにもしません。"
    text = refused(rig, rig.site.sign(claims), HTTPStatus.BAD_REQUEST, "malformed")
    assert "なにもしません" not in text


def test_a_foreign_origin_is_refused_before_anything_is_fetched(rig: Rig) -> None:
    token = rig.token(iss="https://evil.example")
    text = refused(rig, token, HTTPStatus.FORBIDDEN, "foreign-origin")
    assert "https://evil.example" in text
    assert rig.site.asked == []


@pytest.mark.parametrize("origin", ["HTTP://127.0.0.1", "null", "http://127.0.0.1:1/x", 5])
def test_odd_origins_are_refused(rig: Rig, origin: object) -> None:
    answer = rig.read(rig.token(iss=origin))
    assert page_name(answer) in {"foreign-origin", "malformed"}
    assert rig.site.asked == []


def test_a_signature_of_another_key_is_refused(rig: Rig) -> None:
    claims = claims_for(rig.site.origin, now=rig.now())
    token = rig.site.sign(claims, key=OKPKey.generate_key("Ed25519"))
    text = refused(rig, token, HTTPStatus.FORBIDDEN, "bad-signature")
    assert rig.site.origin in text


def test_a_changed_request_is_refused(rig: Rig) -> None:
    head, _, tail = rig.token().split(".")
    _, other, _ = rig.token(challenge="c-2").split(".")
    refused(rig, f"{head}.{other}.{tail}", HTTPStatus.FORBIDDEN, "bad-signature")


def break_status(rig: Rig) -> None:
    rig.site.keys_status = 500


def break_body(rig: Rig) -> None:
    rig.site.keys_body = b"<html>"


def break_shape(rig: Rig) -> None:
    rig.site.keys_body = b'{"keys": 5}'


def break_size(rig: Rig) -> None:
    rig.site.keys_body = b'{"keys": [' + b" " * 70_000 + b"]}"


def break_depth(rig: Rig) -> None:
    rig.site.keys_body = b'{"keys": ' + b"[" * 60_000


def break_keys(rig: Rig) -> None:
    rig.site.published = []


def break_address(rig: Rig) -> None:
    rig.site.location = "/elsewhere"


@pytest.mark.parametrize(
    "breakage",
    [
        break_status,
        break_body,
        break_shape,
        break_size,
        break_depth,
        break_keys,
        break_address,
    ],
)
def test_keys_that_cannot_be_fetched_can_be_tried_again(
    rig: Rig, breakage: Callable[[Rig], None]
) -> None:
    token = rig.token()
    breakage(rig)
    text = refused(rig, token, HTTPStatus.BAD_GATEWAY, "key-unreachable")
    assert f"/read?request={token}" in text
    assert rig.site.asked == [wire.KEYS_PATH], "no redirect is followed, nothing is tried twice"


def test_a_site_that_is_down_can_be_tried_again(rig: Rig) -> None:
    away = "http://127.0.0.1:9"
    lonely = Rig(rig.site, rig.readers, rig.state, extra={"test_origins": frozenset({away})})
    refused(lonely, rig.token(iss=away), HTTPStatus.BAD_GATEWAY, "key-unreachable")


def test_an_expired_request_leads_back_to_the_site(rig: Rig) -> None:
    past = int(time.time()) - 1000
    token = rig.token(iat=past, exp=past + 600)
    text = refused(rig, token, HTTPStatus.GONE, "expired")
    assert back_to(rig.site, "cancelled=1") in text


@pytest.mark.parametrize(("ahead", "age"), [(-110, 0), (0, 0), (-110, 590), (0, 590), (110, 590)])
def test_small_differences_between_clocks_do_not_matter(rig: Rig, ahead: int, age: int) -> None:
    rig.shift = ahead
    issued = int(time.time()) - age
    assert rig.read(rig.token(iat=issued, exp=issued + 600)).status_code == HTTPStatus.SEE_OTHER


@pytest.mark.parametrize("ahead", [-86_400, -180, 180, 715, 86_400])
def test_a_clock_that_is_off_takes_no_time_away_where_the_site_tells_its_own(
    rig: Rig, ahead: int
) -> None:
    rig.shift = ahead
    issued = int(time.time())
    place = rig.read(rig.token(iat=issued, exp=issued + 600)).headers["Location"]
    rig.shift = ahead + 590
    assert page_name(rig.get(place)) == "pin"
    rig.shift = ahead + 605
    assert page_name(rig.get(place)) == "expired"


@pytest.mark.parametrize("days", [-1, 1])
def test_a_clock_that_is_off_by_a_day_is_named(rig: Rig, days: int) -> None:
    rig.shift = days * 86_400
    issued = int(time.time()) - days * 3_600  # the site's time is none of the request's
    token = rig.token(iat=issued, exp=issued + 600)
    text = refused(rig, token, HTTPStatus.CONFLICT, "clock")
    here = datetime.fromtimestamp(rig.now()).astimezone()
    assert f"{here.year}年{here.month}月{here.day}日 {here.hour}時" in text
    assert "時計" in text
    assert back_to(rig.site, "cancelled=1") in text


def test_a_newer_protocol_asks_for_a_newer_bridge(rig: Rig) -> None:
    text = refused(rig, rig.token(protocol=2), HTTPStatus.BAD_REQUEST, "newer-protocol")
    assert "新しい版" in text


def test_refusals_speak_the_language_of_the_request(rig: Rig) -> None:
    token = rig.token(iss="https://evil.example", language="en")
    assert '<html lang="en">' in refused(rig, token, HTTPStatus.FORBIDDEN, "foreign-origin")
    assert '<html lang="ja-x-yasashii">' in rig.read(token, lang="ja-x-yasashii").text


@pytest.mark.parametrize(
    "date",
    [
        "Mon, 1 Jan 99999999999 00:00:00 GMT",
        "Sun, 01 Jan 1950 00:00:00 GMT",
        "Fri, 31 Dec 9999 23:59:59 -0000",
        "Fri, 31 Dec 9999 23:59:59 -2359",
        "Mon, 01 Jan 2027 00:00:00 +99999999999999",
        "tomorrow",
        "",
    ],
)
def test_a_date_that_no_clock_shows_is_none(date: str) -> None:
    body = json.dumps({"keys": []}).encode()
    assert _published(HTTPStatus.OK, body, date).site_time is None
    good = _published(HTTPStatus.OK, body, "Fri, 01 Jan 2027 00:00:00 GMT")
    assert good.site_time == 1_798_761_600
