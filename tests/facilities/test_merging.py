"""Two people change the settings at once: neither change gets lost."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from zaitaku.facilities.merging import rebase
from zaitaku.facilities.model import CharacterSet, EnvironmentSettings
from zaitaku.facilities.words import TERMS, changed_settings, differences

SWITCHES = ("surgery", "clinical", "checkup", "specific_disease", "emergency", "home_visit")
settings = st.builds(
    EnvironmentSettings,
    medication=st.just(False),
    character_set=st.sampled_from(CharacterSet),
    display_name=st.sampled_from(["", "みどり", "あおば"]),
    **{name: st.booleans() for name in SWITCHES},
)


@given(settings, settings, settings)
def test_the_laters_own_changes_stand_on_what_the_earlier_saved(
    seen: EnvironmentSettings, wanted: EnvironmentSettings, now: EnvironmentSettings
) -> None:
    merged = rebase(seen, wanted, now)
    together = merged.settings()
    for name in TERMS:
        chosen = wanted if name in merged.own else now
        assert getattr(together, name) == getattr(chosen, name)
    assert set(merged.both) == set(merged.own) & set(merged.theirs)


@given(settings, settings)
def test_who_changed_nothing_changes_nothing(
    seen: EnvironmentSettings, now: EnvironmentSettings
) -> None:
    assert rebase(seen, seen, now).settings() == now
    assert rebase(seen, now, seen).settings() == now


@given(settings, settings)
def test_every_difference_is_told_in_words(
    before: EnvironmentSettings, after: EnvironmentSettings
) -> None:
    changes = changed_settings(before, after)
    assert {change.name for change in changes} == set(differences(before, after))
    assert not [change for change in changes if change.before == change.after]


def test_changes_are_told_in_the_manuals_order_and_words() -> None:
    before = EnvironmentSettings()
    values: dict[str, Any] = {**before.to_mapping(), "online": True, "surgery": True}
    changes = changed_settings(before, EnvironmentSettings(**values))
    assert [change.term for change in changes] == [TERMS["surgery"], TERMS["online"]]
    assert {change.change for change in changes} == {"利用しない → 利用する"}
