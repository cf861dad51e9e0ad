"""The form's words and the settings are two sides of one thing."""

from dataclasses import replace
from datetime import date

from hypothesis import assume, given
from hypothesis import strategies as st

from tests.facilities.test_model import settings_values
from zaitaku.blueprints.console.settings_fields import (
    SECTIONS,
    read_form,
    shown_sections,
    typed_values,
)
from zaitaku.facilities.model import Enrolment, EnvironmentSettings, FacilityKind
from zaitaku.facilities.offers import Offer
from zaitaku.facilities.words import TERMS

INITIAL = EnvironmentSettings()


def made(values: dict[str, object]) -> EnvironmentSettings:
    """Settings that do not contradict themselves."""
    assume(not (values["clinical"] and values["medication"]))
    assume(not values["refill_prescription"] or values["electronic_prescription"])
    assume(values["prescription_use"] != "none" or values["prescription_timing"] == "otherwise")
    return replace(EnvironmentSettings.from_mapping(values), display_name="みどりの森")


@given(settings_values)
def test_what_is_shown_is_read_back(values: dict[str, object]) -> None:
    settings = made(values)
    reading = read_form(typed_values(settings), list(SECTIONS), INITIAL)
    assert reading.errors == {}
    assert reading.settings() == settings


@given(settings_values, st.sampled_from(FacilityKind))
def test_what_is_not_shown_cannot_be_sent(values: dict[str, object], kind: FacilityKind) -> None:
    offer = Offer.to(kind, Enrolment(), date(2026, 11, 20))
    sections = shown_sections(offer, INITIAL)
    reading = read_form(typed_values(made(values)), sections, INITIAL)
    for name in offer.withheld:
        assert reading.values[name] == getattr(INITIAL, name)


@given(st.dictionaries(st.sampled_from(sorted(TERMS)), st.text(max_size=5)))
def test_garbage_is_told_and_never_fails(form: dict[str, str]) -> None:
    reading = read_form(form, list(SECTIONS), INITIAL)
    assert set(reading.errors) <= set(TERMS)
    for name, typed in form.items():
        assert reading.typed[name] == typed


def test_a_setting_on_which_nothing_rests_yet_says_so() -> None:
    effects = {field.name: field.effect for section in SECTIONS for field in section.fields}
    kept = {name for name, effect in effects.items() if "値を保存しておく設定" in effect}
    assert kept == {
        "prescription_use",
        "prescription_timing",
        "electronic_prescription",
        "refill_prescription",
        "emergency",
    }
    assert all("まだ" in effects[name] for name in kept)


def test_every_setting_is_on_the_form_once() -> None:
    names = [field.name for section in SECTIONS for field in section.fields]
    assert sorted(names) == sorted(TERMS)
