"""Damaged answers of a site: the bridge has a code, or it has none and says so."""

import json
from collections.abc import Mapping
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cardbridge.server.fakesite import CODE
from tests.fuzz.drawing import JSON, fuzzed, wild
from zaitaku import wire
from zaitaku.cardbridge.trust.failures import KeyUnreachable, SiteRefused, SiteUnreachable
from zaitaku.cardbridge.trust.site import SiteClient

ORIGIN = "https://zaitaku.example"
PROOF = wire.CardProof("c-1", "00", "00")
STATUSES = st.sampled_from([200, 201, 204, 301, 400, 403, 404, 409, 410, 418, 429, 500, 503])
HEADERS = st.fixed_dictionaries({}, optional={"Date": st.text(max_size=40)})
BODIES = wild([json.dumps({"code": CODE}).encode(), b'{"error":"challenge-unknown"}']) | st.builds(
    lambda value: json.dumps(value).encode(), JSON
)


class Answer:
    """What a site answered."""

    def __init__(self, status: int, headers: Mapping[str, str]) -> None:
        self.status = status
        self.headers = headers


@pytest.fixture(scope="module")
def client() -> SiteClient:
    return SiteClient()


@fuzzed
@given(status=STATUSES, headers=HEADERS, body=BODIES)
def test_a_code_is_a_code_or_there_is_none(
    client: SiteClient, status: int, headers: Mapping[str, str], body: bytes
) -> None:
    with patch.object(SiteClient, "_ask", return_value=(Answer(status, headers), body)):
        try:
            code = client.send_proof(ORIGIN, PROOF)
        except (SiteRefused, SiteUnreachable):
            return
    assert code.replace("-", "a").replace("_", "a").isalnum()
    assert code.isascii()


@fuzzed
@given(status=STATUSES, headers=HEADERS, body=BODIES)
def test_keys_are_keys_or_there_are_none(
    client: SiteClient, status: int, headers: Mapping[str, str], body: bytes
) -> None:
    with patch.object(SiteClient, "_ask", return_value=(Answer(status, headers), body)):
        try:
            published = client.fetch_keys(ORIGIN)
        except KeyUnreachable:
            return
    assert all(isinstance(key, dict) for key in published.keys)
