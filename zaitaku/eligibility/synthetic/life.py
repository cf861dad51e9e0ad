"""One invented person's medical life, month by month.

It follows from the person's key, birth date and sex alone, so it is the same whenever it is asked
for, and what was shown for a month stays as it was. Drugs, tests and treatments go with the
illnesses that the person has.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import date, timedelta
from functools import cached_property
from typing import Final, TypeVar

from zaitaku.eligibility.medical import (
    Allergy,
    Checkup,
    Condition,
    Dispensing,
    Infection,
    LaboratoryTest,
    Measurement,
    Prescription,
    Surgery,
    Treatment,
)
from zaitaku.eligibility.model import Insured
from zaitaku.eligibility.months import Month, MonthRange
from zaitaku.eligibility.synthetic.catalogue import (
    ALLERGIES,
    AT_CHECKUPS,
    CHECKUP,
    CLINICS,
    COLD,
    HOSPITALS,
    ILLNESSES,
    INFECTIONS,
    OPERATIONS,
    PHARMACIES,
    Analyte,
    Illness,
    Operation,
)
from zaitaku.eligibility.synthetic.dice import Dice

_ILL_BEFORE_YEARS: Final = 12
_CHECKUP_AGE: Final = 40
_ELDERLY_AGE: Final = 75
_SEASON: Final = (6, 10)
"""Checkups are held from June to October."""
_QUARTER: Final = 3
_LAST_SAFE_DAY: Final = 28
_SATURDAY: Final = 5
_CHARTS_SINCE: Final = 2015

Event = TypeVar("Event")


class Life:
    """What happened to one person up to and on ``today``."""

    def __init__(self, person: Insured, today: date) -> None:
        self._person = person
        self._today = today

    @cached_property
    def illnesses(self) -> tuple[Illness, ...]:
        """The chronic ones, as they stand today."""
        return tuple(
            each
            for each, onset in self._onsets.items()
            if onset <= self._today and self._has(each, self._today.year)
        )

    def surgeries(self, months: MonthRange) -> tuple[Surgery, ...]:
        """Return the operations of those months."""
        found = (self._surgery(year) for year in range(months.first.year, months.last.year + 1))
        return _newest((each for each in found if each and each.day in months), _day)

    def conditions(self) -> tuple[Condition, ...]:
        """Return the illnesses of the chart, whenever they began."""
        return tuple(
            Condition(each.name, each.code, self._onsets[each], self._clinic, is_present=True)
            for each in sorted(self.illnesses, key=self._onsets.__getitem__, reverse=True)
        )

    def infections(self, months: MonthRange) -> tuple[Infection, ...]:
        """Return what was tested before each operation; an invented person is well."""
        return tuple(
            Infection(
                each.day - timedelta(days=14), name, is_positive=False, facility=each.facility
            )
            for each in self.surgeries(months)
            for name in INFECTIONS
        )

    def treatments(self, months: MonthRange) -> tuple[Treatment, ...]:
        """Return what was done at each visit, by month."""
        return tuple(
            Treatment(month, self._clinic, department, name, times=1)
            for month in reversed(tuple(months))
            for department, name in self._done(month)
        )

    def allergies(self) -> tuple[Allergy, ...]:
        """Return what the chart warns of, whenever it was noted."""
        dice = self._dice("allergies")
        found = (
            Allergy(self._noted(name), name, reaction, is_drug=is_drug, facility=self._clinic)
            for name, reaction, is_drug in ALLERGIES
            if dice.happens(30)
        )
        return _newest((each for each in found if each.noted <= self._today), _noted)

    def tests(self, months: MonthRange) -> tuple[LaboratoryTest, ...]:
        """Return the tests that go with the illnesses, once a quarter."""
        found = (self._test(month) for month in months if month.month % _QUARTER == 0)
        return _newest((each for each in found if each and each.values), _day)

    def prescriptions(self, months: MonthRange) -> tuple[Prescription, ...]:
        """Return what was prescribed."""
        found = (
            self._prescription(month, illness)
            for month in months
            for illness in self._treated(month)
        )
        return _newest(found, lambda each: each.prescribed)

    def dispensings(self, months: MonthRange) -> tuple[Dispensing, ...]:
        """Return what was handed out on those prescriptions, the same day."""
        return tuple(
            Dispensing(
                prescribed=each.prescribed,
                dispensed=each.prescribed,
                facility=each.facility,
                pharmacy=self._pharmacy,
                drugs=each.drugs,
            )
            for each in self.prescriptions(months)
            if each.is_dispensed
        )

    def checkups(self, months: MonthRange) -> tuple[Checkup, ...]:
        """Return the yearly checkups."""
        found = (self._checkup(year) for year in range(months.first.year, months.last.year + 1))
        return _newest((each for each in found if each and each.day in months), _day)

    @cached_property
    def _clinic(self) -> str:
        return self._dice("clinic").pick(CLINICS)

    @cached_property
    def _pharmacy(self) -> str:
        return self._dice("pharmacy").pick(PHARMACIES)

    def _dice(self, *topic: object) -> Dice:
        return Dice(self._person.person_key, self._person.birth_date, *topic)

    def _age(self, year: int) -> int:
        return year - self._person.birth_date.year

    @cached_property
    def _onsets(self) -> dict[Illness, date]:
        """When each illness begins that the person has, or will have at some age."""
        return {
            illness: self._onset(illness)
            for illness in ILLNESSES
            if illness.only in {None, self._person.sex}
            and self._dice("ill", illness.code).happens(illness.percent)
        }

    def _has(self, illness: Illness, year: int) -> bool:
        return self._onsets[illness].year <= year and self._age(year) <= illness.to_age

    def _onset(self, illness: Illness) -> date:
        dice = self._dice("onset", illness.code)
        latest = min(_ILL_BEFORE_YEARS, illness.to_age - illness.from_age)
        year = self._person.birth_date.year + illness.from_age + dice.below(latest)
        return date(year, dice.between(1, 12), dice.between(1, _LAST_SAFE_DAY))

    def _noted(self, topic: str) -> date:
        dice = self._dice("noted", topic)
        year = max(self._person.birth_date.year, _CHARTS_SINCE) + dice.between(1, 6)
        return date(year, dice.between(1, 12), dice.between(1, _LAST_SAFE_DAY))

    def _treated(self, month: Month) -> Iterator[Illness]:
        for illness, onset in self._onsets.items():
            is_ill = self._has(illness, month.year)
            if is_ill and onset <= self._visit(month, illness) <= self._today:
                yield illness
        has_cold = self._dice("cold", month).happens(COLD.percent)
        if has_cold and self._person.birth_date < self._visit(month, COLD) <= self._today:
            yield COLD

    def _done(self, month: Month) -> dict[tuple[str, str], None]:
        # Two illnesses are seen to at one visit, and what is done for both is done once.
        treated = self._treated(month)
        return dict.fromkeys(
            (each.department, name) for each in treated for name in each.treatments
        )

    def _prescription(self, month: Month, illness: Illness) -> Prescription:
        prescribed = self._visit(month, illness)
        return Prescription(
            prescribed=prescribed,
            facility=self._clinic,
            department=illness.department,
            drugs=illness.drugs,
            refills=0,
            is_dispensed=prescribed < self._today,
        )

    def _visit(self, month: Month, illness: Illness) -> date:
        dice = self._dice("visit", month, illness.department)
        return _weekday(date(month.year, month.month, dice.between(3, 24)))

    def _surgery(self, year: int) -> Surgery | None:
        # One in a span of three years, so that most people have one to show.
        span = self._dice("surgery", year // 3)
        if span.below(3) != year % 3:
            return None
        fitting = [each for each in OPERATIONS if each.from_age <= self._age(year) <= each.to_age]
        return self._operated(span.pick(fitting), year, span) if fitting else None

    def _operated(self, operation: Operation, year: int, dice: Dice) -> Surgery | None:
        day = _weekday(date(year, dice.between(1, 12), dice.between(1, 24)))
        if day > self._today:
            return None
        return Surgery(
            day=day,
            facility=dice.pick(HOSPITALS),
            department=operation.department,
            name=operation.name,
            code=operation.code,
            is_inpatient=True,
        )

    def _test(self, month: Month) -> LaboratoryTest | None:
        treated = [each for each in self._treated(month) if each.analytes]
        if not treated:
            return None
        analytes = dict.fromkeys(
            analyte for each in treated for analyte in each.analytes if analyte not in AT_CHECKUPS
        )
        return LaboratoryTest(
            day=self._visit(month, treated[0]),
            facility=self._clinic,
            values=tuple(self._measured(each, month, is_ill=True) for each in analytes),
        )

    def _checkup(self, year: int) -> Checkup | None:
        age, dice = self._age(year), self._dice("checkup", year)
        day = _weekday(date(year, dice.between(*_SEASON), dice.between(1, 24)))
        if age < _CHECKUP_AGE or day > self._today:
            return None
        values = tuple(self._measured(each, Month.of(day), is_ill=False) for each in CHECKUP)
        return Checkup(
            day=day,
            facility=self._clinic,
            name="後期高齢者健康診査" if age >= _ELDERLY_AGE else "特定健康診査",
            values=values,
            judgement=_judgement(values),
        )

    def _suspects(self, month: Month) -> set[Analyte]:
        day = date(month.year, month.month, 1)
        present = (
            illness
            for illness, onset in self._onsets.items()
            if onset <= day and self._has(illness, month.year)
        )
        return {analyte for illness in present for analyte in illness.analytes}

    def _measured(self, analyte: Analyte, month: Month, *, is_ill: bool) -> Measurement:
        is_raised = is_ill or analyte in self._suspects(month)
        span = analyte.most - analyte.least
        dice = self._dice("value", analyte.name, month)
        low, high = (60, 135) if is_raised else (20, 97)
        steps = analyte.least + span * dice.between(low, high) // 100
        return Measurement(
            name=analyte.name,
            value=analyte.written(steps),
            unit=analyte.unit,
            normal=analyte.normal,
            is_outside=not analyte.least <= steps <= analyte.most,
        )


def _newest(events: Iterable[Event], when: Callable[[Event], date]) -> tuple[Event, ...]:
    return tuple(sorted(events, key=when, reverse=True))


def _noted(allergy: Allergy) -> date:
    return allergy.noted


def _day(event: Surgery | LaboratoryTest | Checkup) -> date:
    return event.day


def _weekday(day: date) -> date:
    # Clinics are closed at the weekend.
    return day - timedelta(days=max(0, day.weekday() - _SATURDAY + 1))


def _judgement(values: tuple[Measurement, ...]) -> str:
    outside = [each.name for each in values if each.is_outside]
    if not outside:
        return "異常を認めません。"
    return f"{'、'.join(outside)}が基準の範囲を外れています。かかりつけの医師に相談してください。"
