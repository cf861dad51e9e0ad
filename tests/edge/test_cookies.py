"""The session's cookie: what is remembered of one is nobody else's, and dies with it."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.sessions import SessionMixin
from itsdangerous import TimestampSigner
from werkzeug.test import EnvironBuilder

Opened = Callable[[str], SessionMixin]


@pytest.fixture
def signed(app: Flask) -> Callable[[dict[str, Any]], str]:
    def sign(fields: dict[str, Any]) -> str:
        serializer = app.session_interface.get_signing_serializer(app)  # type: ignore[attr-defined]
        return str(serializer.dumps(fields))

    return sign


@pytest.fixture
def opened(app: Flask) -> Opened:
    def open_with(cookie: str) -> SessionMixin:
        name = app.session_interface.get_cookie_name(app)
        environ = EnvironBuilder(headers=[("Cookie", f"{name}={cookie}")]).get_environ()
        found = app.session_interface.open_session(app, app.request_class(environ))
        assert found is not None
        return found

    return open_with


def test_what_one_request_changes_no_other_sees(
    signed: Callable[[dict[str, Any]], str], opened: Opened
) -> None:
    cookie = signed({"sid": "a", "arrived": {"url": "u", "ways": ["poster"]}})
    first = opened(cookie)
    first["sid"] = "b"
    first["arrived"]["url"] = "another"
    first["arrived"]["ways"].append("more")
    assert dict(opened(cookie)) == {"sid": "a", "arrived": {"url": "u", "ways": ["poster"]}}


@pytest.mark.parametrize("late", [timedelta(seconds=1), timedelta(days=400)])
def test_a_remembered_cookie_still_ends(
    app: Flask,
    signed: Callable[[dict[str, Any]], str],
    opened: Opened,
    monkeypatch: pytest.MonkeyPatch,
    late: timedelta,
) -> None:
    cookie = signed({"sid": "a"})
    assert opened(cookie)["sid"] == "a"
    end = TimestampSigner.get_timestamp(TimestampSigner("-")) + int(
        app.permanent_session_lifetime.total_seconds()
    )
    monkeypatch.setattr(TimestampSigner, "get_timestamp", lambda _: end)
    assert opened(cookie)["sid"] == "a"
    after = end + int(late.total_seconds())
    monkeypatch.setattr(TimestampSigner, "get_timestamp", lambda _: after)
    assert not opened(cookie)


@pytest.mark.parametrize("ahead", [1, 60, 3600])
def test_a_cookie_of_a_clock_that_is_a_little_ahead_counts(
    signed: Callable[[dict[str, Any]], str],
    opened: Opened,
    monkeypatch: pytest.MonkeyPatch,
    ahead: int,
) -> None:
    cookie = signed({"sid": "a"})
    here = TimestampSigner.get_timestamp(TimestampSigner("-")) - ahead
    monkeypatch.setattr(TimestampSigner, "get_timestamp", lambda _: here)
    assert dict(opened(cookie)) == ({"sid": "a"} if ahead <= 60 else {})


@pytest.mark.parametrize("place", [0, 5, -2])
def test_a_changed_cookie_is_none_though_the_true_one_is_remembered(
    signed: Callable[[dict[str, Any]], str], opened: Opened, place: int
) -> None:
    cookie = signed({"sid": "a"})
    assert opened(cookie)["sid"] == "a"
    other = "A" if cookie[place] != "A" else "B"
    changed = [*cookie]
    changed[place] = other
    assert not opened("".join(changed))
