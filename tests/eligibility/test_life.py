"""Invented lives: the same for the same person, coherent, and nothing of the future."""

from datetime import date, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from zaitaku.eligibility.medical import Drug, Measurement
from zaitaku.eligibility.model import Insured, Sex
from zaitaku.eligibility.months import LONGEST_MONTHS, Month, MonthRange
from zaitaku.eligibility.synthetic.catalogue import COLD, ILLNESSES
from zaitaku.eligibility.synthetic.life import Life

TODAY = date(2026, 11, 20)
ALL = MonthRange.latest(LONGEST_MONTHS, today=TODAY)
PEOPLE = st.builds(
    Insured,
    st.text("abcdef", min_size=4, max_size=8),
    st.just("架空　太郎"),
    st.just("カクウ　タロウ"),
    st.dates(date(1930, 1, 1), TODAY),
    st.sampled_from(Sex),
)
ELDERLY = Insured("elderly", "架空　太郎", "カクウ　タロウ", date(1945, 2, 28), Sex.MALE)
quick = settings(max_examples=25, deadline=None)


@quick
@given(PEOPLE)
def test_it_is_the_same_however_often_and_for_whichever_months_it_is_asked(person: Insured) -> None:
    year = MonthRange(Month(2025, 4), Month(2026, 3))
    known = Life(person, TODAY).dispensings(ALL)
    assert Life(person, TODAY).dispensings(ALL) == known
    assert Life(person, TODAY).dispensings(year) == tuple(
        each for each in known if each.prescribed in year
    )


@quick
@given(PEOPLE)
def test_what_was_shown_for_a_month_stays(person: Insured) -> None:
    past = MonthRange.latest(12, today=TODAY)
    later = Life(person, TODAY + timedelta(days=200))
    assert set(Life(person, TODAY).surgeries(past)) <= set(later.surgeries(past))
    assert set(Life(person, TODAY).treatments(past)) <= set(later.treatments(past))
    assert set(Life(person, TODAY).checkups(past)) <= set(later.checkups(past))


@quick
@given(PEOPLE)
def test_nothing_lies_before_birth_or_after_today_and_the_newest_comes_first(
    person: Insured,
) -> None:
    life = Life(person, TODAY)
    listed = (
        [each.day for each in life.surgeries(ALL)],
        [each.since for each in life.conditions()],
        [each.noted for each in life.allergies()],
        [each.day for each in life.tests(ALL)],
        [each.prescribed for each in life.prescriptions(ALL)],
        [each.dispensed for each in life.dispensings(ALL)],
        [each.day for each in life.checkups(ALL)],
    )
    for days in listed:
        assert days == sorted(days, reverse=True)
        assert all(person.birth_date <= day <= TODAY for day in days)


@quick
@given(PEOPLE)
def test_every_drug_is_for_an_illness_that_the_person_has(person: Insured) -> None:
    life = Life(person, TODAY)
    fitting: set[Drug] = {drug for each in ILLNESSES for drug in each.drugs} | set(COLD.drugs)
    given_out = {drug for each in life.dispensings(ALL) for drug in each.drugs}
    assert given_out <= fitting
    lately = MonthRange.latest(1, today=date(2026, 10, 31))
    at_present = {drug for each in life.prescriptions(lately) for drug in each.drugs}
    assert at_present <= {drug for each in life.illnesses for drug in each.drugs} | set(COLD.drugs)


@quick
@given(PEOPLE)
def test_a_value_says_truly_whether_it_is_outside_its_range(person: Insured) -> None:
    life = Life(person, TODAY)
    values = [
        *(value for each in life.tests(ALL) for value in each.values),
        *(value for each in life.checkups(ALL) for value in each.values),
    ]
    assert all(each.is_outside != is_inside(each) for each in values)


def is_inside(value: Measurement) -> bool:
    least, most = map(float, value.normal.split("～"))
    return least <= float(value.value) <= most


def test_an_elderly_person_has_something_of_everything() -> None:
    life = Life(ELDERLY, TODAY)
    assert life.surgeries(ALL)
    assert life.conditions()
    assert life.infections(ALL)
    assert life.treatments(ALL)
    assert life.allergies()
    assert life.tests(ALL)
    assert life.prescriptions(ALL)
    assert life.dispensings(ALL)
    assert {each.name for each in life.checkups(ALL)} == {"後期高齢者健康診査"}


def test_a_child_has_no_checkups_of_the_grown_up() -> None:
    child = Insured("child", "架空　一", "カクウ　ハジメ", date(2017, 1, 15), Sex.MALE)
    assert Life(child, TODAY).checkups(ALL) == ()
