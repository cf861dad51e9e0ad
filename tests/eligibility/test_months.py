"""診療年月: ranges as they are asked for."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zaitaku.core.errors import InvalidField
from zaitaku.eligibility.months import LONGEST_MONTHS, Month, MonthRange

MONTHS = st.builds(Month, st.integers(2010, 2090), st.integers(1, 12))
LENGTHS = st.integers(1, LONGEST_MONTHS)


@given(MONTHS)
def test_what_is_written_is_read_again(month: Month) -> None:
    assert Month.parse(str(month)) == month


@given(MONTHS, st.integers(-100, 100))
def test_going_there_and_back_changes_nothing(month: Month, steps: int) -> None:
    assert month.plus(steps).plus(-steps) == month


@given(MONTHS, LENGTHS)
def test_a_range_has_every_month_once_and_no_other(first: Month, length: int) -> None:
    months = MonthRange(first, first.plus(length - 1))
    listed = tuple(months)
    assert len(months) == len(listed) == len(set(listed)) == length
    assert all(month in months for month in listed)
    assert first.plus(-1) not in months
    assert first.plus(length) not in months
    assert date(first.year, first.month, 28) in months


@given(st.dates(date(2010, 1, 1), date(2090, 12, 31)), LENGTHS)
def test_the_latest_months_end_with_the_present_one(today: date, length: int) -> None:
    months = MonthRange.latest(length, today=today)
    assert (months.last, len(months)) == (Month.of(today), length)


@pytest.mark.parametrize(
    "text",
    ["", "2026", "2026-13", "2026-00", "2026-1", "26-11", "２０２６-１１", "2026/11", "x026-11"],
)
def test_what_is_no_month_is_refused(text: str) -> None:
    with pytest.raises(InvalidField) as refused:
        Month.parse(text)
    assert (refused.value.field, refused.value.rule) == ("month", "not-a-month")


def test_a_range_goes_forward_and_has_an_end() -> None:
    first = Month(2026, 11)
    with pytest.raises(InvalidField, match="before-from"):
        MonthRange(first, first.plus(-1))
    with pytest.raises(InvalidField, match="too-long"):
        MonthRange(first, first.plus(LONGEST_MONTHS))
    for months in (0, LONGEST_MONTHS + 1):
        with pytest.raises(InvalidField, match="out-of-range"):
            MonthRange.latest(months, today=date(2026, 11, 20))
