"""Every way in which a card's proof is accepted or refused, and the order of the checks."""

import hashlib
import hmac
from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.conftest import NOW
from tests.identity.world import CHALLENGE, KEYS, Says, anchors_of, der, good, signed, verify
from zaitaku.identity.anchors import TrustAnchors
from zaitaku.identity.errors import (
    FAILURES,
    CertificateExpired,
    CertificateNotYetValid,
    CertificateRevoked,
    RevocationUnknown,
    SignatureMismatch,
    UnknownAuthority,
    VerificationFailed,
    WrongCertificate,
)
from zaitaku.identity.model import Challenge
from zaitaku.identity.outcomes import failure_of
from zaitaku.identity.revocation import RevocationStatus
from zaitaku.identity.verification import ProofVerifier, verify_card_proof
from zaitaku.sandbox.authority import Generation, TestAuthority
from zaitaku.sandbox.profile import Period, Signer

SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)


def test_good_card_is_verified(authority: TestAuthority, card: Signer) -> None:
    verified = verify(authority, card)
    assert verified.challenge == CHALLENGE.id
    assert verified.journey == CHALLENGE.journey
    assert verified.document == CHALLENGE.document
    assert verified.origin == CHALLENGE.origin
    assert verified.nonce == CHALLENGE.nonce
    assert verified.signature == signed(card, CHALLENGE.statement)
    assert verified.algorithm == "rsa-2048-pkcs1-sha256"
    assert verified.certificate_expires == card.certificate.not_valid_after_utc
    assert verified.verified_at == NOW


def test_public_key_in_the_evidence_is_the_cards(authority: TestAuthority, card: Signer) -> None:
    key = card.key.public_key()
    expected = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert verify(authority, card).public_key == expected


def test_each_pinned_generation_is_accepted(
    authority: TestAuthority, card: Signer, old_root_card: Signer
) -> None:
    assert card.certificate.issuer == old_root_card.certificate.issuer
    for one in (card, old_root_card):
        assert verify(authority, one).subject_hashes


def test_subject_hashes_are_keyed_and_newest_first(authority: TestAuthority, card: Signer) -> None:
    root = authority.roots[Generation.SECOND].key.public_key()
    spki = root.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    serial = card.certificate.serial_number
    serial_bytes = serial.to_bytes((serial.bit_length() + 7) // 8, "big")
    value = b"card-subject\0" + hashlib.sha256(spki).digest() + b"\0" + serial_bytes
    expected = tuple(hmac.new(key.encode(), value, "sha256").hexdigest() for key in KEYS.keys)
    assert verify(authority, card).subject_hashes == expected


def test_same_card_is_the_same_subject_and_others_are_not(
    authority: TestAuthority, card: Signer, other_card: Signer, old_root_card: Signer
) -> None:
    again = verify(authority, card, challenge=CHALLENGE)
    subjects = [verify(authority, one).subject_hashes for one in (card, other_card, old_root_card)]
    assert again.subject_hashes == subjects[0]
    assert len(set(subjects)) == 3


def test_same_name_without_the_pinned_key_is_an_unknown_authority(
    authority: TestAuthority, card: Signer, foreign_card: Signer
) -> None:
    assert foreign_card.certificate.issuer == card.certificate.issuer
    with pytest.raises(UnknownAuthority):
        verify(authority, foreign_card)


def test_card_of_a_generation_that_is_not_pinned_is_refused(
    authority: TestAuthority, card: Signer
) -> None:
    only_first = TrustAnchors((authority.roots[Generation.FIRST].certificate,))
    with pytest.raises(UnknownAuthority):
        verify_card_proof(
            challenge=CHALLENGE,
            certificate=der(card.certificate),
            signature=signed(card, CHALLENGE.statement),
            verifier=ProofVerifier(only_first, good(), KEYS),
            now=NOW,
        )


@pytest.mark.parametrize("content", [b"", b"\x30", b"no certificate", b"\x30\x80" * 100])
def test_what_is_not_a_certificate_is_refused(
    authority: TestAuthority, card: Signer, content: bytes
) -> None:
    with pytest.raises(WrongCertificate):
        verify(authority, card, certificate=content)


def test_overlong_certificate_is_refused_unread(authority: TestAuthority, card: Signer) -> None:
    with pytest.raises(WrongCertificate, match="too long"):
        verify(authority, card, certificate=der(card.certificate) + bytes(8192))


@pytest.mark.filterwarnings("ignore:Parsed a serial number which wasn't positive")
def test_negative_serial_number_is_refused(authority: TestAuthority, card: Signer) -> None:
    content = bytearray(der(card.certificate))
    serial = card.certificate.serial_number
    content[content.index(serial.to_bytes(8, "big"))] |= 0x80
    with pytest.raises(WrongCertificate, match="serial number"):
        verify(authority, card, certificate=bytes(content))


def test_trailing_bytes_are_refused(authority: TestAuthority, card: Signer) -> None:
    with pytest.raises(WrongCertificate):
        verify(authority, card, certificate=der(card.certificate) + b"\0")


def test_both_ends_of_the_period_are_in_it(authority: TestAuthority, card: Signer) -> None:
    for now in (card.certificate.not_valid_before_utc, card.certificate.not_valid_after_utc):
        assert verify(authority, card, now=now).verified_at == now


@pytest.mark.parametrize("step", [SECOND, timedelta(microseconds=1), DAY])
def test_outside_of_the_period_is_refused(
    authority: TestAuthority, card: Signer, step: timedelta
) -> None:
    with pytest.raises(CertificateExpired):
        verify(authority, card, now=card.certificate.not_valid_after_utc + step)
    with pytest.raises(CertificateNotYetValid):
        verify(authority, card, now=card.certificate.not_valid_before_utc - step)


def test_clock_a_day_behind_makes_a_fresh_card_not_yet_valid(authority: TestAuthority) -> None:
    fresh = authority.issue_for(Period(NOW - SECOND, NOW + 30 * DAY))
    assert verify(authority, fresh, now=NOW).verified_at == NOW
    with pytest.raises(CertificateNotYetValid):
        verify(authority, fresh, now=NOW - DAY)


def test_clock_a_day_ahead_makes_an_ending_card_expired(authority: TestAuthority) -> None:
    ending = authority.issue_for(Period(NOW - 30 * DAY, NOW + SECOND))
    assert verify(authority, ending, now=NOW).verified_at == NOW
    with pytest.raises(CertificateExpired):
        verify(authority, ending, now=NOW + DAY)


def test_card_under_an_expired_root_is_refused(authority: TestAuthority) -> None:
    root_ends = authority.roots[Generation.FIRST].certificate.not_valid_after_utc
    card = authority.issue_for(Period(NOW, root_ends + 10 * DAY), Generation.FIRST)
    with pytest.raises(CertificateExpired):
        verify(authority, card, now=root_ends + DAY)


def test_card_under_a_root_not_yet_valid_is_refused(authority: TestAuthority) -> None:
    root_begins = authority.roots[Generation.FIRST].certificate.not_valid_before_utc
    card = authority.issue_for(Period(root_begins - 10 * DAY, NOW), Generation.FIRST)
    with pytest.raises(CertificateNotYetValid):
        verify(authority, card, now=root_begins - DAY)


@pytest.mark.parametrize(
    "changed",
    [
        replace(CHALLENGE, document=CHALLENGE.document + " "),
        replace(CHALLENGE, origin="https://zaitaku.example.net"),
        replace(CHALLENGE, nonce=bytes(32)),
    ],
)
def test_signature_over_anything_else_is_a_mismatch(
    authority: TestAuthority, card: Signer, changed: Challenge
) -> None:
    with pytest.raises(SignatureMismatch):
        verify(authority, card, challenge=changed)


def test_another_cards_signature_is_a_mismatch(
    authority: TestAuthority, card: Signer, other_card: Signer
) -> None:
    with pytest.raises(SignatureMismatch):
        verify(authority, card, signature=signed(other_card, CHALLENGE.statement))


@pytest.mark.parametrize("signature", [b"", b"\0", bytes(256), b"\xff" * 256, bytes(10_000)])
def test_nonsense_signature_is_a_mismatch(
    authority: TestAuthority, card: Signer, signature: bytes
) -> None:
    with pytest.raises(SignatureMismatch):
        verify(authority, card, signature=signature)


@pytest.mark.parametrize(
    ("status", "failure"),
    [
        (RevocationStatus.REVOKED, CertificateRevoked),
        (RevocationStatus.UNKNOWN, RevocationUnknown),
    ],
)
def test_only_a_good_standing_is_accepted(
    authority: TestAuthority,
    card: Signer,
    status: RevocationStatus,
    failure: type[VerificationFailed],
) -> None:
    with pytest.raises(failure):
        verify(authority, card, revocation=Says(status))


def test_revocation_is_not_asked_for_who_does_not_hold_the_card(
    authority: TestAuthority, card: Signer, foreign_card: Signer
) -> None:
    source = Says(RevocationStatus.REVOKED)
    with pytest.raises(SignatureMismatch):
        verify(authority, card, signature=bytes(256), revocation=source)
    with pytest.raises(UnknownAuthority):
        verify(authority, foreign_card, revocation=source)
    with pytest.raises(CertificateExpired):
        verify(authority, card, now=NOW + 3650 * DAY, revocation=source)
    assert source.asked == 0


def test_authority_is_checked_before_period_and_period_before_signature(
    authority: TestAuthority, card: Signer, foreign_card: Signer
) -> None:
    much_later = NOW + 3650 * DAY
    with pytest.raises(UnknownAuthority):
        verify(authority, foreign_card, now=much_later)
    with pytest.raises(CertificateExpired):
        verify(authority, card, now=much_later, signature=bytes(256))


def test_failures_have_distinct_codes_that_lead_back_to_them() -> None:
    assert len({failure.code for failure in FAILURES}) == len(FAILURES)
    for failure in FAILURES:
        assert type(failure_of(failure.code)) is failure
    assert type(failure_of("never-heard-of")) is VerificationFailed


def test_anchors_find_the_issuer_by_signature(authority: TestAuthority, card: Signer) -> None:
    found = anchors_of(authority).issuer_of(card.certificate, NOW)
    assert found == authority.roots[Generation.SECOND].certificate
