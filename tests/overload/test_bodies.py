"""What a request brings costs nobody else's turn, thread or time, whatever it says of itself."""

from collections.abc import Iterator
from io import BytesIO
from typing import Any
from urllib.parse import urlencode

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.overload.test_waiting import full
from tests.patient.lint import check_page, words
from tests.patient.site import Site, Visitor
from zaitaku import wire
from zaitaku.blueprints.bodies import READING_FROM_ONE
from zaitaku.blueprints.messages import MAX_REQUEST_BYTES
from zaitaku.blueprints.overload import Overload
from zaitaku.blueprints.waiting import MOST_KEPT_BYTES, MOST_KEPT_FIELDS
from zaitaku.core import gate
from zaitaku.core.gate import READING, SMALL_BODY_BYTES, Rank

FORM = "application/x-www-form-urlencoded"
LOST = "送った内容は、届いていません。"
UPLOAD = "/console/account-imports"
LARGE = SMALL_BODY_BYTES + 1


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody needs to wait to see that there is no turn."""
    monkeypatch.setattr(gate, "PATIENCE_SECONDS", dict.fromkeys(Rank, 0.01))


class Unread(BytesIO):
    """What must not be read."""

    def read(self, _: int | None = -1, /) -> bytes:
        raise AssertionError("read")


class Slow(BytesIO):
    """What comes too slowly."""

    def read(self, _: int | None = -1, /) -> bytes:
        raise TimeoutError


def send(
    client: FlaskClient, path: str, body: BytesIO, length: int | str | None, **environ: Any
) -> TestResponse:
    """Post ``body`` with what is said of its length; ``None``: in chunks."""
    name, value = (
        ("HTTP_TRANSFER_ENCODING", "chunked") if length is None else ("CONTENT_LENGTH", str(length))
    )
    said = {name: value, "wsgi.input": body, "CONTENT_TYPE": FORM, "wsgi.input_terminated": True}
    return client.post(path, environ_overrides=said | environ)


@pytest.fixture
def client(site: Site) -> FlaskClient:
    return site.app.test_client()


@pytest.fixture
def form(overload: Overload, visitor: Visitor) -> Iterator[str]:
    """The address of a form that its visitor was shown; meanwhile others have all turns."""
    visitor.start()
    with full(overload):
        yield visitor.location


def test_a_form_of_the_largest_size_is_held(form: str, visitor: Visitor) -> None:
    sent = {f"{number}": "x" for number in range(MOST_KEPT_FIELDS - 1)}
    sent["long"] = "x" * (MOST_KEPT_BYTES - len(urlencode(sent)) - len("&long="))
    assert visitor.post(form, sent) == 503
    assert visitor.hidden() == sent


@pytest.mark.parametrize(
    "sent",
    [
        {f"{number}": "x" for number in range(MOST_KEPT_FIELDS + 1)},
        {"long": "x" * MOST_KEPT_BYTES},
    ],
    ids=["fields", "bytes"],
)
def test_more_than_any_form_has_is_not_held(
    form: str, visitor: Visitor, sent: dict[str, str]
) -> None:
    assert visitor.post(form, sent) == 503
    assert LOST in words(visitor.page)
    assert "xx" not in visitor.text
    assert "<form" not in visitor.text.partition("<main")[2]
    assert "http-equiv" not in visitor.text


def test_of_whoever_was_shown_no_form_nothing_is_held(form: str, client: FlaskClient) -> None:
    answer = client.post(form, data={"a": "b"})
    assert answer.status_code == 503
    assert LOST in words(check_page(answer.text))


@pytest.mark.parametrize("language", ["ja-x-yasashii", "en"])
def test_it_is_said_in_each_language(form: str, client: FlaskClient, language: str) -> None:
    answer = client.post(f"{form}?lang={language}", data={"a": "b"})
    assert LOST not in words(check_page(answer.text))
    assert "Retry-After" in answer.headers


def test_what_is_too_large_anyway_is_refused_unread_when_nobody_has_time(
    form: str, client: FlaskClient
) -> None:
    answer = send(client, form, Unread(), MAX_REQUEST_BYTES + 1)
    assert answer.status_code == 413
    assert "読み取れませんでした" in words(check_page(answer.text))


def test_an_address_is_never_taken_for_a_part_of_the_page(form: str, visitor: Visitor) -> None:
    marks = "0fields0&b=0pause0&c=/0here0?&d=0ahead0"
    assert visitor.post(f"{form}?a={marks}", {"n": "<v>"}) == 503
    assert visitor.hidden() == {"n": "<v>"}
    here = f"{form}?a=0fields0&b=0pause0&c=%2F0here0%3F&d=0ahead0"
    (action,) = [each.attrib["action"] for each in visitor.page.iterfind(".//main//form")]
    assert action == here
    assert visitor.link("English") == f"{here}&lang=en"


def test_an_address_longer_than_ours_is_cut(form: str, visitor: Visitor) -> None:
    for query in ("a=" * 1001, "a=&" * 21):
        assert visitor.get(f"{form}?{query}") == 503
        assert visitor.link("この画面を開き直す") == form


@pytest.mark.parametrize("stated", ["9" * 5000, "-1", "1 1", "²", "0x10"])
@pytest.mark.parametrize("path", ["/j/x/card", wire.PROOF_PATH, "/console/login"])
def test_what_is_no_length_is_refused(
    overload: Overload, client: FlaskClient, path: str, stated: str
) -> None:
    assert send(client, path, Unread(), stated).status_code == 400


@pytest.mark.parametrize("length", [10, LARGE])
def test_what_is_cut_off_is_refused(overload: Overload, client: FlaskClient, length: int) -> None:
    assert send(client, UPLOAD, BytesIO(b"a=b"), length).status_code == 400
    assert not overload._bodies._reading


@pytest.mark.parametrize("length", [10, LARGE, None])
def test_what_comes_too_slowly_is_refused_before_its_turn(
    overload: Overload, client: FlaskClient, length: int | None
) -> None:
    with full(overload):
        answer = send(client, UPLOAD, Slow(), length)
    assert answer.status_code == 408
    assert int(answer.headers["Retry-After"]) >= 4
    assert not overload._bodies._reading


def test_only_so_many_read_large_bodies(overload: Overload, client: FlaskClient) -> None:
    for number in range(READING // READING_FROM_ONE):
        for _ in range(READING_FROM_ONE):
            assert send_large(client, f"192.0.2.{number}") != 503
            overload._bodies._begin(f"192.0.2.{number}")
        answers = [send_large(client, f"192.0.2.{number}"), send_large(client, "192.0.2.9")]
        is_last = number == READING // READING_FROM_ONE - 1
        assert [answer == 503 for answer in answers] == [True, is_last]
    # A usual form needs nobody's share.
    assert send(client, "/j/x/card", BytesIO(b"a=b"), 3).status_code == 400
    overload._bodies.done("192.0.2.0")
    assert send_large(client, "192.0.2.9") != 503


def send_large(client: FlaskClient, address: str) -> int:
    body = BytesIO(b"a" * LARGE)
    return send(client, UPLOAD, body, LARGE, REMOTE_ADDR=address).status_code


def test_a_body_without_a_length_counts_as_a_large_one(
    overload: Overload, client: FlaskClient
) -> None:
    assert send(client, "/j/x/card", BytesIO(b"a=b"), None).status_code == 400
    too_much = BytesIO(b"a" * 2 * MAX_REQUEST_BYTES)
    assert send(client, "/j/x/card", too_much, None).status_code == 413
    assert too_much.tell() == MAX_REQUEST_BYTES + 1
    for _ in range(READING_FROM_ONE):
        overload._bodies._begin("127.0.0.1")
    assert send(client, "/j/x/card", Unread(), None).status_code == 503
    asking = {"HTTP_EXPECT": "100-continue"}
    assert send(client, "/j/x/card", Unread(), 3, **asking).status_code == 503


@pytest.mark.parametrize("path", ["/healthz", "/static/js/waiting.js", "/line"])
@pytest.mark.parametrize("length", [10, None])
def test_what_passes_without_a_turn_brings_nothing(
    overload: Overload, client: FlaskClient, path: str, length: int | None
) -> None:
    assert send(client, path, Unread(), length).status_code < 500
