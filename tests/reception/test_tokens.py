"""Tokens: short, one spelling each, and damage of any kind is an unknown URL, nothing else."""

import string

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from stdnum import luhn

from tests.reception.world import KEYS, OLD_KEY
from zaitaku.core.signing import Keyring
from zaitaku.reception.errors import UnknownUrl
from zaitaku.reception.model import Handle
from zaitaku.reception.tokens import UrlTokens, new_handle, read_typed

TOKENS = UrlTokens(KEYS)
BASE64URL = string.ascii_letters + string.digits + "-_"

handles = st.integers(0, 10**10 - 1).map(
    lambda number: Handle(f"{number:010d}" + luhn.calc_check_digit(f"{number:010d}"))
)


@given(handles)
def test_what_is_written_is_read(handle: Handle) -> None:
    token = TOKENS.write(handle)
    assert len(token) == 30
    assert set(token) <= set(BASE64URL + ".")
    assert TOKENS.read(token) == handle
    assert TOKENS.write(TOKENS.read(token)) == token


@given(handles, st.integers(0, 29), st.sampled_from(BASE64URL + ".=~ é\0あ"))
def test_no_character_can_be_another(handle: Handle, at: int, character: str) -> None:
    token = TOKENS.write(handle)
    assume(token[at] != character)
    with pytest.raises(UnknownUrl):
        TOKENS.read(token[:at] + character + token[at + 1 :])


@given(handles, st.integers(0, 29))
def test_a_truncated_token_is_unknown(handle: Handle, length: int) -> None:
    with pytest.raises(UnknownUrl):
        TOKENS.read(TOKENS.write(handle)[:length])


@given(handles, st.text(min_size=1, max_size=40), st.booleans())
def test_a_lengthened_token_is_unknown(handle: Handle, more: str, is_before: bool) -> None:
    token = TOKENS.write(handle)
    with pytest.raises(UnknownUrl):
        TOKENS.read(more + token if is_before else token + more)


@given(st.text(max_size=80) | st.text(BASE64URL + ".", min_size=28, max_size=32))
def test_any_other_text_is_unknown(text: str) -> None:
    with pytest.raises(UnknownUrl):
        TOKENS.read(text)


@pytest.mark.parametrize("token", ["", ".", "A" * 1_000_000, "." * 30, "AAAAAAA." + "A" * 22])
def test_extremes_are_unknown(token: str) -> None:
    with pytest.raises(UnknownUrl):
        TOKENS.read(token)


@given(handles)
def test_the_keys_of_another_deployment_say_nothing_here(handle: Handle) -> None:
    with pytest.raises(UnknownUrl):
        TOKENS.read(UrlTokens(Keyring(("f" * 32,))).write(handle))


@given(handles)
def test_a_signature_for_another_purpose_says_nothing_here(handle: Handle) -> None:
    payload = TOKENS.write(handle).split(".", maxsplit=1)[0]
    with pytest.raises(UnknownUrl):
        TOKENS.read(KEYS.signer("session").sign(payload).decode())


@given(handles)
def test_what_an_old_key_signed_still_holds_and_new_tokens_use_the_new_key(handle: Handle) -> None:
    before = UrlTokens(Keyring((OLD_KEY,)))
    printed = before.write(handle)
    assert TOKENS.read(printed) == handle
    assert TOKENS.write(handle) != printed
    with pytest.raises(UnknownUrl):
        before.read(TOKENS.write(handle))


def test_new_handles_differ_and_check() -> None:
    made = {new_handle() for _ in range(1000)}
    assert len(made) == 1000
    assert all(len(handle) == 11 and luhn.is_valid(handle) for handle in made)


FULL_WIDTH = str.maketrans("0123456789", "０１２３４５６７８９")


@given(handles, st.lists(st.sampled_from(["-", " ", "　", "‐", "−", "ー", "－", ""]), min_size=11))
def test_a_number_may_be_typed_with_any_separators_and_width(
    handle: Handle, separators: list[str]
) -> None:
    typed = "".join(digit + separator for digit, separator in zip(handle, separators, strict=False))
    assert read_typed(typed) == handle
    assert read_typed(typed.translate(FULL_WIDTH)) == handle


@given(handles, st.integers(0, 10), st.sampled_from(string.digits))
def test_one_mistyped_digit_is_noticed(handle: Handle, at: int, digit: str) -> None:
    assume(handle[at] != digit)
    with pytest.raises(UnknownUrl):
        read_typed(handle[:at] + digit + handle[at + 1 :])


@given(st.text(max_size=30))
def test_any_other_typed_text_is_unknown(typed: str) -> None:
    assume(sum(character.isdecimal() for character in typed) != 11)
    with pytest.raises(UnknownUrl):
        read_typed(typed)
