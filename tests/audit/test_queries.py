"""What an address may ask for."""

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zaitaku.audit.listing import AuditQuery
from zaitaku.audit.model import Act
from zaitaku.core.clock import JST
from zaitaku.core.errors import InvalidField


def test_a_minute_that_ends_the_period_is_in_it() -> None:
    query = AuditQuery.from_mapping({"from": "2026-11-20T10:00", "to": "2026-11-20T10:00"})
    assert query.begin == datetime(2026, 11, 20, 10, 0, tzinfo=JST)
    assert query.end == datetime(2026, 11, 20, 10, 1, tzinfo=JST)


def test_days_and_full_width_digits_are_understood() -> None:
    query = AuditQuery.from_mapping({"from": "２０２６/11/20", "to": "2026-11-20"})
    assert query.begin == datetime(2026, 11, 20, tzinfo=JST)
    assert query.end == datetime(2026, 11, 21, tzinfo=JST)


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"from": "きのう"}, "from"),
        ({"from": "2026-11-20T10:00+09:00"}, "from"),
        ({"from": "0001-01-01"}, "from"),
        ({"from": "2026-11-21", "to": "2026-11-20"}, "to"),
        ({"act": "everything"}, "act"),
        ({"q": "a\u0000"}, "q"),
        ({"q": "長" * 101}, "q"),
        ({"page": "0"}, "page"),
        ({"page": "一"}, "page"),
    ],
)
def test_what_cannot_be_read_names_its_field(values: dict[str, str], field: str) -> None:
    with pytest.raises(InvalidField) as refused:
        AuditQuery.from_mapping(values)
    assert refused.value.field == field


@given(st.dictionaries(st.sampled_from(["from", "to", "act", "q", "page"]), st.text(max_size=30)))
def test_whatever_stands_in_an_address_is_read_or_named(values: dict[str, str]) -> None:
    try:
        AuditQuery.from_mapping(values)
    except InvalidField as error:
        assert error.field in {"from", "to", "act", "q", "page"}


def test_a_whole_query() -> None:
    assert AuditQuery.from_mapping(
        {"act": "login", "q": " みどり　花 ", "page": "2"}
    ) == AuditQuery(act=Act.LOGIN, search="みどり 花", page=2)
