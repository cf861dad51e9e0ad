"""What a page may cost: one round trip to the short-lived store, and one query if it decides."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event

from tests.patient.messages import ROOT
from tests.patient.site import Site, Visitor
from zaitaku.facilities.model import Channel

FIRST_LOAD_BYTES = 60_000


class Counter:
    """Counts calls of the short-lived store and statements of the database."""

    def __init__(self) -> None:
        self.trips: list[str] = []
        self.queries: list[str] = []


@contextmanager
def counting(site: Site, monkeypatch: pytest.MonkeyPatch) -> Iterator[Counter]:
    """Count what happens inside the block."""
    counter = Counter()
    store = type(site.services.ephemeral)
    with monkeypatch.context() as patched:
        for name in ("create", "read", "merge", "take", "delete", "count"):
            patched.setattr(store, name, _counted(getattr(store, name), name, counter))
        listener = _listener(counter)
        event.listen(site.services.database.engine, "before_cursor_execute", listener)
        yield counter
        event.remove(site.services.database.engine, "before_cursor_execute", listener)


def _counted(call: Any, name: str, counter: Counter) -> Any:
    def counted(*args: Any, **values: Any) -> Any:
        counter.trips.append(name)
        return call(*args, **values)

    return counted


def _listener(counter: Counter) -> Any:
    def listen(_: object, __: object, statement: str, *rest: object) -> None:
        if statement.lstrip().upper().startswith("SELECT"):
            counter.queries.append(statement)

    return listen


REMEMBERED = (
    "prepare",
    "prepare/pin",
    "prepare/reader",
    "operator",
    "visit",
    "notice",
    "items/surgery",
    "card",
)
LOOKED_AT_ANEW = ("choose", "check", "help/pin")


@pytest.mark.parametrize(
    ("page", "queries"),
    [*((page, 0) for page in REMEMBERED), *((page, 1) for page in LOOKED_AT_ANEW)],
)
def test_a_page_costs_one_read_and_at_most_one_query(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch, page: str, queries: int
) -> None:
    journey = visitor.walk_to_card(Channel.ONLINE)
    with counting(visitor.site, monkeypatch) as counter:
        visitor.get(f"{journey}/{page}")
    assert visitor.location == f"{journey}/{page}"
    assert counter.trips == ["read"]
    assert len(counter.queries) == queries


@pytest.mark.parametrize(
    ("page", "answer"),
    [("prepare", "yes"), ("operator", "self"), ("choose", "all"), ("items/surgery", "grant")],
)
def test_an_answer_costs_one_merge_and_no_query(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch, page: str, answer: str
) -> None:
    journey = visitor.walk_to_check()
    fields = visitor.hidden() | {"answer": answer}
    with counting(visitor.site, monkeypatch) as counter:
        visitor.client.post(f"{journey}/{page}", data=fields, base_url="http://localhost:8000")
    assert counter.trips == ["merge"]
    assert counter.queries == []


def test_the_entry_costs_one_query_and_no_trip(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = visitor.site.path()
    with counting(visitor.site, monkeypatch) as counter:
        visitor.get(path)
    assert counter.trips == []
    assert len(counter.queries) == 1


def test_the_first_load_is_small(visitor: Visitor) -> None:
    path = visitor.site.path()
    page = visitor.client.get(path, base_url="http://localhost:8000").data
    files = ("js/main.js", "css/main.css", "vendor/dads/tokens.css", "img/favicon.svg")
    total = len(page) + sum((ROOT / "static" / name).stat().st_size for name in files)
    assert total < FIRST_LOAD_BYTES


def test_files_with_a_digest_are_kept_for_ever_and_others_are_not(visitor: Visitor) -> None:
    visitor.get("/e")
    style = next(e for e in visitor.page.iter("link") if e.attrib["rel"] == "stylesheet")
    answers = [
        visitor.client.get(path, base_url="http://localhost:8000")
        for path in (style.attrib["href"], "/static/js/main.js")
    ]
    kept = ["immutable" in answer.headers.get("Cache-Control", "") for answer in answers]
    assert kept == [True, False]
    for answer in answers:
        answer.close()
