"""Reading what an operator typed: days and choices."""

from collections.abc import Mapping
from datetime import date
from enum import StrEnum
from typing import TypeVar

from zaitaku.core.errors import InvalidField
from zaitaku.facilities.model import Enrolment, Facility
from zaitaku.facilities.relations import FacilityFacts, day_or_none

Choice = TypeVar("Choice", bound=StrEnum)

FACT_FIELDS = (
    "registered_name",
    "phone",
    "hours",
    "starts_on",
    "subsidy_pilot",
    "chart_sharing_from",
)


def day_in(values: Mapping[str, str], field: str) -> date | None:
    """Return the day of a field; empty: none.

    Raises:
        InvalidField: rule ``not-a-date``.
    """
    return day_or_none(field, values.get(field, ""))


def required_day(values: Mapping[str, str], field: str) -> date:
    """Return the day of a field that may not be empty.

    Raises:
        InvalidField: rule ``required`` or ``not-a-date``.
    """
    day = day_in(values, field)
    if day is None:
        raise InvalidField(field, "required")
    return day


def choice_in(values: Mapping[str, str], field: str, kind: type[Choice]) -> Choice:
    """Return the chosen member.

    Raises:
        InvalidField: rule ``unknown``.
    """
    try:
        return kind(values.get(field, ""))
    except ValueError as error:
        raise InvalidField(field, "unknown") from error


def facts_in(values: Mapping[str, str]) -> FacilityFacts:
    """Return the facts that were typed, checked.

    Raises:
        InvalidField: one of them breaks its rule.
    """
    return FacilityFacts(
        registered_name=values["registered_name"],
        phone=values["phone"],
        hours=values["hours"],
        enrolment=Enrolment(
            starts_on=day_in(values, "starts_on"),
            subsidy_pilot=values.get("subsidy_pilot") == "yes",
            chart_sharing_from=day_in(values, "chart_sharing_from"),
        ),
    )


def facts_of(facility: Facility) -> dict[str, str]:
    """Return a facility's facts as the form shows them."""
    joined = facility.enrolment
    return {
        "registered_name": facility.registered_name,
        "phone": facility.phone,
        "hours": facility.hours,
        "starts_on": joined.starts_on.isoformat() if joined.starts_on else "",
        "subsidy_pilot": "yes" if joined.subsidy_pilot else "",
        "chart_sharing_from": joined.chart_sharing_from.isoformat()
        if joined.chart_sharing_from
        else "",
    }
