"""What is sent and read is what Flask and Werkzeug would send and read, to the byte."""

from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, Request, Response, abort, redirect, send_file
from flask.ctx import AppContext
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.test import EnvironBuilder, run_wsgi_app

from zaitaku.blueprints.messages import MAX_REQUEST_BYTES, SiteRequest, SiteResponse
from zaitaku.blueprints.site import Site

FILE = Path(__file__)
FORM = "application/x-www-form-urlencoded"

Sent = tuple[str, list[tuple[str, str]], bytes]


def streamed() -> Iterator[str]:
    yield "one "
    yield "two"


def refused() -> Response:
    abort(403)


def closing() -> Response:
    answer = Response("page")
    answer.call_on_close(lambda: None)
    return answer


def empty_with_length() -> Response:
    return Response("", 204, {"Content-Length": "0"})


VIEWS: dict[str, Callable[[], Any]] = {
    "page": lambda: "<p>在宅</p>",
    "bytes": lambda: b"<p>page</p>",
    "json": lambda: {"a": "b"},
    "status": lambda: ("gone", 410, {"Retry-After": "5"}),
    "cookie": lambda: ("page", {"Set-Cookie": "a=b"}),
    "parts": lambda: Response([b"one ", b"two"]),
    "measured-parts": lambda: Response([b"one ", b"two"], headers={"Content-Length": "7"}),
    "texts": lambda: Response(["在", "宅"], headers={"Content-Length": "6"}),
    "nothing": Response,
    "no-content": empty_with_length,
    "not-modified": lambda: Response("page", 304),
    "streamed": streamed,
    "closing": closing,
    "file": lambda: send_file(FILE),
    "elsewhere": lambda: Response("page", headers={"Content-Location": "/在宅"}),
    "moved": lambda: Response("page", 303, {"Location": "/j/a.b/check"}),
    "moved-with-query": lambda: Response("page", 303, {"Location": "/j/a.b/card?again=yes"}),
    "moved-abroad": lambda: Response("page", 303, {"Location": "https://例え.test/在宅?a=宅"}),
    "moved-to-a-host": lambda: Response("page", 303, {"Location": "//other.test/a"}),
    "moved-to-words": lambda: Response("page", 303, {"Location": '/a b"<宅>'}),
    "refused": refused,
}


def sent_by(kind: type[Flask], path: str, method: str) -> Sent:
    app = kind(__name__)
    app.config["TRUSTED_HOSTS"] = ["localhost"]
    for name, view in VIEWS.items():
        app.add_url_rule(f"/{name}", name, view)
    environ = EnvironBuilder(f"/{path}", method=method).get_environ()
    body, status, headers = run_wsgi_app(app, environ, buffered=True)
    return status, list(headers), b"".join(body)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("path", [*VIEWS, "unknown"])
def test_an_answer_is_sent_as_flask_sends_it(path: str, method: str) -> None:
    is_dated = path == "file"
    sent, usual = sent_by(Site, path, method), sent_by(Flask, path, method)
    assert without_date(sent) == without_date(usual) if is_dated else sent == usual


def without_date(sent: Sent) -> Sent:
    status, headers, body = sent
    return status, [pair for pair in headers if pair[0] != "Date"], body


@pytest.mark.parametrize("address", ["/j/a.b/check", "/在宅", "https://x.test/a?b=c"])
def test_a_redirection_says_where_to_go_as_flask_does(site: Site, address: str) -> None:
    usual = Flask(__name__)
    told = []
    for app in (usual, site):
        app.add_url_rule("/", "go", lambda: redirect(address, 303))
        environ = EnvironBuilder("/").get_environ()
        _, status, headers = run_wsgi_app(app, environ, buffered=True)
        told.append((status, [pair for pair in headers if pair[0] != "Content-Length"]))
    assert told[0] == told[1]


def test_whoever_waits_for_the_end_of_an_answer_is_told() -> None:
    ended = []
    answer = SiteResponse("page")
    answer.call_on_close(lambda: ended.append(True))
    run_wsgi_app(answer, EnvironBuilder().get_environ(), buffered=True)
    assert ended == [True]


KINDS = [FORM, f"{FORM}; charset=utf-8", "text/plain", "multipart/form-data; boundary=x", ""]
ASCII = [b"a", b"=", b"&", b"+", b"%", b"%e5%9c%a8", b"%ff", b"\0", b"=b&"]
WORDS = st.sampled_from([*ASCII, b"\xff"])


def environ_of(body: bytes, kind: str) -> dict[str, Any]:
    return {
        **EnvironBuilder(method="POST").get_environ(),
        "wsgi.input": BytesIO(body),
        "CONTENT_TYPE": kind,
        "CONTENT_LENGTH": str(len(body)),
    }


@given(st.lists(st.sampled_from(ASCII), max_size=12))
def test_an_address_is_read_as_werkzeug_reads_it(words: list[bytes]) -> None:
    query = b"".join(words).decode()
    told = [
        list(kind({**environ_of(b"", ""), "QUERY_STRING": query}).args.items(multi=True))
        for kind in (SiteRequest, Request)
    ]
    assert told[0] == told[1]


@given(st.lists(WORDS, max_size=12), st.sampled_from(KINDS))
def test_a_form_is_read_as_werkzeug_reads_it(words: list[bytes], kind: str) -> None:
    body = b"".join(words)
    ours, usual = SiteRequest(environ_of(body, kind)), Request(environ_of(body, kind))
    for asked in (ours, usual):
        asked.max_content_length = MAX_REQUEST_BYTES
    assert ours.form == usual.form
    assert list(ours.form.items(multi=True)) == list(usual.form.items(multi=True))
    assert (ours.files, ours.stream.read()) == (usual.files, usual.stream.read())
    assert type(ours.form) is type(usual.form)


@pytest.mark.parametrize("stated", ["3", "", "5"])
def test_a_form_of_another_length_than_it_says_is_left_to_werkzeug(stated: str) -> None:
    told = []
    for kind in (SiteRequest, Request):
        asked = kind({**environ_of(b"a=bc", FORM), "CONTENT_LENGTH": stated})
        try:
            told.append(str(asked.form))
        except Exception as error:  # noqa: BLE001 - whatever it is
            told.append(repr(error))
    assert told[0] == told[1]


def test_a_form_that_was_read_as_data_is_read_all_the_same() -> None:
    asked = SiteRequest(environ_of(b"a=b", FORM))
    assert asked.get_data() == b"a=b"
    assert asked.form["a"] == "b"


def test_a_form_that_is_too_large_is_refused() -> None:
    asked = SiteRequest(environ_of(b"a" * (MAX_REQUEST_BYTES + 1), FORM))
    with pytest.raises(RequestEntityTooLarge):
        _ = asked.form
    wider = SiteRequest(environ_of(b"a" * (MAX_REQUEST_BYTES + 1), FORM))
    wider.max_content_length = 2 * MAX_REQUEST_BYTES
    assert list(wider.form) == ["a" * (MAX_REQUEST_BYTES + 1)]


@pytest.fixture
def site() -> Site:
    made = Site(__name__)
    made.config["TRUSTED_HOSTS"] = ["localhost"]
    return made


@pytest.mark.parametrize("path", ["/nothing-here", "/own"])
def test_what_is_to_be_done_before_a_request_is_done_once(site: Site, path: str) -> None:
    done = []
    site.before_request(lambda: done.append("site"))
    site.add_url_rule("/own", "own", lambda: "page")
    site.test_client().get(path)
    assert done == ["site"]


def test_what_is_kept_for_a_request_can_be_taken_back(site: Site) -> None:
    context: AppContext
    with site.app_context() as context:
        own = context.g
        own.word = "a"
        assert "word" in own
        assert own.pop("word") == "a"
        own.word = "b"
        del own.word
        assert own.get("word") is None
        with pytest.raises(AttributeError):
            _ = own.word
