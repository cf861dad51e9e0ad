"""How each generation of cards signs, from the bytes up to the verifier."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.utils import (
    Prehashed,
    decode_dss_signature,
    encode_dss_signature,
)
from cryptography.hazmat.primitives.hashes import SHA256, SHA384
from hypothesis import given
from hypothesis import strategies as st

from tests.cardbridge.cards import typed
from tests.conftest import NOW
from tests.identity.world import CHALLENGE, KEYS, anchors_of, der, good
from tests.pcscd import card_in_pcscd, pcscd
from zaitaku.cardbridge.card.algorithms import (
    ECDSA_P384_SHA384,
    RSA_2048_SHA256,
    SignatureMalformed,
    UnknownAlgorithm,
    algorithm_of,
    check_signature,
)
from zaitaku.cardbridge.card.cardwork import CardWork
from zaitaku.cardbridge.card.jpki import CardFault, JpkiCard, algorithm_for
from zaitaku.cardbridge.card.transport import ReaderService
from zaitaku.cardbridge.pcsc.service import PcscService
from zaitaku.cardbridge.virtual.card import VirtualCard
from zaitaku.cardbridge.virtual.cardfile import CardFile, CardFileError
from zaitaku.cardbridge.virtual.inprocess import InProcessService
from zaitaku.cardbridge.virtual.reader import VirtualReader
from zaitaku.core.clock import FixedClock
from zaitaku.identity.verification import ProofVerifier, verify_card_proof
from zaitaku.sandbox.authority import Generation, TestAuthority
from zaitaku.sandbox.cards import DemoCard
from zaitaku.sandbox.profile import KeyKind, Period, PublicKey, Signer, new_card, new_root

ORDER = ECDSA_P384_SHA384.order
PERIOD = Period(NOW - timedelta(days=30), NOW + timedelta(days=900))
NUMBERS = st.integers(1, ORDER - 1)
APPLET = "00a4040c0ad392f000260100000001"
VERIFY = "002000800438323634"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> TestAuthority:
    return TestAuthority.open(tmp_path_factory.mktemp("authority"), FixedClock(NOW))


@pytest.fixture(scope="module")
def issued(authority: TestAuthority) -> Signer:
    return authority.issue_for(PERIOD, Generation.THIRD)


@pytest.fixture
def next_card(authority: TestAuthority, issued: Signer, tmp_path: Path) -> VirtualCard:
    """A card of the coming generation, with the PIN that ``typed`` types."""
    file = DemoCard(
        name="next",
        description="",
        kind="jpki",
        tries=3,
        person=None,
        pin=typed().decode(),
        certificate=der(issued.certificate),
        ca_certificate=der(authority.roots[Generation.THIRD].certificate),
        key=issued.pem(),
    )
    path = tmp_path / "next.json"
    path.write_text(file.to_json(), "utf-8")
    return VirtualCard(CardFile.load(path))


@pytest.fixture
def reader(next_card: VirtualCard) -> Iterator[VirtualReader]:
    held = VirtualReader()
    held.insert(next_card)
    yield held


def certificate_of(key: PublicKey | ed25519.Ed25519PublicKey) -> bytes:
    signer = new_root(PERIOD)
    name = signer.certificate.subject
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key)
        .serial_number(1)
        .not_valid_before(PERIOD.begins)
        .not_valid_after(PERIOD.ends)
    )
    return der(builder.sign(signer.key, SHA256()))


def test_the_certificates_key_chooses(issued: Signer) -> None:
    assert algorithm_of(der(issued.certificate)) is ECDSA_P384_SHA384
    today = new_card(new_root(PERIOD, KeyKind.P_384), PERIOD, KeyKind.RSA_2048)
    assert algorithm_of(der(today.certificate)) is RSA_2048_SHA256


@pytest.mark.parametrize(
    "key",
    [
        ec.generate_private_key(ec.SECP256R1()).public_key(),
        rsa.generate_private_key(65537, 1024).public_key(),
        ed25519.Ed25519PrivateKey.generate().public_key(),
    ],
    ids=["p-256", "rsa-1024", "ed25519"],
)
def test_a_key_of_another_kind_is_told(key: PublicKey) -> None:
    with pytest.raises(UnknownAlgorithm, match="kind of key"):
        algorithm_of(certificate_of(key))
    with pytest.raises(CardFault, match="certificate"):
        algorithm_for(certificate_of(key))


@given(content=st.binary(max_size=200))
def test_what_is_no_certificate_is_told(content: bytes) -> None:
    with pytest.raises(UnknownAlgorithm):
        algorithm_of(content)


@given(first=NUMBERS, second=NUMBERS)
def test_bare_numbers_and_der_are_one_signature(first: int, second: int) -> None:
    bare = first.to_bytes(48) + second.to_bytes(48)
    encoded = encode_dss_signature(first, second)
    assert ECDSA_P384_SHA384.signature(bare) == encoded
    assert ECDSA_P384_SHA384.signature(encoded) == encoded


@given(answer=st.binary(max_size=110))
def test_any_answer_is_a_signature_in_its_one_encoding_or_told(answer: bytes) -> None:
    try:
        made = ECDSA_P384_SHA384.signature(answer)
    except SignatureMalformed as error:
        assert str(len(answer)) in str(error)
        return
    first, second = decode_dss_signature(made)
    assert 0 < first < ORDER
    assert 0 < second < ORDER
    assert made in (answer, encode_dss_signature(first, second))


@pytest.mark.parametrize(
    "answer",
    [
        bytes(96),
        ORDER.to_bytes(48) + b"\1".rjust(48, b"\0"),
        b"\1".rjust(48, b"\0") + bytes(48),
        encode_dss_signature(ORDER, 1),
        bytes(95),
        bytes(97),
        b"",
    ],
)
def test_numbers_out_of_range_are_no_signature(answer: bytes) -> None:
    with pytest.raises(SignatureMalformed):
        ECDSA_P384_SHA384.signature(answer)


def test_the_order_is_the_curves() -> None:
    # The key n - 1 exists and n does not.
    assert ec.derive_private_key(ORDER - 1, ec.SECP384R1()).key_size == 384
    with pytest.raises(ValueError):
        ec.derive_private_key(ORDER, ec.SECP384R1())


@pytest.mark.parametrize("length", [0, 255, 257])
def test_an_rsa_signature_has_the_keys_length(length: int) -> None:
    with pytest.raises(SignatureMalformed, match=str(length)):
        RSA_2048_SHA256.signature(bytes(length))
    assert RSA_2048_SHA256.signature(bytes(256)) == bytes(256)


def ask(card: VirtualCard, *commands: str) -> bytes:
    answer = b""
    for command in commands:
        answer = card.process(bytes.fromhex(command))
    return answer


def test_the_card_is_given_the_digest_and_gives_both_numbers(
    next_card: VirtualCard, issued: Signer
) -> None:
    digest = ECDSA_P384_SHA384.block(b"data").hex()
    assert len(digest) == 2 * 48
    answer = ask(
        *(next_card, APPLET, "00a4020c020018", VERIFY, "00a4020c020017"),
        f"802a008030{digest}00",
    )
    assert answer[-2:] == b"\x90\x00"
    assert len(answer) == 98
    key = issued.certificate.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    made = ECDSA_P384_SHA384.signature(answer[:-2])
    key.verify(made, b"data", ec.ECDSA(SHA384()))
    key.verify(made, bytes.fromhex(digest), ec.ECDSA(Prehashed(SHA384())))


@pytest.mark.parametrize("block", [RSA_2048_SHA256.block(b"data"), bytes(47), bytes(49), b"\1"])
def test_the_card_on_the_curve_takes_nothing_but_a_digest(
    next_card: VirtualCard, block: bytes
) -> None:
    answer = ask(
        *(next_card, APPLET, "00a4020c020018", VERIFY, "00a4020c020017"),
        f"802a0080{len(block):02x}{block.hex()}00",
    )
    assert answer.hex() == "6700"


def test_a_card_that_answers_nonsense_is_at_fault() -> None:
    class Nonsense:
        def transmit(self, command: bytes | bytearray) -> bytes:
            return b"\x90\x00" if command[1] == 0xA4 else bytes(96) + b"\x90\x00"

        def close(self) -> None:
            """Nothing to end."""

    with pytest.raises(CardFault, match="out of range"):
        JpkiCard(Nonsense()).sign(b"data", ECDSA_P384_SHA384)


def test_a_signature_that_was_changed_on_its_way_is_told(next_card: VirtualCard) -> None:
    reader = VirtualReader()
    reader.insert(next_card)
    answer = CardWork(InProcessService(reader)).sign(typed(), b"statement", insisted=False)
    check_signature(answer.certificate, answer.signature, b"statement")
    with pytest.raises(SignatureMalformed):
        check_signature(answer.certificate, answer.signature, b"another")
    with pytest.raises(UnknownAlgorithm):
        check_signature(b"none", answer.signature, b"statement")


def prove(service: ReaderService, authority: TestAuthority) -> str:
    """Have the card in ``service`` sign and return the algorithm that the site notes."""
    answer = CardWork(service).sign(typed(), CHALLENGE.statement, insisted=False)
    verified = verify_card_proof(
        challenge=CHALLENGE,
        certificate=answer.certificate,
        signature=answer.signature,
        verifier=ProofVerifier(anchors_of(authority), good(), KEYS),
        now=NOW,
    )
    return verified.algorithm


def test_what_the_bridge_sends_is_taken_by_the_site(
    reader: VirtualReader, authority: TestAuthority
) -> None:
    assert prove(InProcessService(reader), authority) == "ecdsa-p384-sha384"


@pytest.mark.pcscd
@pytest.mark.enable_socket
def test_it_is_taken_through_the_daemon_too(
    reader: VirtualReader, authority: TestAuthority
) -> None:
    with pcscd(), card_in_pcscd(reader):
        assert prove(PcscService(), authority) == "ecdsa-p384-sha384"


def test_a_card_file_with_another_curve_is_refused(next_card: VirtualCard) -> None:
    path = next_card.card.path
    assert path is not None
    demo = DemoCard.from_json(path.read_text("utf-8"))
    stranger = Signer(new_root(PERIOD).certificate, ec.generate_private_key(ec.SECP256R1()))
    path.write_text(replace(demo, key=stranger.pem()).to_json(), "utf-8")
    with pytest.raises(CardFileError):
        CardFile.load(path)
