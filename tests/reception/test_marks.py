"""Marks of named posters: short, one spelling, worth nothing on any other URL."""

import string
from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.reception.test_poster import ADDRESS, LAYOUTS, ORDINARY, _text
from tests.reception.test_tokens import TOKENS, handles
from tests.reception.world import OLD_KEY
from zaitaku.core.signing import Keyring
from zaitaku.reception.model import Handle
from zaitaku.reception.poster import Layout, poster_pdf
from zaitaku.reception.posters.model import MOST_POSTERS, NO_POSTER, PosterNumber
from zaitaku.reception.qr import qr_modules, qr_png
from zaitaku.reception.tokens import MARK_CHARACTERS, TOKEN_CHARACTERS, UrlTokens, split_mark

BASE64URL = string.ascii_letters + string.digits + "-_"

numbers = st.integers(1, 1023).map(PosterNumber)


@given(handles, numbers)
def test_what_is_written_is_read(handle: Handle, number: PosterNumber) -> None:
    mark = TOKENS.write_mark(handle, number)
    assert len(mark) == MARK_CHARACTERS
    assert set(mark) <= set(BASE64URL)
    assert TOKENS.read_mark(handle, mark) == number
    assert split_mark(TOKENS.write(handle) + mark) == (TOKENS.write(handle), mark)


@given(handles, numbers, st.integers(0, 3), st.sampled_from(BASE64URL))
def test_a_changed_mark_never_counts_for_the_same_poster_again(
    handle: Handle, number: PosterNumber, at: int, character: str
) -> None:
    mark = TOKENS.write_mark(handle, number)
    changed = mark[:at] + character + mark[at + 1 :]
    assume(changed != mark)
    assert TOKENS.read_mark(handle, changed) != number


@given(handles, st.text(max_size=8))
def test_any_other_text_is_no_poster(handle: Handle, text: str) -> None:
    assume(not (len(text) == MARK_CHARACTERS and set(text) <= set(BASE64URL)))
    assert TOKENS.read_mark(handle, text) == NO_POSTER


def test_of_all_possible_marks_only_few_count() -> None:
    handle = Handle("12345678903")
    marks = [f"{first}{second}A_" for first in BASE64URL for second in BASE64URL]
    assert sum(TOKENS.read_mark(handle, mark) != NO_POSTER for mark in marks) <= 4


@given(handles, numbers)
def test_a_mark_of_an_old_key_still_counts(handle: Handle, number: PosterNumber) -> None:
    printed = UrlTokens(Keyring((OLD_KEY,))).write_mark(handle, number)
    assert TOKENS.read_mark(handle, printed) == number


@pytest.mark.parametrize("number", [-1, 1024])
def test_no_other_number_has_a_mark(number: int) -> None:
    with pytest.raises(ValueError, match="ten bits"):
        TOKENS.write_mark(Handle("12345678903"), PosterNumber(number))


def test_every_number_that_is_given_has_room_in_a_mark() -> None:
    assert MOST_POSTERS <= 1023
    assert TOKENS.write_mark(Handle("12345678903"), NO_POSTER) == ""


@given(handles, st.text(min_size=MARK_CHARACTERS + 1, max_size=9))
def test_a_longer_tail_belongs_to_the_token(handle: Handle, tail: str) -> None:
    token = TOKENS.write(handle)
    assert len(token) == TOKEN_CHARACTERS
    assert split_mark(token + tail) == (token + tail, "")


def test_a_mark_makes_the_symbol_no_finer() -> None:
    assert len(qr_modules(qr_png(ADDRESS + "AbC_"))) == len(qr_modules(qr_png(ADDRESS)))


@LAYOUTS
@pytest.mark.parametrize("name", ["待合室", "一階退院窓口よこの掲示板（東がわの柱）"])
def test_the_name_stands_on_the_paper(layout: Layout, name: str) -> None:
    printed = _text(poster_pdf(replace(ORDINARY, poster_name=name), layout))
    assert printed.count(name) == (10 if layout is Layout.SHEET else 1)
    assert name not in _text(poster_pdf(ORDINARY, layout))
