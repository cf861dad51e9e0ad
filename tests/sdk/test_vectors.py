"""Everybody who speaks the wire format agrees on the vectors: wire, bridge, server, SDK."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jws

from tests.sdk import verdicts
from tests.sdk.vectors import PROOFS, REQUESTS, Publishes, cases
from tools.wire_keys import VectorKeys
from tools.wire_vectors import FOLDER, everything, text_of
from zaitaku import wire
from zaitaku.cardbridge.trust.failures import BridgeError
from zaitaku.cardbridge.trust.pins import Pins, Trust, registry
from zaitaku.cardbridge.trust.requests import verify_request
from zaitaku.core.markers import TEST_ROOT_OID
from zaitaku.identity.errors import FAILURES
from zaitaku.identity.revocation import RevocationStatus
from zaitaku.sdk import Revocation, trust
from zaitaku.sdk.errors import REFUSALS
from zaitaku.sdk.files import VECTORS


def test_the_files_are_what_the_tool_writes() -> None:
    made = everything(VectorKeys.open(FOLDER / "keys.json"))
    assert set(made) == set(VECTORS)
    for name, content in made.items():
        assert (FOLDER / f"{name}.json").read_text("utf-8") == text_of(content)


@cases("statements")
def test_the_statement_is_the_same_to_the_byte(case: dict[str, str]) -> None:
    nonce = bytes.fromhex(case["nonce"])
    made = wire.statement(origin=case["origin"], nonce=nonce, document=case["document"])
    assert made.hex() == case["statement"]
    assert hashlib.sha256(case["document"].encode()).hexdigest() == case["document_sha256"]


def _trust(document: dict[str, Any], state: Path) -> Trust:
    origins = frozenset({REQUESTS["origin"]})
    return Trust(allowed=origins, tests=frozenset(), pins=Pins(state), site=Publishes(document))


def _page(token: str, trust: Trust) -> str:
    """Return the page that a bridge shows for this request; ``pin`` when it is carried out."""
    version: str = REQUESTS["bridge_version"]
    try:
        verify_request(token=token, trust=trust, now=REQUESTS["now"], bridge_version=version)
    except BridgeError as error:
        return error.page
    return "pin"


@cases("requests")
def test_the_bridge_carries_out_and_refuses_requests(case: dict[str, str], tmp_path: Path) -> None:
    assert _page(case["token"], _trust(REQUESTS["keys_document"], tmp_path)) == case["page"]


@cases("requests", "changes_of_key")
def test_the_bridge_follows_a_change_of_key(case: dict[str, Any], tmp_path: Path) -> None:
    before = case["before"]
    assert _page(before["token"], _trust(before["keys_document"], tmp_path)) == "pin"
    assert _page(case["token"], _trust(case["keys_document"], tmp_path)) == case["page"]


def test_an_accepted_request_says_what_the_wire_format_reads() -> None:
    accepted = [case for case in REQUESTS["cases"] if case["page"] == "pin"]
    assert len(accepted) > 5
    for case in accepted:
        payload = jws.extract_compact(case["token"].encode(), registry=registry()).payload or b""
        request = wire.CardRequest.from_claims(json.loads(payload))
        named = json.loads(request.document)["facility"]["name"]
        assert request.check_document().facility == named


@cases("proofs")
def test_sdk_and_server_give_the_verdict(case: dict[str, str]) -> None:
    proof = (bytes.fromhex(case["certificate"]), bytes.fromhex(case["signature"]))
    assert verdicts.of_sdk(*proof, case["revocation"]) == case["verdict"]
    assert verdicts.of_server(*proof, case["revocation"]) == case["verdict"]


GOOD = [case for case in PROOFS["cases"] if case["verdict"] == "verified"]


@given(st.sampled_from(GOOD), st.sampled_from(["certificate", "signature"]), st.data())
def test_sdk_and_server_judge_a_damaged_proof_alike(
    case: dict[str, str], part: str, data: st.DataObject
) -> None:
    parts = {name: bytes.fromhex(case[name]) for name in ("certificate", "signature")}
    place = data.draw(st.integers(0, len(parts[part]) - 1))
    other = data.draw(st.integers(1, 255))
    changed = bytearray(parts[part])
    changed[place] ^= other
    parts[part] = bytes(changed)
    proof = parts["certificate"], parts["signature"]
    assert verdicts.of_sdk(*proof) == verdicts.of_server(*proof) != "verified"


def test_every_refusal_has_a_vector() -> None:
    named = {case["verdict"] for case in PROOFS["cases"]}
    assert named == {"verified", *(refusal.code for refusal in REFUSALS)}


@cases("proofs", "malformed")
def test_a_malformed_proof_is_named_by_its_member(case: dict[str, str]) -> None:
    try:
        body = json.loads(case["body"])
    except ValueError:
        assert case["member"] == "body"
        return
    with pytest.raises(wire.MalformedMessage) as refused:
        wire.CardProof.from_mapping(body)
    assert str(refused.value) == case["member"]


def test_sdk_and_server_name_things_alike() -> None:
    assert [one.code for one in REFUSALS] == [one.code for one in FAILURES]
    assert trust.TEST_ROOT_OID == TEST_ROOT_OID
    assert [one.value for one in Revocation] == [one.value for one in RevocationStatus]
