"""Asking, answering once, and what the journey is told."""

import hashlib
import logging
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.conftest import NOW
from tests.identity.asking import (
    CHOICES,
    DOCUMENT,
    JOURNEY,
    LIFETIME,
    Opener,
    ask,
    proof_of,
    request_in,
)
from tests.identity.world import KEYS, ORIGIN, Says, der
from zaitaku import wire
from zaitaku.core.clock import FixedClock
from zaitaku.core.ids import ChallengeId, JourneyId
from zaitaku.identity.errors import (
    CertificateExpired,
    CertificateRevoked,
    ChallengeUnknown,
    OutcomeForeign,
    OutcomeUnknown,
    RevocationUnknown,
    SignatureMismatch,
    UnknownAuthority,
    VerificationFailed,
    WrongCertificate,
)
from zaitaku.identity.model import Challenge, VerifiedCard
from zaitaku.identity.revocation import RevocationStatus
from zaitaku.identity.service import IdentityService
from zaitaku.sandbox.profile import Signer


def test_request_says_everything_that_the_bridge_shows(service: IdentityService) -> None:
    asked = ask(service)
    request = request_in(service, asked)
    assert request == wire.CardRequest(
        origin=ORIGIN,
        challenge=asked.challenge,
        nonce=request.nonce,
        issued_at=int(NOW.timestamp()),
        expires_at=int((NOW + LIFETIME).timestamp()),
        document=DOCUMENT,
        choices=CHOICES,
        language="ja",
        return_path="/j/journey-1/card/return",
    )
    assert asked.expires_at == NOW + LIFETIME


def test_each_request_has_its_own_challenge_and_nonce(service: IdentityService) -> None:
    requests = [request_in(service, ask(service)) for _ in range(3)]
    assert len({request.challenge for request in requests}) == 3
    assert len({request.nonce for request in requests}) == 3


def test_choices_that_the_document_does_not_say_are_never_asked(service: IdentityService) -> None:
    refused = (replace(CHOICES[0], granted=False),)
    with pytest.raises(wire.MalformedMessage):
        service.ask(
            journey=JOURNEY,
            document=DOCUMENT,
            choices=refused,
            language="ja",
            return_path="/",
        )


def test_good_proof_gives_a_code_for_the_verified_card(
    service: IdentityService, card: Signer
) -> None:
    asked = ask(service)
    code = service.accept(proof_of(service, asked, card))
    verified = service.outcome(code, JOURNEY)
    assert verified.challenge == asked.challenge
    assert verified.journey == JOURNEY
    assert verified.document == DOCUMENT
    assert verified.nonce.hex() == request_in(service, asked).nonce
    assert isinstance(verified, VerifiedCard)
    assert verified.certificate_expires == card.certificate.not_valid_after_utc
    assert verified.verified_at == NOW
    assert len(verified.subject_hashes) == len(KEYS.keys)


def test_code_has_128_bits_and_is_new_each_time(service: IdentityService, card: Signer) -> None:
    codes = {service.accept(proof_of(service, ask(service), card)) for _ in range(3)}
    assert len(codes) == 3
    assert {len(code) for code in codes} == {22}


def test_outcome_can_be_read_again_until_it_is_forgotten(
    service: IdentityService, card: Signer
) -> None:
    code = service.accept(proof_of(service, ask(service), card))
    assert service.outcome(code, JOURNEY) == service.outcome(code, JOURNEY)
    service.forget(code)
    with pytest.raises(OutcomeUnknown):
        service.outcome(code, JOURNEY)
    service.forget(code)


def test_outcome_dies_after_its_lifetime(
    service: IdentityService, card: Signer, clock: FixedClock
) -> None:
    code = service.accept(proof_of(service, ask(service), card))
    clock.advance(LIFETIME + timedelta(seconds=1))
    with pytest.raises(OutcomeUnknown):
        service.outcome(code, JOURNEY)


@pytest.mark.parametrize("code", ["", "x" * 22, "\ud800", "a" * 5000])
def test_made_up_code_is_unknown(service: IdentityService, code: str) -> None:
    with pytest.raises(OutcomeUnknown):
        service.outcome(code, JOURNEY)


def test_outcome_is_for_its_own_journey_only(service: IdentityService, card: Signer) -> None:
    code = service.accept(proof_of(service, ask(service), card))
    for journey in ("journey-2", "", "ジャーニー"):
        with pytest.raises(OutcomeForeign):
            service.outcome(code, JourneyId(journey))
    assert service.outcome(code, JOURNEY).journey == JOURNEY


def test_foreign_journey_does_not_learn_why_a_proof_was_refused(
    service: IdentityService, foreign_card: Signer
) -> None:
    code = service.accept(proof_of(service, ask(service), foreign_card))
    with pytest.raises(OutcomeForeign):
        service.outcome(code, JourneyId("journey-2"))


@pytest.mark.parametrize("challenge", ["", "never-made", "\ud800", "a" * 5000, "outcome:x"])
def test_challenge_that_was_never_made_is_unknown(
    service: IdentityService, card: Signer, challenge: str
) -> None:
    proof = replace(proof_of(service, ask(service), card), challenge=challenge)
    with pytest.raises(ChallengeUnknown):
        service.accept(proof)


def test_refused_proof_uses_the_challenge_up_too(
    service: IdentityService, card: Signer, foreign_card: Signer
) -> None:
    asked = ask(service)
    service.accept(proof_of(service, asked, foreign_card))
    with pytest.raises(ChallengeUnknown):
        service.accept(proof_of(service, asked, card))


def test_a_challenge_of_a_clock_far_ahead_is_refused(
    service: IdentityService, card: Signer, clock: FixedClock
) -> None:
    """It would live until the other clocks are there."""
    proof = proof_of(service, ask(service), card)
    clock.advance(-LIFETIME)
    with pytest.raises(ChallengeUnknown):
        service.accept(proof)


def test_a_challenge_of_a_clock_a_little_ahead_is_good(
    service: IdentityService, card: Signer, clock: FixedClock
) -> None:
    proof = proof_of(service, ask(service), card)
    clock.advance(timedelta(seconds=-30))
    assert service.outcome(service.accept(proof), JOURNEY).journey == JOURNEY


@pytest.mark.parametrize("late", [timedelta(0), timedelta(seconds=1), timedelta(days=1)])
def test_late_proof_is_refused(
    service: IdentityService, card: Signer, clock: FixedClock, late: timedelta
) -> None:
    proof = proof_of(service, ask(service), card)
    clock.advance(LIFETIME + late)
    with pytest.raises(ChallengeUnknown):
        service.accept(proof)


def test_proof_in_the_last_second_is_in_time(
    service: IdentityService, card: Signer, clock: FixedClock
) -> None:
    proof = proof_of(service, ask(service), card)
    clock.advance(LIFETIME - timedelta(seconds=1))
    assert service.outcome(service.accept(proof), JOURNEY).journey == JOURNEY


def test_signature_for_another_challenge_is_a_mismatch(
    service: IdentityService, card: Signer
) -> None:
    first, second = ask(service), ask(service)
    proof = replace(proof_of(service, first, card), challenge=second.challenge)
    with pytest.raises(SignatureMismatch):
        service.outcome(service.accept(proof), JOURNEY)


def test_reason_of_a_refusal_reaches_the_journey(
    service: IdentityService, card: Signer, foreign_card: Signer, clock: FixedClock
) -> None:
    right = proof_of(service, ask(service), card)
    cases: list[tuple[wire.CardProof, type[VerificationFailed]]] = [
        (proof_of(service, ask(service), foreign_card), UnknownAuthority),
        (replace(right, challenge=ask(service).challenge, certificate="00"), WrongCertificate),
        (replace(right, challenge=ask(service).challenge, signature=""), SignatureMismatch),
    ]
    for proof, failure in cases:
        with pytest.raises(failure):
            service.outcome(service.accept(proof), JOURNEY)
    clock.advance(timedelta(days=3650))
    with pytest.raises(CertificateExpired):
        service.outcome(service.accept(proof_of(service, ask(service), card)), JOURNEY)


@pytest.mark.parametrize(
    ("status", "failure"),
    [
        (RevocationStatus.REVOKED, CertificateRevoked),
        (RevocationStatus.UNKNOWN, RevocationUnknown),
    ],
)
def test_standing_reaches_the_journey(
    opened: Opener, card: Signer, status: RevocationStatus, failure: type[VerificationFailed]
) -> None:
    service = opened(Says(status))
    code = service.accept(proof_of(service, ask(service), card))
    with pytest.raises(failure):
        service.outcome(code, JOURNEY)


def test_neither_store_nor_log_has_certificate_or_serial_number(
    service: IdentityService,
    card: Signer,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    foreign_card: Signer,
) -> None:
    with caplog.at_level(logging.DEBUG):
        service.accept(proof_of(service, ask(service), card))
        service.accept(proof_of(service, ask(service), foreign_card))
    kept = b"".join(path.read_bytes() for path in sorted(tmp_path.glob("ephemeral.db*")))
    kept += caplog.text.encode()
    assert b"subject_hashes" in kept
    for one in (card, foreign_card):
        for secret in _traces(one):
            assert secret not in kept
            assert secret.upper() not in kept


def _traces(card: Signer) -> list[bytes]:
    serial, content = card.certificate.serial_number, der(card.certificate)
    return [
        str(serial).encode(),
        f"{serial:x}".encode(),
        serial.to_bytes(8, "big"),
        content,
        content.hex()[:80].encode(),
        card.certificate.tbs_certificate_bytes[-60:].hex().encode(),
        card.certificate.signature.hex().encode(),
    ]


def test_code_itself_is_not_in_the_store(
    service: IdentityService, card: Signer, tmp_path: Path
) -> None:
    code = service.accept(proof_of(service, ask(service), card))
    kept = b"".join(path.read_bytes() for path in sorted(tmp_path.glob("ephemeral.db*")))
    digest = hashlib.sha256(code.encode()).hexdigest()
    assert service.ephemeral.read(f"outcome:{digest}") is not None
    assert code.encode() not in kept


def test_a_request_names_the_lowest_bridge_and_the_text_size(service: IdentityService) -> None:
    plain = request_in(service, ask(service))
    assert (plain.bridge, plain.text_size) == ("", "standard")
    service.bridge_minimum = "1.2"
    asked = service.ask(
        journey=JOURNEY,
        document=DOCUMENT,
        choices=CHOICES,
        language="ja",
        return_path="/j/journey-1/card/return",
        text_size="largest",
    )
    told = request_in(service, asked)
    assert (told.bridge, told.text_size) == ("1.2", "largest")


def test_values_survive_the_store() -> None:
    challenge = Challenge(ChallengeId("c"), JOURNEY, DOCUMENT, ORIGIN, bytes(32), NOW)
    assert Challenge.from_fields(challenge.to_fields()) == challenge
    card = VerifiedCard(
        challenge=ChallengeId("c"),
        journey=JOURNEY,
        document=DOCUMENT,
        origin=ORIGIN,
        nonce=b"\0\1",
        signature=b"\2",
        public_key=b"\3",
        algorithm="a",
        subject_hashes=("x", "y"),
        certificate_expires=NOW,
        verified_at=NOW,
    )
    assert VerifiedCard.from_fields(card.to_fields()) == card
