"""No bit of a proof can change: every flip is refused, and by a typed failure."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import NOW
from tests.identity.world import CHALLENGE, der, signed, verify
from zaitaku.identity.errors import SignatureMismatch, VerificationFailed, WrongCertificate
from zaitaku.sandbox.authority import TestAuthority
from zaitaku.sandbox.profile import Period, Signer

many = settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
positions = st.integers(min_value=0)


@pytest.fixture(scope="module")
def signature(card: Signer) -> bytes:
    """The right signature, made once: signing is the slowest part."""
    return signed(card, CHALLENGE.statement)


def flipped(content: bytes, position: int) -> bytes:
    at = position % (len(content) * 8)
    changed = bytearray(content)
    changed[at // 8] ^= 1 << (at % 8)
    return bytes(changed)


@many
@given(position=positions)
def test_in_the_certificate(
    authority: TestAuthority, card: Signer, signature: bytes, position: int
) -> None:
    content = flipped(der(card.certificate), position)
    with pytest.raises(VerificationFailed):
        verify(authority, card, certificate=content, signature=signature)


@pytest.mark.slow
def test_in_the_certificate_exhaustively(
    authority: TestAuthority, card: Signer, signature: bytes
) -> None:
    whole = der(card.certificate)
    for position in range(len(whole) * 8):
        with pytest.raises(VerificationFailed):
            verify(authority, card, certificate=flipped(whole, position), signature=signature)


def test_in_the_count_of_unused_bits_before_the_signature(authority: TestAuthority) -> None:
    period = Period(NOW, NOW + timedelta(days=1))
    card = authority.issue_for(period)
    while card.certificate.signature[-1] & 1:  # only then can the last bit be called unused
        card = authority.issue_for(period)
    content = bytearray(der(card.certificate))
    content[-len(card.certificate.signature) - 1] = 1
    with pytest.raises(WrongCertificate, match="signature field"):
        verify(authority, card, certificate=bytes(content))


@many
@given(position=positions)
def test_in_the_signature(
    authority: TestAuthority, card: Signer, signature: bytes, position: int
) -> None:
    content = flipped(signature, position)
    with pytest.raises(SignatureMismatch):
        verify(authority, card, signature=content)


@many
@given(position=positions)
def test_in_the_nonce(
    authority: TestAuthority, card: Signer, signature: bytes, position: int
) -> None:
    changed = replace(CHALLENGE, nonce=flipped(CHALLENGE.nonce, position))
    with pytest.raises(SignatureMismatch):
        verify(authority, card, challenge=changed, signature=signature)


@many
@given(position=positions, part=st.sampled_from(["document", "origin"]))
def test_in_the_document_or_origin(
    authority: TestAuthority, card: Signer, signature: bytes, position: int, part: str
) -> None:
    text = str(getattr(CHALLENGE, part)).encode()
    other = flipped(text, position).decode(errors="replace")
    changed = (
        replace(CHALLENGE, document=other)
        if part == "document"
        else replace(CHALLENGE, origin=other)
    )
    with pytest.raises(SignatureMismatch):
        verify(authority, card, challenge=changed, signature=signature)


@many
@given(content=st.binary(max_size=600))
def test_random_bytes_as_certificate(
    authority: TestAuthority, card: Signer, signature: bytes, content: bytes
) -> None:
    with pytest.raises(VerificationFailed):
        verify(authority, card, certificate=content, signature=signature)
