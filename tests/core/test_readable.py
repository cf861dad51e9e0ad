"""A text is readable when whoever looks at it sees all of it, and nothing but it."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zaitaku.wire import MARKS_LIMIT, is_readable

BLANK = [
    *("\u00ad", "\u034f", "\u115f", "\u1160", "\u17b4", "\u180b", "\u180e", "\u200b", "\u2060"),
    *("\u3164", "\ufe0f", "\ufeff", "\uffa0", "\ufff0", "\U000e0100", "\U000e0fff"),
    *("\u2800", "\U00013441", "\U00016fe4", "\U0001d159"),
]
READABLE = [
    *("みどり坂在宅クリニック", "第2診療所", "St. Luke's 〒104", "３丁目", "𠮷田医院", "Ⅷ"),
    *("葛\U000e0100城クリニック", "辻\U000e0100", "神\ufe00田"),
    *("か\u3099んか\u3099", "bệnh viện", "e\u0302\u0323", "ก็ที่", "हिन्दी", "עִבְרִית"),
]
UNREADABLE = [
    *("", " ", "\u3000", "★", "？！", "\n", "a\nb", "\ue000", "\u202eあ", "\u0301あ"),
    *("あ\u20dd", "みせます\u20e0", "みせます\u0336", "A" + "\u0489" * 90),
    *("A" + "\u0301" * (MARKS_LIMIT + 1), "あ\ufe0f", "葛\U000e0100\U000e0100", "\U000e0100葛"),
]


@pytest.mark.parametrize("text", READABLE)
def test_what_people_write_is_readable(text: str) -> None:
    assert is_readable(text)
    assert is_readable(unicodedata.normalize("NFD", "がぎ"))


@pytest.mark.parametrize("text", UNREADABLE)
def test_what_hides_covers_or_strikes_is_not(text: str) -> None:
    assert not is_readable(text)


@given(st.sampled_from(BLANK), st.text("あa1", max_size=3), st.text("あa1", max_size=3))
def test_no_blank_letter_stands_anywhere(blank: str, before: str, after: str) -> None:
    assert not is_readable(before + blank + after)


@given(st.text(st.characters(categories=("Cc", "Cf", "Cs", "Co", "Zl", "Zp", "Me")), min_size=1))
def test_no_hidden_character_stands_beside_letters(hidden: str) -> None:
    assert not is_readable(f"見せます{hidden}")


@given(st.text())
def test_a_readable_text_has_a_letter_or_a_digit_and_few_marks(text: str) -> None:
    if is_readable(text):
        kinds = "".join(unicodedata.category(character)[0] for character in text)
        assert {"L", "N"} & set(kinds)
        assert "M" * (MARKS_LIMIT + 2) not in kinds  # one of them chooses an ideograph's shape
