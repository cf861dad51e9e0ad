"""What is guessed first is no password; what somebody thought of is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zaitaku.accounts.guessed import is_guessed_first
from zaitaku.accounts.model import check_new_password
from zaitaku.accounts.passwords import initial_password
from zaitaku.core.errors import InvalidField

GUESSED = [
    "password1234",
    "Password2026!",
    "P@ssw0rd2026",
    "passwordpassword",
    "123456789012",
    "qwertyuiop123",
    "1qaz2wsx3edc",
    "qazwsxedcrfv",
    "iloveyou1234",
    "admin1234567",
    "administrator1",
    "abcdefghijkl",
    "zaitaku-uketsuke",
    "clinic-2026-04",
    "ｐａｓｓｗｏｒｄ１２３４",
    "sakurasakura2025",
    "abc123abc123",
    "98765432101234",
]
OWN = [
    "midori-zaka-2026",
    "another-good-one",
    "correct horse battery staple",
    "ねこがまどでひるねしている",
    "kettle/under/moss",
    "J7v!rq-9Lm2x",
]


@pytest.mark.parametrize("password", GUESSED)
def test_what_is_guessed_first_is_refused(password: str) -> None:
    with pytest.raises(InvalidField):
        check_new_password(password, "staff01")


@pytest.mark.parametrize("password", OWN)
def test_what_somebody_thought_of_is_taken(password: str) -> None:
    assert check_new_password(password, "staff01") == password


def test_what_is_drawn_is_taken() -> None:
    assert not any(is_guessed_first(initial_password()) for _ in range(200))


@given(st.text(max_size=128))
def test_any_text_is_judged(password: str) -> None:
    assert is_guessed_first(password) in {True, False}
