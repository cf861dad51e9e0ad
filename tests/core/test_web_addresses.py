"""Which addresses settings may name: whole ones, and private ones where it counts."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from zaitaku.core.web_addresses import (
    is_https,
    is_loopback,
    is_number,
    is_private_way,
    is_web_address,
)

NOT_WHOLE = (
    *(
        "",
        "midori.example",
        "//midori.example",
        "https://",
        "https:///list",
        "ftp://midori.example",
    ),
    *("https://midori.example:0/", "https://midori.example:x/", "https://midori.example:70000/"),
    *("https://[::1", "http://:8000/"),
)


@pytest.mark.parametrize("text", NOT_WHOLE)
def test_what_is_not_whole_is_no_address(text: str) -> None:
    """Nor is it https, nor a way that nobody sees."""
    assert not (is_web_address(text) or is_https(text) or is_private_way(text))


@pytest.mark.parametrize(
    ("text", "private"),
    [
        ("https://midori.example/list?of=all", True),
        ("http://midori.example/list", False),
        ("http://127.0.0.1:4318/v1/traces", True),
        ("http://127.9.9.9/", True),
        ("http://[::1]:4318/", True),
        ("http://localhost/", True),
        ("http://localhost.midori.example/", False),
        ("http://127.0.0.1.midori.example/", False),
        ("http://127.0.0.1@midori.example/", False),
        ("http://192.168.0.5/", False),
    ],
)
def test_a_private_way_is_https_or_ends_on_this_machine(text: str, *, private: bool) -> None:
    """Whatever stands before or after the host's name."""
    assert is_web_address(text)
    assert is_private_way(text) is private
    assert is_https(text) is text.startswith("https:")


def test_of_hosts_only_this_machine_is_loopback() -> None:
    """Any number of 127.0.0.0/8 is; an unspecified address means every network."""
    hosts = ("127.0.0.1", "::1", "localhost", "0.0.0.0", "::", "")
    assert [is_loopback(host) for host in hosts] == [True, True, True, False, False, False]
    assert is_number("0.0.0.0")
    assert not is_number("::1%a; script-src *")
    assert not is_number("localhost")


@given(st.text() | st.from_regex(r"https?://[^/]*(/.*)?"))
@example("http://[")
def test_any_text_is_answered(text: str) -> None:
    """Nothing that somebody sets ends in an exception, and https is the narrower word."""
    assert is_https(text) <= is_private_way(text) <= is_web_address(text)
