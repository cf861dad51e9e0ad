"""What may be asked of the list: read from a URL, and written back into one."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zaitaku.core.errors import InvalidField
from zaitaku.facilities.model import Channel
from zaitaku.records.listing import ItemState, ListQuery, SortKey

days = st.dates(date(1900, 1, 1), date(2999, 12, 31))
searches = st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=100)


@st.composite
def queries(draw: st.DrawFn) -> ListQuery:
    """Any query that the list takes."""
    span = sorted([draw(days), draw(days)])
    return ListQuery(
        search=" ".join(draw(searches).split()),
        channel=draw(st.none() | st.sampled_from(Channel)),
        recorded_from=draw(st.none() | st.just(span[0])),
        recorded_to=draw(st.none() | st.just(span[1])),
        sort=draw(st.sampled_from(SortKey)),
        descending=draw(st.booleans()),
        page=draw(st.integers(1, 1_000_000)),
        size=draw(st.integers(1, 200)),
    )


@given(queries())
def test_a_query_survives_the_url(query: ListQuery) -> None:
    assert ListQuery.from_mapping(query.to_mapping()) == query


def test_nothing_asked_is_the_newest_first() -> None:
    query = ListQuery.from_mapping({})
    assert query == ListQuery()
    assert (query.sort, query.descending, query.page) == (SortKey.RECORDED, True, 1)
    assert query.to_mapping() == {}


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"sort": "name; DROP TABLE patient"}, "sort"),
        ({"sort": "--recorded"}, "sort"),
        ({"sort": "RECORDED"}, "sort"),
        ({"channel": "fax"}, "channel"),
        ({"from": "yesterday"}, "from"),
        ({"to": "2026-02-30"}, "to"),
        ({"from": "2026-11-20", "to": "2026-11-19"}, "to"),
        ({"page": "0"}, "page"),
        ({"page": "-1"}, "page"),
        ({"page": "two"}, "page"),
        ({"page": "9" * 5000}, "page"),
        ({"page": "1000001"}, "page"),
        ({"size": "201"}, "size"),
        ({"size": "0"}, "size"),
        ({"q": "あ" * 101}, "q"),
        ({"q": "a\0b"}, "q"),
        ({"q": "\ud800"}, "q"),
        ({"from": "0001-01-01"}, "from"),
        ({"from": "1899-12-31"}, "from"),
        ({"to": "9999-12-31"}, "to"),
        ({"to": "3000-01-01"}, "to"),
    ],
)
def test_what_breaks_a_rule_is_named(values: dict[str, str], field: str) -> None:
    with pytest.raises(InvalidField) as caught:
        ListQuery.from_mapping(values)
    assert caught.value.field == field


def test_full_width_values_are_read() -> None:
    query = ListQuery.from_mapping({"from": "２０２６-１１-２０", "page": "２"})
    assert (query.recorded_from, query.page) == (date(2026, 11, 20), 2)


def test_only_what_may_be_viewed_is_marked() -> None:
    assert {state for state in ItemState if state.mark} == {ItemState.GRANTED}
