"""Damaged certificates, lists and answers: each is refused in the way that is foreseen."""

from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import NOW
from tests.fuzz.drawing import fuzzed, kept, wild
from tests.identity.world import CHALLENGE, der, signed, verify
from zaitaku.identity.errors import VerificationFailed
from zaitaku.identity.model import VerifiedCard
from zaitaku.identity.revocation import CrlFile, RevocationStatus
from zaitaku.identity.revocation.answer import AnswerRefused, verify_answer
from zaitaku.sandbox.authority import Generation, TestAuthority
from zaitaku.sandbox.ocsp import answer
from zaitaku.sandbox.profile import Signer

NONCE = bytes(range(32))


@pytest.fixture(scope="module")
def signature(card: Signer) -> bytes:
    return signed(card, CHALLENGE.statement)


@pytest.fixture(scope="module")
def question(authority: TestAuthority, card: Signer) -> ocsp.OCSPRequest:
    root = authority.roots[Generation.SECOND].certificate
    builder = ocsp.OCSPRequestBuilder().add_certificate(card.certificate, root, SHA256())
    return builder.add_extension(x509.OCSPNonce(NONCE), critical=False).build()


@pytest.fixture(scope="module")
def said(authority: TestAuthority, question: ocsp.OCSPRequest) -> bytes:
    return answer(authority, question.public_bytes(Encoding.DER))


def outcome(
    authority: TestAuthority, card: Signer, certificate: bytes, signature: bytes
) -> VerifiedCard | None:
    """Return what a proof gives; a foreseen refusal gives nothing."""
    try:
        return verify(authority, card, certificate=certificate, signature=signature)
    except VerificationFailed:
        return None


@fuzzed
@given(data=st.data())
def test_only_the_certificate_as_it_was_issued_is_taken(
    authority: TestAuthority, card: Signer, signature: bytes, data: st.DataObject
) -> None:
    whole = der(card.certificate)
    content = data.draw(wild([whole]))
    verified = outcome(authority, card, content, signature)
    assert (verified is not None) is (content == whole)


@fuzzed
@given(data=st.data())
def test_only_the_signature_as_it_was_made_is_taken(
    authority: TestAuthority, card: Signer, signature: bytes, data: st.DataObject
) -> None:
    content = data.draw(wild([signature]))
    verified = outcome(authority, card, der(card.certificate), content)
    assert (verified is not None) is (content == signature)


@fuzzed
@given(data=st.data())
def test_no_damaged_responder_s_answer_changes_what_was_said(
    authority: TestAuthority, question: ocsp.OCSPRequest, said: bytes, data: st.DataObject
) -> None:
    content = data.draw(wild([said]))
    root = authority.roots[Generation.SECOND].certificate
    try:
        verified = verify_answer(
            content=content, request=question, nonce=NONCE, issuer=root, now=NOW
        )
    except AnswerRefused:
        assert content != said
        return
    assert verified.status is RevocationStatus.GOOD


@fuzzed
@given(data=st.data())
def test_a_damaged_list_calls_nobody_revoked(
    tmp_path_factory: pytest.TempPathFactory,
    authority: TestAuthority,
    card: Signer,
    data: st.DataObject,
) -> None:
    content = data.draw(wild([authority.crl_file.read_bytes(), authority.crl_bundle.read_bytes()]))
    path = tmp_path_factory.getbasetemp() / "fuzzed.crl"
    assert looked_up(path, content, authority, card) is not RevocationStatus.REVOKED


def looked_up(
    path: Path, content: bytes, authority: TestAuthority, card: Signer
) -> RevocationStatus:
    path.write_bytes(content)
    root = authority.roots[Generation.SECOND].certificate
    return CrlFile(path).status(card.certificate, root, NOW)


@pytest.mark.parametrize("content", list(kept("lists")))
def test_kept_lists(tmp_path: Path, authority: TestAuthority, card: Signer, content: bytes) -> None:
    path = tmp_path / "kept.crl"
    assert looked_up(path, content, authority, card) is RevocationStatus.UNKNOWN
