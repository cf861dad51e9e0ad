"""Days as people type them."""

from datetime import date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zaitaku.blueprints.patient.dates import clock_text, day_text, minutes_text, moment_text
from zaitaku.blueprints.patient.visit_dates import LONGEST_WAIT, TypedDate, read_linked
from zaitaku.core import ruby
from zaitaku.core.clock import JST
from zaitaku.core.errors import InvalidField
from zaitaku.core.languages import Language

TODAY = date(2026, 11, 20)
bookable = st.dates(TODAY, TODAY + LONGEST_WAIT)
FULL_WIDTH = str.maketrans("0123456789", "０１２３４５６７８９")


@settings(deadline=None)
@given(bookable)
def test_full_width_digits_and_spaces_are_read(day: date) -> None:
    year, month, text = (str(part).translate(FULL_WIDTH) for part in day.timetuple()[:3])
    assert TypedDate(f" {year}年", f"{month}　月", f"{text}日").read(TODAY) == day


@settings(deadline=None)
@given(bookable)
def test_a_reiwa_year_is_read(day: date) -> None:
    assert TypedDate(str(day.year - 2018), str(day.month), str(day.day)).read(TODAY) == day


@settings(deadline=None)
@given(bookable)
def test_the_end_of_a_christian_year_is_read(day: date) -> None:
    assert TypedDate(str(day.year - 2000), str(day.month), str(day.day)).read(TODAY) == day


@settings(deadline=None)
@given(bookable)
def test_a_link_carries_an_iso_day(day: date) -> None:
    assert read_linked(day.isoformat(), TODAY) == day


@pytest.mark.parametrize(
    ("typed", "rule"),
    [
        (("", "", ""), "required"),
        (("2026", "", "1"), "no-such-day"),
        (("2026", "13", "1"), "no-such-day"),
        (("2027", "2", "29"), "no-such-day"),
        (("2026", "-12", "x"), "no-such-day"),
        (("2026", "²", "1"), "past"),
        (("二〇二六", "12", "1"), "no-such-day"),
        (("2026", "11", "19"), "past"),
        (("8", "11", "19"), "past"),
        (("2027", "11", "22"), "too-far"),
        (("99999999", "1", "1"), "no-such-day"),
        (("0", "0", "0"), "no-such-day"),
    ],
)
def test_other_days_are_refused_by_name(typed: tuple[str, str, str], rule: str) -> None:
    with pytest.raises(InvalidField) as caught:
        TypedDate(*typed).read(TODAY)
    assert (caught.value.field, caught.value.rule) == ("visit_date", rule)


@settings(deadline=None)
@given(st.text(max_size=12), st.text(max_size=12), st.text(max_size=12))
def test_nothing_typed_breaks_the_reading(year: str, month: str, day: str) -> None:
    try:
        read = TypedDate(year, month, day).read(TODAY)
    except InvalidField:
        return
    assert TODAY <= read <= TODAY + LONGEST_WAIT


@pytest.mark.parametrize("text", ["", "2026-13-01", "20261201x", "2026-11-19", "2027-11-22"])
def test_a_link_with_another_day_is_refused(text: str) -> None:
    with pytest.raises(InvalidField):
        read_linked(text, TODAY)


@settings(deadline=None)
@given(st.dates(date(2026, 1, 1), date(2100, 12, 31)))
def test_easy_japanese_says_the_same_day_with_readings(day: date) -> None:
    easy = day_text(day, Language.EASY_JAPANESE)
    assert ruby.plain(easy) == day_text(day, Language.JAPANESE)
    assert "{" in easy


@pytest.mark.parametrize(
    ("day", "reading"),
    [
        (1, "ついたち"),
        (10, "とおか"),
        (14, "じゅうよっか"),
        (19, "じゅうくにち"),
        (20, "はつか"),
        (24, "にじゅうよっか"),
        (30, "さんじゅうにち"),
        (31, "さんじゅういちにち"),
    ],
)
def test_days_are_read_as_people_say_them(day: int, reading: str) -> None:
    easy = day_text(date(2026, 12, day), Language.EASY_JAPANESE)
    assert f"{{{day}日|{reading}}}" in easy
    assert day_text(TODAY + timedelta(days=1), Language.ENGLISH) == "Saturday, 21 November 2026"


@pytest.mark.parametrize(
    ("count", "reading"),
    [
        *((count, "ぷん") for count in (1, 3, 4, 6, 8, 10, 11, 20, 30, 40, 50, 58)),
        *((count, "ふん") for count in (2, 5, 7, 9, 12, 15, 27, 59)),
    ],
)
def test_minutes_are_read_as_people_say_them(count: int, reading: str) -> None:
    assert minutes_text(count, Language.EASY_JAPANESE) == f"{count}{{分|{reading}}}"
    assert minutes_text(count, Language.JAPANESE) == f"{count}分"
    moment = datetime(2026, 11, 20, 12, count, tzinfo=JST)
    assert clock_text(moment, Language.EASY_JAPANESE).endswith(f"{count:02d}{{分|{reading}}}")


@pytest.mark.parametrize(
    ("hour", "reading"),
    [
        (0, "れいじ"),
        (1, "いちじ"),
        (4, "よじ"),
        (7, "しちじ"),
        (9, "くじ"),
        (14, "じゅうよじ"),
        (17, "じゅうしちじ"),
        (19, "じゅうくじ"),
        (20, "にじゅうじ"),
        (23, "にじゅうさんじ"),
    ],
)
def test_hours_are_read_as_people_say_them(hour: int, reading: str) -> None:
    moment = datetime(2026, 4, 9, hour, 0, tzinfo=JST)
    easy = moment_text(moment, Language.EASY_JAPANESE)
    assert easy.endswith(f" {{{hour}時|{reading}}}00{{分|ふん}}")
    assert "{4月|しがつ}{9日|ここのか}" in easy
    assert ruby.plain(easy) == moment_text(moment, Language.JAPANESE)


def test_minutes_in_english() -> None:
    words = [minutes_text(count, Language.ENGLISH) for count in (1, 10)]
    assert words == ["1 minute", "10 minutes"]
