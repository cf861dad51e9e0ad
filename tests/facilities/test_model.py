"""Institution codes and environment settings."""

import json

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from zaitaku.core.errors import InvalidField
from zaitaku.facilities.model import (
    Channel,
    CharacterSet,
    EnvironmentSettings,
    FacilityKind,
    InstitutionCode,
    PrescriptionTiming,
    PrescriptionUse,
)

settings_values = st.fixed_dictionaries(
    {
        "character_set": st.sampled_from(CharacterSet),
        "prescription_use": st.sampled_from(PrescriptionUse),
        "prescription_timing": st.sampled_from(PrescriptionTiming),
        "display_name": st.text(max_size=10),
        **{
            name: st.booleans()
            for name, value in EnvironmentSettings().to_mapping().items()
            if isinstance(value, bool)
        },
    }
)


@pytest.mark.parametrize(
    ("digits", "kind"),
    [
        ("1310123456", FacilityKind.MEDICAL),
        ("0130000001", FacilityKind.DENTAL),
        ("4740000001", FacilityKind.PHARMACY),
        ("2760000001", FacilityKind.VISITING_NURSE),
    ],
)
def test_the_third_digit_names_the_kind(digits: str, kind: FacilityKind) -> None:
    assert InstitutionCode(digits).kind is kind


@pytest.mark.parametrize(
    ("digits", "rule"),
    [
        ("131012345", "ten-digits"),
        ("13101234567", "ten-digits"),
        ("１３１０１２３４５６", "ten-digits"),
        ("13101234a6", "ten-digits"),
        ("0010123456", "prefecture"),
        ("4810123456", "prefecture"),
        ("1320123456", "kind"),
    ],
)
def test_other_codes_are_refused(digits: str, rule: str) -> None:
    with pytest.raises(InvalidField) as caught:
        InstitutionCode(digits)
    assert (caught.value.field, caught.value.rule) == ("institution_code", rule)


@given(settings_values)
def test_settings_survive_the_store_or_contradict_each_other(values: dict[str, object]) -> None:
    contradictory = (values["clinical"] and values["medication"]) or (
        values["refill_prescription"] and not values["electronic_prescription"]
    )
    if contradictory:
        with pytest.raises(InvalidField):
            EnvironmentSettings.from_mapping(values)
        return
    kept = EnvironmentSettings.from_mapping(values)
    assert kept == EnvironmentSettings.from_mapping(json.loads(json.dumps(kept.to_mapping())))
    assert kept.to_mapping() == values


@given(settings_values, st.sampled_from(sorted(EnvironmentSettings().to_mapping())))
def test_a_setting_that_an_old_version_lacks_has_its_initial_value(
    values: dict[str, object], lacking: str
) -> None:
    assume(lacking not in {"clinical", "medication", "electronic_prescription"})
    values |= {"clinical": False, "electronic_prescription": True}
    del values[lacking]
    kept = EnvironmentSettings.from_mapping(values)
    assert getattr(kept, lacking) == getattr(EnvironmentSettings(), lacking)


def test_channels_are_off_until_switched_on() -> None:
    assert not any(EnvironmentSettings().is_on(channel) for channel in Channel)
    assert EnvironmentSettings(home_visit=True).is_on(Channel.HOME_VISIT)
    assert not EnvironmentSettings(home_visit=True).is_on(Channel.ONLINE)
    assert EnvironmentSettings(online=True).is_on(Channel.ONLINE)


def test_the_initial_values_are_the_manuals() -> None:
    """domain.md §4, the column "initial"."""
    is_on = {name for name, value in EnvironmentSettings().to_mapping().items() if value is True}
    assert is_on == {"medication", "checkup", "specific_disease"}
    initial = EnvironmentSettings()
    assert initial.character_set is CharacterSet.UTF_8
    assert initial.prescription_use is PrescriptionUse.NONE
    assert initial.prescription_timing is PrescriptionTiming.OTHERWISE
    assert initial.display_name == ""
