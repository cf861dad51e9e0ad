"""Whose certificates a site takes, and what the revocation lists say."""

from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding

from tests.sdk.sites import good, vector_cards
from tests.sdk.vectors import NOW, PROOFS
from zaitaku.sdk import CardTrust, Revocation, RevocationLists
from zaitaku.sdk.errors import RootsUnusable

DAY = timedelta(days=1)
USERS = x509.IssuingDistributionPoint(
    full_name=None,
    relative_name=None,
    only_contains_user_certs=True,
    only_contains_ca_certs=False,
    only_some_reasons=None,
    indirect_crl=False,
    only_contains_attribute_certs=False,
)


@pytest.fixture
def roots(tmp_path: Path) -> Path:
    path = tmp_path / "roots.pem"
    path.write_text(PROOFS["roots"])
    return path


def test_roots_of_both_kinds_are_read_and_kept_apart_by_signature(roots: Path) -> None:
    trust = CardTrust.load(roots, revocation=good, allow_test=True)
    issued = vector_cards()
    for name in ("root", "root-p384"):
        card = x509.load_der_x509_certificate(issued.card("card-p384", root=name))
        assert trust.issuer_of(card, NOW) == issued.root(name)
    foreign = x509.load_der_x509_certificate(issued.card(root="foreign-root"))
    assert trust.issuer_of(foreign, NOW) is None


def test_a_test_root_is_refused_unless_asked_for(roots: Path) -> None:
    with pytest.raises(RootsUnusable, match="trials only"):
        CardTrust.load(roots, revocation=good)


@pytest.mark.parametrize("content", ["", "nothing", "-----BEGIN CERTIFICATE-----\nAAAA\n"])
def test_a_file_without_roots_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "roots.pem"
    path.write_text(content)
    for paths in ((path,), (tmp_path / "missing.pem",), ()):
        with pytest.raises(RootsUnusable):
            CardTrust.load(*paths, revocation=good, allow_test=True)


def test_a_cards_certificate_is_no_root(tmp_path: Path) -> None:
    card = x509.load_der_x509_certificate(vector_cards().card())
    path = tmp_path / "roots.pem"
    path.write_bytes(card.public_bytes(Encoding.PEM))
    with pytest.raises(RootsUnusable, match="self-signed"):
        CardTrust.load(path, revocation=good, allow_test=True)


def _list(
    signer: str = "root",
    *,
    revoked: tuple[int, ...] = (),
    part: bool = False,
    users: bool = False,
    age: int = 0,
    algorithm: hashes.SHA224 | hashes.SHA512 | None = None,
) -> bytes:
    key = vector_cards().keys[signer]
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(vector_cards().root("root").subject)
        .last_update(NOW - age * DAY)
        .next_update(NOW + (7 - age) * DAY)
    )
    if part:
        builder = builder.add_extension(x509.DeltaCRLIndicator(1), critical=True)
    if users:
        builder = builder.add_extension(USERS, critical=True)
    for serial in revoked:
        entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(NOW)
        builder = builder.add_revoked_certificate(entry.build())
    usual = hashes.SHA384() if signer.endswith("p384") else hashes.SHA256()
    return builder.sign(key, algorithm or usual).public_bytes(Encoding.PEM)


@pytest.fixture
def card() -> x509.Certificate:
    return x509.load_der_x509_certificate(vector_cards().card())


def _standing(path: Path, content: bytes, card: x509.Certificate) -> Revocation:
    path.write_bytes(content)
    return RevocationLists(path)(card, vector_cards().root("root"), NOW)


def test_a_list_says_what_is_revoked(tmp_path: Path, card: x509.Certificate) -> None:
    path = tmp_path / "lists.pem"
    mine = _list(revoked=(card.serial_number,))
    assert _standing(path, _list(), card) is Revocation.GOOD
    assert _standing(path, _list(revoked=(card.serial_number + 1,)), card) is Revocation.GOOD
    assert _standing(path, mine, card) is Revocation.REVOKED
    assert _standing(path, _list("root-p384") + mine, card) is Revocation.REVOKED
    assert _standing(path, _list() + mine, card) is Revocation.REVOKED


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no list",
        b"-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n",
        pytest.param(("foreign-root", False, 0), id="of another authority of the same name"),
        pytest.param(("root-p384", False, 0), id="of another generation"),
        pytest.param(("root", True, 0), id="of changes only"),
        pytest.param(("root", False, 8), id="too old"),
        pytest.param(("root", False, -1), id="of tomorrow"),
    ],
)
def test_where_no_list_counts_nothing_is_known(
    tmp_path: Path, card: x509.Certificate, content: bytes | tuple[str, bool, int]
) -> None:
    if isinstance(content, tuple):
        signer, part, age = content
        content = _list(signer, part=part, age=age)
    assert _standing(tmp_path / "lists.pem", content, card) is Revocation.UNKNOWN


def test_a_missing_file_knows_nothing(tmp_path: Path, card: x509.Certificate) -> None:
    lists = RevocationLists(tmp_path / "none.pem")
    assert lists(card, vector_cards().root("root"), NOW) is Revocation.UNKNOWN


def test_a_damaged_list_takes_the_good_word_of_the_whole_file(
    tmp_path: Path, card: x509.Certificate
) -> None:
    path = tmp_path / "lists.pem"
    old, new = _list(age=1), _list(revoked=(card.serial_number,))
    assert _standing(path, old, card) is Revocation.GOOD
    for damaged in (new.replace(b"\nMII", b"\nAAA"), new[:-40]):
        assert _standing(path, old + damaged, card) is Revocation.UNKNOWN
        assert _standing(path, damaged + old, card) is Revocation.UNKNOWN


def _under_sha_1() -> bytes:
    """Return a list that is right but for its hash; the library signs none."""
    sha_1, sha_256 = (bytes.fromhex(f"300d06092a864886f70d0101{end}0500") for end in ("05", "0b"))
    crl = x509.load_pem_x509_crl(_list())
    key = vector_cards().keys["root"]
    assert isinstance(key, RSAPrivateKey)
    signed = crl.tbs_certlist_bytes.replace(sha_256, sha_1)
    der = crl.public_bytes(Encoding.DER).replace(sha_256, sha_1)
    made = der.replace(crl.signature, key.sign(signed, PKCS1v15(), hashes.SHA1()))
    assert isinstance(x509.load_der_x509_crl(made).signature_hash_algorithm, hashes.SHA1)
    return made


def test_a_list_under_a_weak_hash_says_nothing(tmp_path: Path, card: x509.Certificate) -> None:
    path = tmp_path / "lists.pem"
    assert _standing(path, _list(algorithm=hashes.SHA512()), card) is Revocation.GOOD
    assert _standing(path, _list(algorithm=hashes.SHA224()), card) is Revocation.UNKNOWN
    assert _standing(path, _under_sha_1(), card) is Revocation.UNKNOWN


def test_a_list_in_der_decides(tmp_path: Path, card: x509.Certificate) -> None:
    der = x509.load_pem_x509_crl(_list()).public_bytes(Encoding.DER)
    assert _standing(tmp_path / "lists", der, card) is Revocation.GOOD


def test_a_list_for_cards_alone_decides(tmp_path: Path, card: x509.Certificate) -> None:
    path = tmp_path / "lists.pem"
    mine = _list(revoked=(card.serial_number,), users=True)
    assert _standing(path, _list(users=True), card) is Revocation.GOOD
    assert _standing(path, mine, card) is Revocation.REVOKED
