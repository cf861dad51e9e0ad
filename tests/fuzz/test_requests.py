"""Damaged requests: the bridge opens a reading for what the site signed, and for nothing else."""

import json
from pathlib import Path
from typing import Any
from unittest.mock import create_autospec

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cardbridge.server.fakesite import FakeSite
from tests.cardbridge.server.rig import claims_for
from tests.fuzz.drawing import JSON, altered, fuzzed, wild
from zaitaku import wire
from zaitaku.cardbridge.trust.failures import BridgeError
from zaitaku.cardbridge.trust.pins import Pins, Trust
from zaitaku.cardbridge.trust.requests import VerifiedRequest, verify_request
from zaitaku.cardbridge.trust.site import PublishedKeys, SiteClient

ORIGIN = "https://zaitaku.example"
NOW = 1_790_000_000
SITE = FakeSite(origin=ORIGIN)
CLAIMS = claims_for(ORIGIN, now=NOW)
TOKEN = SITE.sign(CLAIMS)


@pytest.fixture(scope="module")
def trust(tmp_path_factory: pytest.TempPathFactory) -> Trust:
    published = PublishedKeys(
        keys=(SITE.key.as_dict(private=False),), endorsements=(), site_time=float(NOW)
    )
    client = create_autospec(SiteClient, instance=True)
    client.fetch_keys.return_value = published
    folder = Path(tmp_path_factory.mktemp("state"))
    return Trust(allowed=frozenset(), tests=frozenset({ORIGIN}), pins=Pins(folder), site=client)


def opened(token: str, trust: Trust) -> VerifiedRequest | None:
    """Return the request in ``token``; a foreseen refusal gives nothing."""
    try:
        return verify_request(token=token, trust=trust, now=NOW, bridge_version="1.0.0")
    except BridgeError:
        return None


def test_the_request_as_it_was_signed_is_taken(trust: Trust) -> None:
    assert opened(TOKEN, trust) is not None


@fuzzed
@given(token=wild([TOKEN.encode()]))
def test_a_damaged_token_is_refused(trust: Trust, token: bytes) -> None:
    text = token.decode("latin-1")
    assert (opened(text, trust) is not None) is (text == TOKEN)


@fuzzed
@given(claims=altered(CLAIMS))
def test_whatever_a_site_signs_is_shown_as_it_will_be_signed(
    trust: Trust, claims: dict[str, Any]
) -> None:
    verified = opened(SITE.sign(claims), trust)
    if verified is None:
        return
    request = verified.request
    assert request.origin == claims["iss"] == ORIGIN
    assert request.document == claims["document"]
    assert verified.back("cancelled=1").startswith(f"{ORIGIN}/")
    assert request.check_document() == verified.shown


@fuzzed
@given(document=altered(json.loads(CLAIMS["document"])), choices=st.just(CLAIMS["choices"]) | JSON)
def test_whatever_a_document_says_is_what_is_shown(
    trust: Trust, document: dict[str, Any], choices: object
) -> None:
    text = json.dumps(document, ensure_ascii=False)
    verified = opened(SITE.sign({**CLAIMS, "document": text, "choices": choices}), trust)
    if verified is None:
        return
    answers = {entry["item"]: entry["decision"] for entry in document["decisions"]}
    shown = {choice.item: choice.granted for choice in verified.request.choices}
    assert {item: answer == "grant" for item, answer in answers.items()} == shown
    assert verified.shown.facility == document["facility"]["name"]


@fuzzed
@given(body=JSON)
def test_a_proof_is_read_or_refused(body: object) -> None:
    try:
        proof = wire.CardProof.from_mapping(body)
    except wire.MalformedMessage:
        return
    assert wire.CardProof.from_mapping(json.loads(proof.to_json())) == proof
