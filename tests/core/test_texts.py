"""Control characters in text from outside."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zaitaku.core.texts import has_control_characters, without_control_characters


@pytest.mark.parametrize("text", ["a\0", "\x1b[2J", "\x7f", "\x80", "\n", "\ud800"])
def test_what_no_line_of_text_has(text: str) -> None:
    assert has_control_characters(text)


@pytest.mark.parametrize("text", ["", "在宅　太郎", "𠮷田 O'Neil", "👩‍⚕️"])
def test_what_people_write(text: str) -> None:
    assert not has_control_characters(text)
    assert without_control_characters(text) == text


@given(st.text())
def test_nothing_unfit_is_left(text: str) -> None:
    assert not has_control_characters(without_control_characters(text))
