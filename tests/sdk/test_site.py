"""A site of the SDK: asked once, proven once, redeemed by whoever asked until it is forgotten."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.sdk.sites import DOCUMENT, ORIGIN, WORDING, Held, good, proof_over, request_in
from tests.sdk.validators import is_valid
from tests.sdk.vectors import NOW
from zaitaku import wire
from zaitaku.sdk import (
    CardSite,
    CardTrust,
    Challenge,
    Choice,
    MemoryStore,
    OutcomeForeign,
    OutcomeUnknown,
    ProofRefused,
    Revocation,
    SiteKeys,
    verify_proof,
)
from zaitaku.sdk.errors import (
    CertificateRevoked,
    RevocationUnknown,
    SignatureMismatch,
    StoreFull,
    refusal_of,
)


@pytest.fixture
def held(tmp_path: Path) -> Held:
    return Held(tmp_path)


def test_the_request_is_one_that_a_bridge_shows(held: Held) -> None:
    asked = held.site.ask(
        DOCUMENT, return_path="/done", holder="h", text_size="large", bridge="1.2"
    )
    request = request_in(asked.token)
    assert request.check_document().facility == "見本の診療所"
    assert (request.origin, request.challenge) == (ORIGIN, asked.challenge)
    assert request.expires_at - request.issued_at == 600
    assert (request.text_size, request.bridge) == ("large", "1.2")
    assert asked.address() == f"http://127.0.0.1:18231/read?request={asked.token}"
    assert asked.address(18233).startswith("http://127.0.0.1:18233/")


def test_no_two_requests_share_challenge_or_nonce(held: Held) -> None:
    asked = [held.asked() for _ in range(50)]
    assert len({one.challenge for one in asked}) == len({one.nonce for one in asked}) == 50


def test_what_could_not_be_shown_is_not_asked(held: Held) -> None:
    unreadable = replace(DOCUMENT, choices=(Choice("medication", WORDING + "\u202e", True),))
    for document, path, size in (
        (unreadable, "/done", "large"),
        (DOCUMENT, "//evil.example", "large"),
        (DOCUMENT, "/done", "huge"),
        (replace(DOCUMENT, language="en"), "/done", "large"),
    ):
        with pytest.raises(wire.MalformedMessage):
            held.site.ask(document, return_path=path, holder="h", text_size=size)


@pytest.mark.parametrize("card", ["card", "card-p384"])
def test_a_card_signs_and_its_holder_redeems(held: Held, card: str) -> None:
    request = held.asked("h")
    code = held.code(held.proof(request, card=card))
    proven = held.site.redeem(code, holder="h")
    assert proven.challenge.document == DOCUMENT.text
    assert proven.challenge.name == request.challenge
    assert proven.verified_at == NOW


def test_the_same_comes_back_until_the_site_has_its_record(held: Held) -> None:
    code = held.code(held.proof(held.asked("h")))
    first = held.site.redeem(code, holder="h")
    held.wait(minutes=9)
    assert held.site.redeem(code, holder="h") == first
    held.site.forget(code, holder="h")
    for _ in range(2):
        with pytest.raises(OutcomeUnknown):
            held.site.redeem(code, holder="h")
        held.site.forget(code, holder="h")  # what is gone stays gone


def test_a_refusal_comes_back_too(tmp_path: Path) -> None:
    held = Held(tmp_path, lambda *_: Revocation.REVOKED)
    code = held.code(held.proof(held.asked("h")))
    for _ in range(2):
        with pytest.raises(CertificateRevoked):
            held.site.redeem(code, holder="h")


def test_nobody_else_makes_the_site_forget(held: Held) -> None:
    code = held.code(held.proof(held.asked("h")))
    for other in ("", "H", "\ud800"):
        with pytest.raises(OutcomeForeign):
            held.site.forget(code, holder=other)
    assert held.site.redeem(code, holder="h").verified_at == NOW


def test_a_card_is_asked_of_somebody(held: Held) -> None:
    with pytest.raises(ValueError, match="holder"):
        held.site.ask(DOCUMENT, return_path="/done", holder="")


def test_what_is_redeemed_is_what_was_verified(held: Held) -> None:
    request = held.asked("h")
    body = held.proof(request)
    proven = held.site.redeem(held.code(body), holder="h")
    challenge = Challenge(request.challenge, ORIGIN, request.nonce, DOCUMENT.text)
    proof = wire.CardProof.from_mapping(json.loads(body))
    trust = held.site._trust
    assert proven == verify_proof(challenge=challenge, proof=proof, trust=trust, now=NOW)


def test_the_same_proof_again_gives_the_same_code(held: Held) -> None:
    body = held.proof(held.asked())
    assert held.code(body) == held.code(body)


def test_another_proof_for_an_answered_challenge_is_refused(held: Held) -> None:
    request = held.asked()
    held.code(held.proof(request))
    answer = held.site.take(held.proof(request, card="card-p384"))
    assert (answer.status, answer.body) == (410, {"error": "challenge-unknown"})


def test_a_proof_sent_again_brings_nothing_back_that_was_forgotten(held: Held) -> None:
    body = held.proof(held.asked("h"))
    code = held.code(body)
    held.site.forget(code, holder="h")
    held.wait(minutes=9)
    assert held.code(body) == code
    for _ in range(3):
        with pytest.raises(OutcomeUnknown):
            held.site.redeem(code, holder="h")
        held.wait(minutes=6)


def test_many_that_redeem_at_once_get_the_same_challenge(held: Held) -> None:
    request = held.asked("h")
    code = held.code(held.proof(request))
    with ThreadPoolExecutor(8) as pool:
        proven = list(pool.map(lambda _: held.site.redeem(code, holder="h"), range(32)))
    assert {one.challenge.name for one in proven} == {request.challenge}


def test_of_different_proofs_at_once_one_wins(held: Held) -> None:
    request = held.asked()
    bodies = [held.proof(request), held.proof(request, card="card-p384")] * 8
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(held.site.take, bodies))
    codes = {answer.body.get("code") for answer in answers} - {None}
    assert len(codes) == 1
    assert sum(answer.status == 200 for answer in answers) == 8


def test_nobody_else_redeems_and_the_holder_still_can(held: Held) -> None:
    code = held.code(held.proof(held.asked("h")))
    for other in ("", "H", "hh", "ｈ"):
        with pytest.raises(OutcomeForeign):
            held.site.redeem(code, holder=other)
    assert held.site.redeem(code, holder="h").challenge.document == DOCUMENT.text


@pytest.mark.parametrize("code", ["", "x", "a" * 32, "\ud800", "a" * 100_000])
def test_an_invented_code_is_unknown(held: Held, code: str) -> None:
    with pytest.raises(OutcomeUnknown):
        held.site.redeem(code, holder="h")


def test_time_runs_out_for_challenge_and_outcome(held: Held) -> None:
    late = held.proof(held.asked())
    code = held.code(held.proof(held.asked("h")))
    held.wait(minutes=10)
    assert held.site.take(late).status == 410
    with pytest.raises(OutcomeUnknown):
        held.site.redeem(code, holder="h")


def test_a_signature_over_something_else_is_refused_with_its_reason(held: Held) -> None:
    request = held.asked("h")
    other = wire.statement(origin="https://x.example", nonce=b"\0" * 32, document=DOCUMENT.text)
    code = held.code(proof_over(other, request.challenge))
    with pytest.raises(SignatureMismatch):
        held.site.redeem(code, holder="h")


def _away(*_: object) -> Revocation:
    raise TimeoutError("nobody answers")


@pytest.mark.parametrize(
    ("check", "reason"),
    [
        (lambda *_: Revocation.REVOKED, CertificateRevoked),
        (lambda *_: Revocation.UNKNOWN, RevocationUnknown),
        (lambda *_: None, RevocationUnknown),
        (lambda *_: "good", RevocationUnknown),
        (_away, RevocationUnknown),
    ],
)
def test_only_a_plain_word_of_a_good_certificate_opens_the_door(
    tmp_path: Path, check: Callable[..., Revocation], reason: type[ProofRefused]
) -> None:
    held = Held(tmp_path, check)
    code = held.code(held.proof(held.asked("h")))
    with pytest.raises(reason):
        held.site.redeem(code, holder="h")


def test_a_proof_sent_again_is_decided_once_somebody_knows(tmp_path: Path) -> None:
    said = [Revocation.UNKNOWN, Revocation.UNKNOWN, Revocation.GOOD, Revocation.REVOKED]
    held = Held(tmp_path, lambda *_: said.pop(0))
    body = held.proof(held.asked("h"))
    code = held.code(body)
    for _ in range(2):
        with pytest.raises(RevocationUnknown):
            held.site.redeem(code, holder="h")
    assert held.code(body) == code
    for _ in range(2):
        assert held.code(body) == code
        assert held.site.redeem(code, holder="h").verified_at == NOW
    assert said == [Revocation.REVOKED]


@given(st.binary(max_size=80) | st.sampled_from([b"[" * 60_000, b"{}" * 40_000, b'"\xff"']))
def test_whatever_is_posted_gets_an_answer(body: bytes) -> None:
    site = CardSite(
        origin=ORIGIN, keys=SiteKeys(()), trust=CardTrust((), good), store=MemoryStore()
    )
    answer = site.take(body)
    assert answer.status in {400, 410}
    assert is_valid("proof-answer", answer.body)


def test_the_same_card_has_the_same_name_and_another_has_another(held: Held) -> None:
    key = bytes(range(32))
    names = [
        held.site.redeem(held.code(held.proof(held.asked("h"), card=card)), holder="h").subject(key)
        for card in ("card", "card", "card-p384")
    ]
    assert names[0] == names[1] != names[2]
    assert len(names[0]) == 64


def test_a_short_key_names_nobody(held: Held) -> None:
    proven = held.site.redeem(held.code(held.proof(held.asked("h"))), holder="h")
    with pytest.raises(ValueError, match="32 bytes"):
        proven.subject(b"short")
    assert proven.identity.hex() not in repr(proven)


def test_a_full_store_says_so(tmp_path: Path) -> None:
    held = Held(tmp_path)
    held.site._store = MemoryStore(limit=2, now=held.seconds)
    waiting = held.proof(held.asked())
    held.asked()
    with pytest.raises(StoreFull):
        held.asked()
    answer = held.site.take(waiting)
    assert (answer.status, answer.body) == (503, {"error": "store-full"})
    held.wait(minutes=11)
    held.asked()


def test_a_proof_for_another_challenge_is_a_mistake_of_the_caller(held: Held) -> None:
    body = wire.CardProof.from_mapping(json.loads(held.proof(held.asked())))
    challenge = Challenge("another", ORIGIN, "00" * 32, "{}")
    with pytest.raises(ValueError, match="another challenge"):
        verify_proof(challenge=challenge, proof=body, trust=held.site._trust, now=NOW)


def test_an_unknown_reason_is_still_a_refusal() -> None:
    assert type(refusal_of("something-newer")) is ProofRefused


def test_moments_are_kept_with_their_zone(held: Held) -> None:
    proven = held.site.redeem(held.code(held.proof(held.asked("h"))), holder="h")
    assert isinstance(proven.certificate_expires, datetime)
    assert proven.certificate_expires.tzinfo is not None
