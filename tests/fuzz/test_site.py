"""Whatever comes back to the site, from a bridge or from anybody: an answer, and never a crash."""

import json
from http import HTTPStatus
from urllib.parse import quote_from_bytes

from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.drawing import JSON, altered, fuzzed, wild
from tests.patient.conftest import authority, openid, services, site
from tests.patient.site import Site
from zaitaku import wire

__all__ = ["authority", "openid", "services", "site"]

ORIGIN = "http://localhost:8000"
PROOF = {"challenge": "c" * 22, "certificate": "3082" * 40, "signature": "ab" * 256}
BODIES = wild([json.dumps(PROOF).encode()]) | st.builds(
    lambda value: json.dumps(value).encode(), altered(PROOF) | JSON
)
QUERIES = wild([b"code=abcdefghijklmnopqrstuv", b"cancelled=1"])
JOURNEYS = wild([b"abcdefghijklmnopqrstuv"])


def client_of(site: Site) -> FlaskClient:
    return site.app.test_client()


@fuzzed
@given(body=BODIES)
def test_any_proof_is_answered(site: Site, body: bytes) -> None:
    client = client_of(site)
    answer = client.post(
        wire.PROOF_PATH, data=body, base_url=ORIGIN, content_type="application/json"
    )
    assert HTTPStatus.BAD_REQUEST <= answer.status_code < HTTPStatus.INTERNAL_SERVER_ERROR
    assert answer.json is not None
    assert "error" in answer.json


@fuzzed
@given(journey=JOURNEYS, query=QUERIES)
def test_any_return_is_answered(site: Site, journey: bytes, query: bytes) -> None:
    path = f"/j/{quote_from_bytes(journey, safe='')}/card/return"
    text = quote_from_bytes(query, safe="=&%+;?/")
    answer = client_of(site).get(path, query_string=text, base_url=ORIGIN)
    assert answer.status_code < HTTPStatus.INTERNAL_SERVER_ERROR
