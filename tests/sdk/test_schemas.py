"""The schemas say what the programs do, as far as a schema can say it."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jws

from tests.core.test_wire import JSON_VALUES, PROOFS, REQUEST, requests
from tests.sdk.validators import is_valid, validators
from tests.sdk.vectors import REQUESTS, cases
from zaitaku import wire
from zaitaku.cardbridge.trust.failures import SiteRefused
from zaitaku.cardbridge.trust.pins import registry, usable_keys
from zaitaku.cardbridge.trust.site import _BadAnswer, _code
from zaitaku.identity.errors import FAILURES
from zaitaku.sdk import SiteKeys
from zaitaku.sdk.files import SCHEMAS, schema, vectors

ORIGIN = "https://clinic.example"
ONLY_THE_PROGRAM_SEES = {
    "language": "request and document must name the same language",
    "choices": "the words must be those of the document's digests",
    "wording": "no invisible characters; a length without its line ends",
    "marked": "no invisible characters; a length without its line ends",
    "facility": "no invisible characters, not only spaces",
    "visit_date": "a day that the calendar has",
    "document": "a text inside the text: see consent-document; no member and no decision twice",
    "operator": "inside the document",
    "channel": "inside the document",
    "iss": "half a surrogate pair",
    "jti": "half a surrogate pair",
    "item": "half a surrogate pair",
    "name": "half a surrogate pair",
    "challenge": "half a surrogate pair",
}
"""Why ``zaitaku.wire`` may refuse what a schema takes, by the part that it names."""


@pytest.mark.parametrize("name", SCHEMAS)
def test_each_schema_is_one(name: str) -> None:
    validators().check_schema(schema(name))
    assert schema(name)["$id"].endswith(f":{name}")


def _refusal(claims: Any) -> str:
    try:
        wire.CardRequest.from_claims(claims)
    except wire.MalformedMessage as error:
        return str(error)
    return ""


@given(requests())
def test_what_the_wire_format_takes_is_described(request: wire.CardRequest) -> None:
    claims = json.loads(json.dumps(request.claims()))
    assert is_valid("request-claims", claims)
    assert is_valid("consent-document", json.loads(request.document))


@given(requests(), st.data())
def test_a_changed_request_is_judged_alike(request: wire.CardRequest, data: st.DataObject) -> None:
    claims = json.loads(json.dumps(request.claims()))
    _change(claims, data)
    refusal = _refusal(claims)
    if not is_valid("request-claims", claims):
        assert refusal
    elif refusal:
        assert refusal in ONLY_THE_PROGRAM_SEES


@given(requests(), st.data())
def test_a_changed_document_is_judged_alike(request: wire.CardRequest, data: st.DataObject) -> None:
    body = json.loads(request.document)
    _change(body, data)
    refusal = _refusal({**request.claims(), "document": json.dumps(body)})
    if not is_valid("consent-document", body):
        assert refusal
    elif refusal:
        assert refusal in ONLY_THE_PROGRAM_SEES


@given(PROOFS, st.data())
def test_a_changed_proof_is_judged_alike(proof: wire.CardProof, data: st.DataObject) -> None:
    body = json.loads(proof.to_json())
    assert is_valid("proof", body)
    _change(body, data)
    try:
        wire.CardProof.from_mapping(body)
    except wire.MalformedMessage as error:
        assert not is_valid("proof", body) or str(error) in ONLY_THE_PROGRAM_SEES
        return
    assert is_valid("proof", body)


def _change(body: Any, data: st.DataObject) -> None:
    """Replace or remove one member somewhere inside, in place."""
    places = list(_places(body))
    holder, name = data.draw(st.sampled_from(places))
    if data.draw(st.booleans()):
        holder[name] = data.draw(JSON_VALUES | _near(holder[name]))
    else:
        del holder[name]


def _places(body: Any) -> Iterator[tuple[Any, Any]]:
    entries = body.items() if isinstance(body, dict) else enumerate(body)
    for name, value in list(entries):
        yield body, name
        if isinstance(value, dict | list):
            yield from _places(value)


def _near(value: object) -> st.SearchStrategy[Any]:
    """Values that look like the one that stood there."""
    if isinstance(value, str):
        return st.sampled_from([value + "\n", value + "0", value[:-1], value.upper(), f" {value}"])
    if isinstance(value, list):
        return st.sampled_from([value * 2, value * 11, [*value, None]])
    return st.sampled_from([str(value), None, [value]])


@cases("requests")
def test_headers_and_claims_of_the_vectors(case: dict[str, str]) -> None:
    if case["page"] != "pin":
        return
    signed = jws.extract_compact(case["token"].encode(), registry=registry())
    assert is_valid("request-header", signed.headers())
    assert is_valid("request-claims", json.loads(signed.payload or b""))


@pytest.mark.parametrize(
    "header",
    [
        {},
        {"alg": "none", "typ": wire.REQUEST_TYPE},
        {"alg": "RS256", "typ": wire.REQUEST_TYPE},
        {"alg": "Ed25519", "typ": "JWT"},
        {"alg": "Ed25519"},
        {"alg": "Ed25519", "typ": wire.REQUEST_TYPE, "crit": ["b64"]},
    ],
)
def test_other_headers_are_not_described(header: dict[str, object]) -> None:
    assert not is_valid("request-header", header)


def test_published_keys_and_endorsements(tmp_path: Path) -> None:
    SiteKeys.make(tmp_path / "key.pem")
    SiteKeys.roll_over(tmp_path / "key.pem")
    published = SiteKeys.roll_over(tmp_path / "key.pem").published(ORIGIN)
    assert is_valid("keys-document", published)
    assert len(published["keys"]) == 3
    assert len(published["endorsements"]) == 2
    for text in published["endorsements"]:
        signed = jws.extract_compact(text.encode(), registry=registry())
        assert is_valid("endorsement-claims", json.loads(signed.payload or b""))


@pytest.mark.parametrize(
    "keys",
    [
        [],
        [{"kty": "RSA", "n": "AQAB", "e": "AQAB"}],
        [{"kty": "OKP", "crv": "X25519", "x": "A" * 43}],
        [{"kty": "OKP", "crv": "Ed25519", "x": "A" * 42}],
        [{"kty": "OKP", "crv": "Ed25519"}],
    ],
)
def test_documents_without_a_usable_key(keys: list[dict[str, str]]) -> None:
    assert not is_valid("keys-document", {"keys": keys})
    assert usable_keys(keys) == {}


def test_a_private_key_is_never_published() -> None:
    private = vectors("keys")["site"]["older"]
    assert not is_valid("keys-document", {"keys": [private]})
    assert is_valid("keys-document", REQUESTS["keys_document"])


@given(JSON_VALUES | st.fixed_dictionaries({"code": JSON_VALUES | st.text("abC-_9", max_size=30)}))
def test_an_answer_with_a_code_is_read_as_described(body: Any) -> None:
    text = json.dumps(body).encode()
    try:
        code = _code(200, text)
    except (ValueError, _BadAnswer):
        assert not (is_valid("proof-answer", body) and "code" in body)
        return
    assert is_valid("proof-answer", body)
    assert body["code"] == code


def test_refusals_are_read_as_described() -> None:
    for code in ("malformed", "challenge-unknown", *(failure.code for failure in FAILURES)):
        body = {"error": code}
        assert is_valid("proof-answer", body)
        with pytest.raises(SiteRefused) as refused:
            _code(410, json.dumps(body).encode())
        assert refused.value.reason == code
    assert not is_valid("proof-answer", {"error": "Not A Code"})
    assert not is_valid("proof-answer", {"error": "both", "code": "a" * 16})


def test_the_request_of_the_wire_tests_is_described() -> None:
    assert is_valid("request-claims", json.loads(json.dumps(REQUEST.claims())))


def _base64url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


JWK = st.fixed_dictionaries(
    {"kty": st.sampled_from(["OKP", "RSA", "EC", ""])},
    optional={
        "crv": st.sampled_from(["Ed25519", "X25519", "Ed448"]),
        "x": st.binary(min_size=31, max_size=33).map(_base64url),
        "use": st.just("sig"),
    },
)


@given(st.lists(JWK, max_size=3))
def test_the_bridge_finds_a_key_where_one_is_described(keys: list[dict[str, str]]) -> None:
    assert is_valid("keys-document", {"keys": keys}) is bool(usable_keys(keys))
