"""What a journey keeps in mind of its facility comes back as it was, or not at all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zaitaku.blueprints.patient.background import Background, read
from zaitaku.consent.model import ConsentItem, Question
from zaitaku.facilities.model import Channel
from zaitaku.reception.model import Handle

questions = st.builds(Question, st.sampled_from(ConsentItem), st.text())
backgrounds = st.builds(
    Background,
    name=st.text(),
    phone=st.text(),
    dial=st.text(),
    hours=st.text(),
    channel=st.sampled_from(Channel),
    handle=st.text().map(Handle),
    questions=st.lists(questions).map(tuple),
)


@given(backgrounds)
def test_it_is_read_as_it_was_written(background: Background) -> None:
    assert read(background.text()) == background


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[]",
        "null",
        '["a"]',
        '["a", "b", "c", "d", "by-post", "1", []]',
        "[1,2,3,4,5,6,7]",
    ],
)
def test_what_another_release_wrote_is_no_background(text: str) -> None:
    assert read(text) is None


@given(st.text())
def test_no_text_breaks_it(text: str) -> None:
    found = read(text)
    assert found is None or isinstance(found, Background)
