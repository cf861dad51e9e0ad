"""Words for browsers, from what they say of themselves."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zaitaku.accounts.devices import UNKNOWN, device_label

LONGEST = 20


@pytest.mark.parametrize(
    ("said", "label"),
    [
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko)"
            " Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0",
            "Windows・Edge",
        ),
        (
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15"
            " (KHTML, like Gecko) Version/26.0 Safari/605.1.15",
            "Mac・Safari",
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) AppleWebKit/605.1.15"
            " (KHTML, like Gecko) CriOS/142.0 Mobile/15E148 Safari/604.1",
            "iPhone・Chrome",
        ),
        (
            "Mozilla/5.0 (Android 15; Mobile; rv:145.0) Gecko/145.0 Firefox/145.0",
            "Android・Firefox",
        ),
        ("curl/8.5.0", UNKNOWN),
        ("", UNKNOWN),
    ],
)
def test_well_known_browsers(said: str, label: str) -> None:
    assert device_label(said) == label


@given(st.text())
def test_whatever_a_browser_says_the_words_are_short_and_ours(said: str) -> None:
    label = device_label(said)
    assert 0 < len(label) <= LONGEST
