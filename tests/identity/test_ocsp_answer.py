"""Which answers of a responder are believed."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256, SHA384
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import NOW
from tests.identity.test_flipped_bits import flipped
from zaitaku.identity.revocation import RevocationStatus
from zaitaku.identity.revocation.answer import AnswerRefused, VerifiedAnswer, verify_answer
from zaitaku.sandbox.authority import Generation, TestAuthority
from zaitaku.sandbox.profile import Signer

NONCE = bytes(range(32))
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class Answer:
    """An answer in the making: by default the one that is right."""

    about: x509.Certificate
    issuer: x509.Certificate
    signer: Signer
    named: x509.Certificate
    status: ocsp.OCSPCertStatus = ocsp.OCSPCertStatus.GOOD
    this_update: datetime = NOW
    next_update: datetime | None = NOW + 5 * MINUTE
    nonce: bytes | None = NONCE
    enclosed: tuple[x509.Certificate, ...] = ()
    encoding: ocsp.OCSPResponderEncoding = ocsp.OCSPResponderEncoding.HASH

    def encoded(self) -> bytes:
        revoked = self.status is ocsp.OCSPCertStatus.REVOKED
        builder = (
            ocsp.OCSPResponseBuilder()
            .add_response(
                cert=self.about,
                issuer=self.issuer,
                algorithm=SHA256(),
                cert_status=self.status,
                this_update=self.this_update,
                next_update=self.next_update,
                revocation_time=NOW if revoked else None,
                revocation_reason=None,
            )
            .responder_id(self.encoding, self.named)
        )
        if self.enclosed:
            builder = builder.certificates(list(self.enclosed))
        if self.nonce is not None:
            builder = builder.add_extension(x509.OCSPNonce(self.nonce), critical=False)
        return builder.sign(self.signer.key, SHA256()).public_bytes(Encoding.DER)


@pytest.fixture(scope="module")
def right(authority: TestAuthority, card: Signer) -> Answer:
    responder = authority.responders[Generation.SECOND]
    return Answer(
        about=card.certificate,
        issuer=authority.roots[Generation.SECOND].certificate,
        signer=responder,
        named=responder.certificate,
        enclosed=(responder.certificate,),
    )


@pytest.fixture(scope="module")
def root(authority: TestAuthority) -> Signer:
    return authority.roots[Generation.SECOND]


def _verify(
    content: bytes,
    right: Answer,
    *,
    now: datetime = NOW,
) -> VerifiedAnswer:
    request = ocsp.OCSPRequestBuilder().add_certificate(right.about, right.issuer, SHA256())
    return verify_answer(
        content=content, request=request.build(), nonce=NONCE, issuer=right.issuer, now=now
    )


def _appointed(root: Signer, signer: Signer, **changes: object) -> x509.Certificate:
    """Return a responder's certificate for ``signer``'s key, lacking what a test takes away."""
    builder = (
        x509.CertificateBuilder()
        .subject_name(signer.certificate.subject)
        .issuer_name(root.certificate.subject)
        .public_key(signer.key.public_key())
        .serial_number(77)
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=int(str(changes.get("days", 1)))))
    )
    if changes.get("usage", True):
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.OCSP_SIGNING])
        builder = builder.add_extension(usage, critical=True)
    if changes.get("no_check", True):
        builder = builder.add_extension(x509.OCSPNoCheck(), critical=False)
    if changes.get("strange"):
        strange = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.55555.1"), b"\5\0")
        builder = builder.add_extension(strange, critical=True)
    return builder.sign(root.key, SHA256())


@pytest.mark.parametrize("encoding", list(ocsp.OCSPResponderEncoding))
@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (ocsp.OCSPCertStatus.GOOD, RevocationStatus.GOOD),
        (ocsp.OCSPCertStatus.REVOKED, RevocationStatus.REVOKED),
        (ocsp.OCSPCertStatus.UNKNOWN, RevocationStatus.UNKNOWN),
    ],
)
def test_appointed_responder_is_believed(
    right: Answer,
    said: ocsp.OCSPCertStatus,
    expected: RevocationStatus,
    encoding: ocsp.OCSPResponderEncoding,
) -> None:
    content = replace(right, status=said, encoding=encoding).encoded()
    assert _verify(content, right) == VerifiedAnswer(expected, NOW + 5 * MINUTE)


def test_issuer_itself_is_believed(right: Answer, root: Signer) -> None:
    content = replace(right, signer=root, named=root.certificate, enclosed=()).encoded()
    assert _verify(content, right).status is RevocationStatus.GOOD


def test_responder_with_the_least_it_needs_is_believed(
    right: Answer, root: Signer, other_card: Signer
) -> None:
    appointed = _appointed(root, other_card)
    content = replace(right, signer=other_card, named=appointed, enclosed=(appointed,)).encoded()
    assert _verify(content, right).status is RevocationStatus.GOOD


@pytest.mark.parametrize(
    "lack", [{"usage": False}, {"no_check": False}, {"days": 0}, {"strange": True}]
)
def test_responder_that_lacks_something_is_not_believed(
    right: Answer, root: Signer, other_card: Signer, lack: dict[str, object]
) -> None:
    made = _appointed(root, other_card, **lack)
    content = replace(right, signer=other_card, named=made, enclosed=(made,)).encoded()
    with pytest.raises(AnswerRefused, match="not signed"):
        _verify(content, right, now=NOW + MINUTE)


def test_cardholder_cannot_answer_for_the_authority(right: Answer, card: Signer) -> None:
    content = replace(
        right, signer=card, named=card.certificate, enclosed=(card.certificate,)
    ).encoded()
    with pytest.raises(AnswerRefused, match="not signed"):
        _verify(content, right)


@pytest.mark.parametrize("generation", [Generation.FIRST, Generation.FOREIGN])
def test_namesakes_word_does_not_count(
    authority: TestAuthority, right: Answer, generation: Generation
) -> None:
    other = authority.roots[generation]
    content = replace(right, signer=other, named=other.certificate, enclosed=()).encoded()
    with pytest.raises(AnswerRefused, match="not signed"):
        _verify(content, right)


def test_responder_of_another_generation_does_not_count(
    authority: TestAuthority, right: Answer
) -> None:
    other = authority.responders[Generation.FIRST]
    content = replace(
        right, signer=other, named=other.certificate, enclosed=(other.certificate,)
    ).encoded()
    with pytest.raises(AnswerRefused, match="not signed"):
        _verify(content, right)


def test_signature_by_another_than_the_named_does_not_count(right: Answer, card: Signer) -> None:
    namesake = _appointed(card, replace(right.signer, key=card.key))
    content = replace(
        right, signer=card, named=namesake, encoding=ocsp.OCSPResponderEncoding.NAME
    ).encoded()
    assert namesake.subject == right.enclosed[0].subject
    with pytest.raises(AnswerRefused, match="not signed"):
        _verify(content, right)


@pytest.mark.parametrize("nonce", [None, bytes(32), NONCE[:-1], NONCE + b"\0"])
def test_answer_to_another_question_is_not_believed(right: Answer, nonce: bytes | None) -> None:
    with pytest.raises(AnswerRefused, match="nonce"):
        _verify(replace(right, nonce=nonce).encoded(), right)


def test_answer_about_another_certificate_is_not_believed(
    right: Answer, other_card: Signer
) -> None:
    with pytest.raises(AnswerRefused, match="another certificate"):
        _verify(replace(right, about=other_card.certificate).encoded(), right)


def test_answer_about_another_issuers_certificate_is_not_believed(
    authority: TestAuthority, right: Answer
) -> None:
    first = authority.roots[Generation.FIRST].certificate
    with pytest.raises(AnswerRefused, match="another certificate"):
        _verify(replace(right, issuer=first).encoded(), right)


def test_answer_under_another_hash_is_not_ours(right: Answer) -> None:
    request = ocsp.OCSPRequestBuilder().add_certificate(right.about, right.issuer, SHA384())
    with pytest.raises(AnswerRefused, match="another certificate"):
        verify_answer(
            content=right.encoded(),
            request=request.build(),
            nonce=NONCE,
            issuer=right.issuer,
            now=NOW,
        )


@pytest.mark.parametrize("ahead", [timedelta(0), 5 * MINUTE])
def test_responders_clock_may_be_a_little_ahead(right: Answer, ahead: timedelta) -> None:
    assert _verify(right.encoded(), right, now=NOW - ahead).status is RevocationStatus.GOOD


def test_answer_from_the_future_is_not_believed(right: Answer) -> None:
    with pytest.raises(AnswerRefused, match="future"):
        _verify(right.encoded(), right, now=NOW - 5 * MINUTE - timedelta(seconds=1))


def test_answer_ends_a_little_after_its_next_update(right: Answer) -> None:
    ends = NOW + 10 * MINUTE
    assert _verify(right.encoded(), right, now=ends).status is RevocationStatus.GOOD
    with pytest.raises(AnswerRefused, match="out of date"):
        _verify(right.encoded(), right, now=ends + timedelta(seconds=1))


def test_answer_without_next_update_must_be_fresh(right: Answer) -> None:
    content = replace(right, next_update=None).encoded()
    assert _verify(content, right, now=NOW + 5 * MINUTE).next_update is None
    with pytest.raises(AnswerRefused, match="out of date"):
        _verify(content, right, now=NOW + 6 * MINUTE)


def test_answer_that_never_ends_is_believed(right: Answer) -> None:
    never = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
    assert _verify(replace(right, next_update=never).encoded(), right).next_update == never


def test_answer_in_anothers_name_is_not_believed(right: Answer) -> None:
    # The appointed responder signed it, but the name that stands there is another's.
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "another")])
    key = right.signer.key
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).serial_number(5)
    period = builder.not_valid_before(NOW - MINUTE).not_valid_after(NOW + MINUTE)
    another = period.public_key(key.public_key()).sign(key, SHA256())
    encoding = ocsp.OCSPResponderEncoding.NAME
    with pytest.raises(AnswerRefused, match="not signed"):
        _verify(replace(right, named=another, encoding=encoding).encoded(), right)


@pytest.mark.parametrize(
    "status",
    [entry for entry in ocsp.OCSPResponseStatus if entry.name != "SUCCESSFUL"],
)
def test_unsuccessful_answer_is_no_answer(right: Answer, status: ocsp.OCSPResponseStatus) -> None:
    content = ocsp.OCSPResponseBuilder.build_unsuccessful(status).public_bytes(Encoding.DER)
    with pytest.raises(AnswerRefused, match=status.name):
        _verify(content, right)


@given(content=st.binary(max_size=400))
def test_random_bytes_are_no_answer(right: Answer, content: bytes) -> None:
    with pytest.raises(AnswerRefused):
        _verify(content, right)


@settings(max_examples=300, deadline=None)
@given(position=st.integers(min_value=0))
def test_flipped_bit_never_changes_what_is_believed(right: Answer, position: int) -> None:
    content = flipped(replace(right, status=ocsp.OCSPCertStatus.REVOKED).encoded(), position)
    try:
        believed = _verify(content, right).status
    except AnswerRefused:
        return
    # The responder's enclosed certificate is outside of the signed part.
    assert believed is RevocationStatus.REVOKED
