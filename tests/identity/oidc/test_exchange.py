"""The HTTP side, against small servers on loopback that misbehave."""

import time
from datetime import timedelta

import pytest

from tests.identity.test_exchange import DRIPPED, _answering, _drips, _sends
from zaitaku.identity.oidc.errors import AppAway
from zaitaku.identity.oidc.exchange import ANSWER_LIMIT, HttpExchange

OK = b"HTTP/1.1 200 OK\r\n"


def with_body(body: bytes, status: bytes = OK) -> bytes:
    return status + b"Content-Length: %d\r\n\r\n" % len(body) + body


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"nonsense\r\n\r\n",
        with_body(b""),
        with_body(b"[]"),
        with_body(b"<html>"),
        with_body(b"\xff\xfe"),
        with_body(b"[" * 60_000),
        with_body(b'{"a": "' + b"x" * ANSWER_LIMIT + b'"}'),
        OK + b"Content-Length: 100\r\n\r\n{}",
        b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n",
    ],
)
def test_an_answer_that_is_none(answer: bytes) -> None:
    exchange = HttpExchange(patience=timedelta(seconds=5))
    with _answering(_sends(answer)) as address, pytest.raises(AppAway):
        exchange.post(address, {"code": "x"})


def test_an_error_with_a_body_is_an_answer() -> None:
    answer = with_body(b'{"error": "invalid_grant"}', b"HTTP/1.1 400 Bad Request\r\n")
    with _answering(_sends(answer)) as address:
        reply = HttpExchange().get(address)
    assert (reply.status, reply.is_good) == (400, False)
    assert reply.body == {"error": "invalid_grant"}


@pytest.mark.parametrize(
    ("first", "drop"),
    [
        (OK + b"Content-Length: 1000\r\n\r\n", b"x"),
        (OK + b"X-Slow: ", b"x"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n2;", b"x"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    ],
    ids=["body", "header", "chunk", "continue"],
)
def test_an_answer_that_drips_is_given_up(first: bytes, drop: bytes) -> None:
    with _answering(_drips(first, drop)) as address:
        began = time.monotonic()
        with pytest.raises(AppAway):
            HttpExchange(patience=timedelta(seconds=0.3)).get(address)
        assert time.monotonic() - began < DRIPPED / 2


def test_nobody_there() -> None:
    with pytest.raises(AppAway):
        HttpExchange().get("http://127.0.0.1:9/")
