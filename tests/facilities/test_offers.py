"""Which settings a facility has: by its kind, and by what was settled with the operator."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zaitaku.core.errors import InvalidField
from zaitaku.facilities.model import (
    Enrolment,
    EnvironmentSettings,
    FacilityKind,
    PrescriptionTiming,
    PrescriptionUse,
)
from zaitaku.facilities.offers import Offer

TODAY = date(2026, 11, 20)
INITIAL = EnvironmentSettings()
ALL_SETTLED = Enrolment(subsidy_pilot=True, chart_sharing_from=TODAY)
PRESCRIBING = EnvironmentSettings(
    prescription_use=PrescriptionUse.BOTH,
    prescription_timing=PrescriptionTiming.AT_ELIGIBILITY_CHECK,
)
DISPENSING = EnvironmentSettings(electronic_prescription=True, refill_prescription=True)


def refusal(offer: Offer, wanted: EnvironmentSettings, present: EnvironmentSettings) -> str:
    with pytest.raises(InvalidField) as caught:
        offer.check(wanted, present)
    return f"{caught.value.field}: {caught.value.rule}"


@pytest.mark.parametrize("kind", FacilityKind)
def test_each_kind_of_facility_has_its_own_prescription_settings(kind: FacilityKind) -> None:
    offer = Offer.to(kind, ALL_SETTLED, TODAY)
    own, foreign = PRESCRIBING, DISPENSING
    rule = "electronic_prescription: pharmacy-only"
    if kind is FacilityKind.PHARMACY:
        own, foreign, rule = DISPENSING, PRESCRIBING, "prescription_use: not-for-pharmacy"
    offer.check(own, INITIAL)
    assert refusal(offer, foreign, INITIAL) == rule


def test_subsidies_are_for_the_pilot_alone() -> None:
    wanted = EnvironmentSettings(subsidy=True)
    Offer.to(FacilityKind.DENTAL, ALL_SETTLED, TODAY).check(wanted, INITIAL)
    outside = Offer.to(FacilityKind.DENTAL, Enrolment(), TODAY)
    assert refusal(outside, wanted, INITIAL) == "subsidy: pilot-only"


@pytest.mark.parametrize("days", [None, 1, 0, -1])
def test_charts_are_shared_only_after_application_and_start(days: int | None) -> None:
    start = None if days is None else TODAY + timedelta(days=days)
    offer = Offer.to(FacilityKind.MEDICAL, Enrolment(chart_sharing_from=start), TODAY)
    wanted = EnvironmentSettings(chart_sharing=True)
    if days is not None and days <= 0:
        offer.check(wanted, INITIAL)
    else:
        assert refusal(offer, wanted, INITIAL) == "chart_sharing: after-application"


def test_the_time_of_choosing_needs_electronic_prescriptions() -> None:
    offer = Offer.to(FacilityKind.MEDICAL, Enrolment(), TODAY)
    wanted = replace(PRESCRIBING, prescription_use=PrescriptionUse.NONE)
    assert refusal(offer, wanted, INITIAL) == "prescription_timing: needs-prescription-use"
    for use in set(PrescriptionUse) - {PrescriptionUse.NONE}:
        offer.check(replace(PRESCRIBING, prescription_use=use), INITIAL)


def test_what_is_no_longer_offered_may_stay_or_go_back() -> None:
    offer = Offer.to(FacilityKind.MEDICAL, Enrolment(), TODAY)
    held = EnvironmentSettings(chart_sharing=True)
    assert offer.shows("chart_sharing", held)
    assert not offer.shows("chart_sharing", INITIAL)
    offer.check(replace(held, surgery=True), held)
    offer.check(INITIAL, held)


@given(st.sampled_from(FacilityKind), st.booleans())
def test_the_initial_values_suit_every_facility(kind: FacilityKind, pilot: bool) -> None:
    Offer.to(kind, Enrolment(subsidy_pilot=pilot), TODAY).check(INITIAL, INITIAL)
