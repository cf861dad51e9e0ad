"""The rule of domain.md §4: settings decide what is asked, in which order, under which words."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from zaitaku.consent.model import ConsentItem, Question
from zaitaku.consent.questions import questions_for, wording_ids
from zaitaku.facilities.model import EnvironmentSettings

ORDER = list(ConsentItem)
WIDER = {ConsentItem.SURGERY, ConsentItem.CLINICAL, ConsentItem.MEDICATION}


@st.composite
def all_settings(draw: st.DrawFn) -> EnvironmentSettings:
    """Any settings that do not contradict themselves."""
    flags = {
        name: draw(st.booleans())
        for name in EnvironmentSettings().to_mapping()
        if isinstance(EnvironmentSettings().to_mapping()[name], bool)
    }
    flags["medication"] &= not flags["clinical"]
    flags["refill_prescription"] &= flags["electronic_prescription"]
    return EnvironmentSettings.from_mapping(flags)


@given(all_settings())
def test_each_item_is_asked_exactly_when_its_setting_says_so(settings: EnvironmentSettings) -> None:
    asked = {question.item for question in questions_for(settings)}
    expected = {
        ConsentItem.SURGERY: settings.surgery,
        ConsentItem.CLINICAL: settings.clinical,
        ConsentItem.MEDICATION: settings.medication,
        ConsentItem.CHECKUP: settings.checkup,
        ConsentItem.SPECIFIC_DISEASE: settings.specific_disease,
        ConsentItem.HIGH_COST_LIMIT: True,
    }
    assert asked == {item for item, is_asked in expected.items() if is_asked}


@given(all_settings())
def test_order_is_fixed_and_nothing_is_asked_twice(settings: EnvironmentSettings) -> None:
    items = [question.item for question in questions_for(settings)]
    assert items == sorted(set(items), key=ORDER.index)
    assert not {ConsentItem.CLINICAL, ConsentItem.MEDICATION} <= set(items)


@given(all_settings())
def test_chart_sharing_widens_three_items_and_no_other(settings: EnvironmentSettings) -> None:
    for question in questions_for(settings):
        is_wider = settings.chart_sharing and question.item in WIDER
        assert question.wording_id == question.item + ("-with-chart" if is_wider else "")
        assert question.wording_id in wording_ids(question.item)


@given(all_settings())
def test_nothing_else_matters(settings: EnvironmentSettings) -> None:
    other = replace(settings, home_visit=not settings.home_visit, display_name="別の名前")
    assert questions_for(other) == questions_for(settings)


def test_initial_settings_ask_medication_checkup_and_display_items() -> None:
    assert questions_for(EnvironmentSettings()) == (
        Question(ConsentItem.MEDICATION, "medication"),
        Question(ConsentItem.CHECKUP, "checkup"),
        Question(ConsentItem.SPECIFIC_DISEASE, "specific-disease"),
        Question(ConsentItem.HIGH_COST_LIMIT, "high-cost-limit"),
    )
