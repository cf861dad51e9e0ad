"""Answers that no page of ours sends: other kinds of body, answers where none is asked."""

import io
from datetime import date

import pytest

from tests.patient.conftest import Cards
from tests.patient.site import Visitor
from tests.patient.test_walk import receipt_of
from zaitaku.facilities.model import Channel

ORIGIN = "http://localhost:8000"
POSTS = (
    "prepare",
    "prepare/pin",
    "prepare/reader",
    "operator",
    "visit",
    "notice",
    "choose",
    "items/surgery",
    "check",
    "card",
)
BODIES = (
    "[1,2]",
    "5",
    '"x"',
    "null",
    "{",
    '{"answer": 5}',
    '{"answer": {"a": 1}}',
    '{"answer": "online", "visit_date-year": 5}',
    '{"revision": 5}',
    '{"port": 5}',
    '{"number": 5}',
)


def send(visitor: Visitor, path: str, body: str, token: str) -> int:
    """Send a JSON body that proves where it comes from."""
    headers = {"X-CSRFToken": token}
    answer = visitor.client.post(
        path, data=body, content_type="application/json", headers=headers, base_url=ORIGIN
    )
    return answer.status_code


@pytest.mark.parametrize("page", POSTS)
@pytest.mark.parametrize("channel", list(Channel))
def test_a_json_body_is_no_answer(visitor: Visitor, page: str, channel: Channel) -> None:
    journey = visitor.walk_to_check(channel)
    token = visitor.hidden()["csrf_token"]
    shown = visitor.text
    for body in BODIES:
        assert send(visitor, f"{journey}/{page}", body, token) < 500
    visitor.get(f"{journey}/check")
    assert visitor.text == shown


@pytest.mark.parametrize("body", BODIES)
def test_a_json_body_at_the_ways_in(visitor: Visitor, body: str) -> None:
    visitor.get(visitor.site.path())
    token = visitor.hidden()["csrf_token"]
    assert send(visitor, visitor.site.path(), body, token) == 303
    assert send(visitor, "/e", body, token) == 422


@pytest.mark.parametrize(("page", "name"), [("check", "revision"), ("operator", "answer")])
def test_a_file_is_no_answer(visitor: Visitor, page: str, name: str) -> None:
    journey = visitor.walk_to_check()
    fields = {"csrf_token": visitor.hidden()["csrf_token"], name: (io.BytesIO(b"self"), "self")}
    answer = visitor.client.post(f"{journey}/{page}", data=fields, base_url=ORIGIN)
    assert answer.status_code < 500
    visitor.get(f"{journey}/card")
    assert visitor.location == f"{journey}/check"


def test_a_day_that_the_link_has_fixed_cannot_be_changed(visitor: Visitor, cards: Cards) -> None:
    journey = visitor.start(Channel.ONLINE, "?date=2026-11-25")
    visitor.prepare()
    visitor.send("self")
    asked = visitor.location
    fields = visitor.hidden()
    visitor.get(f"{journey}/visit")
    assert visitor.location == asked
    other = {"visit_date-year": "2026", "visit_date-month": "12", "visit_date-day": "30"}
    for answer in ("online", "walk-in", "nonsense"):
        visitor.post(f"{journey}/visit", fields | other | {"answer": answer})
        assert visitor.location == asked
    visitor.send()
    visitor.send("all")
    visitor.send()
    visitor.read_card(journey, cards.good)
    assert receipt_of(visitor.site, journey).visit_date == date(2026, 11, 25)


def test_a_day_is_not_taken_where_none_is_asked(visitor: Visitor, cards: Cards) -> None:
    journey = visitor.walk_to_check(Channel.HOME_VISIT)
    fields, shown = visitor.hidden(), visitor.text
    visitor.get(f"{journey}/visit")
    assert visitor.location == f"{journey}/check"
    visitor.post(f"{journey}/visit", fields | {"answer": "walk-in"})
    assert visitor.location == f"{journey}/check"
    assert visitor.text == shown
    visitor.send()
    visitor.read_card(journey, cards.good)
    assert receipt_of(visitor.site, journey).visit_date is None


def test_a_finished_journey_takes_no_day(visitor: Visitor, cards: Cards) -> None:
    journey = visitor.walk_to_card(Channel.ONLINE)
    fields = visitor.hidden()
    visitor.read_card(journey, cards.good)
    assert visitor.post(f"{journey}/visit", fields | {"answer": "walk-in"}) == 409
