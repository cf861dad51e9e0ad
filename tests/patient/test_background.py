"""What a journey keeps in mind of its facility comes back as it was, or not at all."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zaitaku.blueprints.patient.background import Background, read
from zaitaku.consent.model import ConsentItem, Question
from zaitaku.consent.questions import wording_ids
from zaitaku.facilities.model import Channel
from zaitaku.reception.model import Handle

questions = st.sampled_from(
    [Question(item, wording) for item in ConsentItem for wording in sorted(wording_ids(item))]
)
backgrounds = st.builds(
    Background,
    name=st.text(),
    phone=st.text(),
    dial=st.text(),
    hours=st.text(),
    channel=st.sampled_from(Channel),
    handle=st.text().map(Handle),
    questions=st.lists(questions, min_size=1).map(tuple),
)


@given(backgrounds)
def test_it_is_read_as_it_was_written(background: Background) -> None:
    assert read(background.text()) == background


GOOD = ["a", "b", "c", "d", "online", "1", [["checkup", "checkup"]]]


def test_the_places_of_what_is_written_have_their_kinds() -> None:
    assert read(json.dumps(GOOD)) is not None


@pytest.mark.parametrize(
    ("place", "value"),
    [
        *((place, 5) for place in range(7)),
        *((place, None) for place in range(7)),
        (4, "by-post"),
        (6, []),
        (6, [["checkup"]]),
        (6, [["checkup", "checkup-of-tomorrow"]]),
        (6, [["blood-type", "blood-type"]]),
    ],
)
def test_what_another_release_wrote_is_no_background(place: int, value: object) -> None:
    assert read(json.dumps([*GOOD[:place], value, *GOOD[place + 1 :]])) is None


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", '["a"]', "[" * 100_000])
def test_what_is_not_even_a_list_of_them_is_none_either(text: str) -> None:
    assert read(text) is None


values = st.recursive(st.none() | st.integers() | st.text(), st.lists)


@given(st.lists(values, min_size=7, max_size=7))
def test_no_values_break_it(parts: list[object]) -> None:
    found = read(json.dumps(parts))
    assert found is None or isinstance(found, Background)
