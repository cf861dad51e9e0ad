"""Cards that sign on P-384: taken, judged by OpenSSL too, and refused bit by bit."""

import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP384R1,
    EllipticCurvePrivateKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from cryptography.hazmat.primitives.hashes import SHA256, SHA384
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import NOW
from tests.identity.test_flipped_bits import flipped, many, positions
from tests.identity.world import CHALLENGE, der, signed, verify
from tests.sandbox.loopback import serving
from zaitaku.cardbridge.card.algorithms import ECDSA_P384_SHA384
from zaitaku.identity.anchors import TrustAnchors
from zaitaku.identity.errors import (
    CertificateRevoked,
    SignatureMismatch,
    UnknownAuthority,
    VerificationFailed,
    WrongCertificate,
)
from zaitaku.identity.revocation import CrlFile, Ocsp, RevocationChain, RevocationStatus
from zaitaku.sandbox.authority import Generation, TestAuthority
from zaitaku.sandbox.ocsp import responder
from zaitaku.sandbox.profile import KeyKind, Period, Signer, new_root

Change = Callable[[bytes], bytes]
PERIOD = Period(NOW - timedelta(days=30), NOW + timedelta(days=900))


def key_of(card: Signer) -> EllipticCurvePrivateKey:
    assert isinstance(card.key, EllipticCurvePrivateKey)
    return card.key


def test_algorithm_is_the_certificates(authority: TestAuthority, next_card: Signer) -> None:
    verified = verify(authority, next_card)
    assert verified.algorithm == "ecdsa-p384-sha384"
    assert verified.public_key == key_of(next_card).public_key().public_bytes(
        Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    )
    assert len(verified.subject_hashes) == 2


@pytest.mark.parametrize("generation", [Generation.SECOND, Generation.THIRD])
@pytest.mark.parametrize("kind", list(KeyKind))
def test_either_kind_of_card_may_come_from_either_kind_of_root(
    authority: TestAuthority, generation: Generation, kind: KeyKind
) -> None:
    card = authority.issue_for(PERIOD, generation, kind)
    assert verify(authority, card).algorithm.startswith(kind.replace("p-384", "ecdsa-p384"))


def test_root_on_the_curve_that_is_not_pinned_is_unknown(authority: TestAuthority) -> None:
    stranger = new_root(PERIOD, KeyKind.P_384)
    assert stranger.certificate.subject == authority.roots[Generation.THIRD].certificate.subject
    roots = dict(authority.roots) | {Generation.THIRD: stranger}
    other = TestAuthority(authority.folder, roots=roots, responders={}, clock=authority.clock)
    with pytest.raises(UnknownAuthority):
        verify(authority, other.issue_for(PERIOD, Generation.THIRD))


def test_root_on_the_curve_is_pinned_from_a_file(
    authority: TestAuthority, next_card: Signer
) -> None:
    anchors = TrustAnchors.load([authority.roots_file], allow_test=True, now=NOW)
    root = authority.roots[Generation.THIRD].certificate
    assert anchors.issuer_of(next_card.certificate, NOW) == root


def test_both_of_the_two_right_signatures_are_taken(
    authority: TestAuthority, next_card: Signer
) -> None:
    first, second = decode_dss_signature(signed(next_card, CHALLENGE.statement))
    for number in (second, ECDSA_P384_SHA384.order - second):
        made = encode_dss_signature(first, number)
        assert verify(authority, next_card, signature=made).signature == made


@pytest.mark.parametrize(
    "change",
    [
        lambda made: b"".join(part.to_bytes(48) for part in decode_dss_signature(made)),
        lambda made: made + b"\0",
        lambda made: b"\x30\x81" + made[1:],  # a length in two bytes where one does
        lambda made: made[:1] + bytes([made[1] + 1, 2, made[3] + 1, 0]) + made[4:],
        lambda _: encode_dss_signature(0, 0),
        lambda _: encode_dss_signature(ECDSA_P384_SHA384.order, 1),
        lambda _: b"",
        lambda _: bytes(10_000),
    ],
    ids=["bare", "trailing", "long length", "leading zero", "zero", "order", "empty", "zeros"],
)
def test_one_encoding_of_a_signature_is_taken(
    authority: TestAuthority, next_card: Signer, change: Change
) -> None:
    made = signed(next_card, CHALLENGE.statement)
    with pytest.raises(SignatureMismatch):
        verify(authority, next_card, signature=change(made))


def test_another_digest_is_a_mismatch(authority: TestAuthority, next_card: Signer) -> None:
    weaker = key_of(next_card).sign(CHALLENGE.statement, ECDSA(SHA256()))
    with pytest.raises(SignatureMismatch):
        verify(authority, next_card, signature=weaker)


def test_signature_of_the_other_kind_of_card_is_a_mismatch(
    authority: TestAuthority, card: Signer, next_card: Signer
) -> None:
    for one, other in ((card, next_card), (next_card, card)):
        with pytest.raises(SignatureMismatch):
            verify(authority, one, signature=signed(other, CHALLENGE.statement))


def test_signature_over_anything_else_is_a_mismatch(
    authority: TestAuthority, next_card: Signer
) -> None:
    changed = replace(CHALLENGE, nonce=bytes(32))
    with pytest.raises(SignatureMismatch):
        verify(authority, next_card, challenge=changed)


@many
@given(position=positions)
def test_no_bit_of_the_signature_can_change(
    authority: TestAuthority, next_card: Signer, position: int
) -> None:
    content = flipped(signed(next_card, CHALLENGE.statement), position)
    with pytest.raises(SignatureMismatch):
        verify(authority, next_card, signature=content)


@many
@given(position=positions)
def test_no_bit_of_the_certificate_can_change(
    authority: TestAuthority, next_card: Signer, position: int
) -> None:
    content = flipped(der(next_card.certificate), position)
    with pytest.raises(VerificationFailed):
        verify(authority, next_card, certificate=content)


@many
@given(content=st.binary(max_size=120))
def test_random_bytes_are_no_signature(
    authority: TestAuthority, next_card: Signer, content: bytes
) -> None:
    with pytest.raises(SignatureMismatch):
        verify(authority, next_card, signature=content)


def test_certificate_that_the_root_signed_with_a_weaker_digest_is_refused(
    authority: TestAuthority, next_card: Signer
) -> None:
    root, old = authority.roots[Generation.THIRD], next_card.certificate
    builder = (
        x509.CertificateBuilder()
        .subject_name(old.subject)
        .issuer_name(old.issuer)
        .public_key(key_of(next_card).public_key())
        .serial_number(old.serial_number)
        .not_valid_before(old.not_valid_before_utc)
        .not_valid_after(old.not_valid_after_utc)
    )
    for entry in old.extensions:
        builder = builder.add_extension(entry.value, critical=entry.critical)
    remade = der(builder.sign(root.key, SHA384()))
    assert verify(authority, next_card, certificate=remade).verified_at == NOW
    with pytest.raises(WrongCertificate, match="algorithm"):
        verify(authority, next_card, certificate=der(builder.sign(root.key, SHA256())))


@pytest.mark.enable_socket
def test_list_and_responder_of_the_root_on_the_curve_decide(
    authority: TestAuthority, next_card: Signer
) -> None:
    lost = authority.issue_for(PERIOD, Generation.THIRD)
    authority.revoke(lost.certificate)
    with serving(responder(authority)) as url:
        sources = RevocationChain((CrlFile(authority.crl_bundle), Ocsp(url)))
        assert verify(authority, next_card, revocation=sources).verified_at == NOW
        with pytest.raises(CertificateRevoked):
            verify(authority, lost, revocation=sources)


def test_list_of_an_older_generation_says_nothing(
    authority: TestAuthority, next_card: Signer
) -> None:
    third = authority.roots[Generation.THIRD].certificate
    source = CrlFile(authority.crl_file)
    assert source.status(next_card.certificate, third, NOW) is RevocationStatus.UNKNOWN


def _openssl(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = ["openssl", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_openssl_takes_what_is_taken_here(
    authority: TestAuthority, next_card: Signer, tmp_path: Path
) -> None:
    certificate, key = tmp_path / "card.pem", tmp_path / "key.pem"
    certificate.write_bytes(next_card.certificate.public_bytes(Encoding.PEM))
    key.write_bytes(
        key_of(next_card).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )
    path = _openssl(
        *("verify", "-x509_strict", "-attime", str(int(NOW.timestamp()))),
        *("-CAfile", authority.roots_file, "-crl_check", "-CRLfile", authority.crl_bundle),
        certificate,
    )
    assert path.stdout.endswith(": OK\n"), path.stderr
    (tmp_path / "signature").write_bytes(signed(next_card, CHALLENGE.statement))
    for message, verdict in ((CHALLENGE.statement, "Verified OK"), (b"else", "failure")):
        (tmp_path / "message").write_bytes(message)
        judged = _openssl(
            *("dgst", "-sha384", "-verify", key, "-signature", tmp_path / "signature"),
            tmp_path / "message",
        )
        assert verdict in judged.stdout


def test_signature_by_openssl_is_taken_here(
    authority: TestAuthority, next_card: Signer, tmp_path: Path
) -> None:
    private = key_of(next_card).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "key.pem").write_bytes(private)
    (tmp_path / "message").write_bytes(CHALLENGE.statement)
    made = tmp_path / "made"
    _openssl("dgst", "-sha384", "-sign", tmp_path / "key.pem", "-out", made, tmp_path / "message")
    assert verify(authority, next_card, signature=made.read_bytes()).signature == made.read_bytes()


def test_another_key_on_the_curve_is_a_mismatch(
    authority: TestAuthority, next_card: Signer
) -> None:
    stranger = generate_private_key(SECP384R1())
    made = stranger.sign(CHALLENGE.statement, ECDSA(SHA384()))
    with pytest.raises(SignatureMismatch):
        verify(authority, next_card, signature=made)
