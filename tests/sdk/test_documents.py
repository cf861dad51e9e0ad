"""Consent documents have one text, the same that another implementation makes."""

import json
from datetime import date
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from tests.sdk.validators import is_valid
from zaitaku.sdk import Choice, state_document
from zaitaku.sdk.documents import SAFE_INTEGER, canonical

TEXTS = st.text(st.characters(codec="utf-8"), max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-SAFE_INTEGER, SAFE_INTEGER) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)
CHOICES = [Choice("surgery", "手術の情報", True), Choice("checkup", "健診の情報", False)]


def stated(**changes: Any) -> str:
    told: dict[str, Any] = {
        "facility": "見本の診療所",
        "channel": "online",
        "operator": "companion",
        "language": "ja",
        "choices": CHOICES,
        "visit_date": date(2026, 12, 1),
        **changes,
    }
    return state_document(**told).text


@given(VALUES)
def test_it_is_what_another_implementation_writes(value: Any) -> None:
    assert canonical(value).encode() == rfc8785.dumps(value)


@pytest.mark.parametrize(
    "value", [1.5, 2**53, -(2**53), float("nan"), "\ud800", {"a": [1.0]}, {"\ud800": 1}, b"x"]
)
def test_what_readers_would_read_differently_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match=r"alike|surrogates"):
        canonical(value)


def test_the_document_is_the_described_one_and_canonical() -> None:
    text = stated()
    body = json.loads(text)
    assert is_valid("consent-document", body)
    assert rfc8785.dumps(body).decode() == text
    assert [entry["decision"] for entry in body["decisions"]] == ["grant", "refuse"]
    assert body["visit_date"] == "2026-12-01"


def test_members_of_the_site_are_signed_with_it() -> None:
    assert json.loads(stated(more={"journey": "j-1", "step": 2}))["journey"] == "j-1"


@pytest.mark.parametrize("name", ["facility", "decisions", "visit_date"])
def test_a_member_cannot_be_said_twice(name: str) -> None:
    with pytest.raises(ValueError, match="twice"):
        stated(more={name: None})
