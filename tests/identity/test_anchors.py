"""Which root certificates a deployment starts with, and which it refuses."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from tests.conftest import NOW
from zaitaku.core.errors import SettingsError
from zaitaku.core.markers import TEST_ROOT_OID
from zaitaku.identity.anchors import TrustAnchors
from zaitaku.sandbox.authority import PINNED, Generation, TestAuthority
from zaitaku.sandbox.profile import Signer

DAY = timedelta(days=1)


def _unmarked(
    authority: TestAuthority,
    *,
    ca: bool = True,
    sign: bool = True,
    ends: datetime = NOW + 365 * DAY,
) -> x509.Certificate:
    """Return a root as a real authority would have it: without the mark."""
    root = authority.roots[Generation.SECOND]
    builder = (
        x509.CertificateBuilder()
        .subject_name(root.certificate.subject)
        .issuer_name(root.certificate.subject)
        .public_key(root.key.public_key())
        .serial_number(1)
        .not_valid_before(NOW - 365 * DAY)
        .not_valid_after(ends)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    )
    usage = root.certificate.extensions.get_extension_for_class(x509.KeyUsage)
    if sign:
        builder = builder.add_extension(usage.value, critical=True)
    return builder.sign(root.key, SHA256())


def _write(folder: Path, *certificates: x509.Certificate) -> Path:
    path = folder / "roots.pem"
    path.write_bytes(b"".join(entry.public_bytes(Encoding.PEM) for entry in certificates))
    return path


def _refused(path: Path, reason: str, *, allow_test: bool = True) -> None:
    with pytest.raises(SettingsError, match=reason):
        TrustAnchors.load([path], allow_test=allow_test, now=NOW)


def test_roots_of_the_test_authority_load_where_they_are_allowed(authority: TestAuthority) -> None:
    anchors = TrustAnchors.load([authority.roots_file], allow_test=True, now=NOW)
    assert set(anchors.roots) == {authority.roots[entry].certificate for entry in PINNED}


def test_every_root_of_the_test_authority_is_marked(authority: TestAuthority) -> None:
    for root in authority.roots.values():
        oids = {entry.oid.dotted_string for entry in root.certificate.extensions}
        assert TEST_ROOT_OID in oids


@pytest.mark.parametrize("generation", list(Generation))
def test_production_refuses_each_test_root(
    authority: TestAuthority, tmp_path: Path, generation: Generation
) -> None:
    path = _write(tmp_path, authority.roots[generation].certificate)
    _refused(path, "test authority", allow_test=False)


def test_production_refuses_a_test_root_beside_a_real_one(
    authority: TestAuthority, tmp_path: Path
) -> None:
    test_root = authority.roots[Generation.SECOND].certificate
    _refused(_write(tmp_path, _unmarked(authority), test_root), "test authority", allow_test=False)


def test_refusing_test_roots_is_the_default(authority: TestAuthority) -> None:
    with pytest.raises(SettingsError, match="test authority"):
        TrustAnchors.load([authority.roots_file])


def test_production_takes_an_unmarked_root(authority: TestAuthority, tmp_path: Path) -> None:
    root = _unmarked(authority)
    anchors = TrustAnchors.load([_write(tmp_path, root)], allow_test=False, now=NOW)
    assert anchors.roots == (root,)


def test_same_root_twice_counts_once(authority: TestAuthority) -> None:
    files = [authority.roots_file, authority.roots_file]
    assert len(TrustAnchors.load(files, allow_test=True, now=NOW).roots) == len(PINNED)


def test_missing_file_is_refused(tmp_path: Path) -> None:
    _refused(tmp_path / "none.pem", "cannot be read")


@pytest.mark.parametrize(
    "content",
    [b"", b"hello", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"],
)
def test_file_without_a_certificate_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "roots.pem"
    path.write_bytes(content)
    _refused(path, "no PEM certificate")


def test_set_that_is_expired_altogether_is_refused(authority: TestAuthority) -> None:
    with pytest.raises(SettingsError, match="period"):
        TrustAnchors.load([authority.roots_file], allow_test=True, now=NOW + 10_000 * DAY)


def test_set_with_one_root_in_its_period_is_taken(authority: TestAuthority) -> None:
    later = authority.roots[Generation.FIRST].certificate.not_valid_after_utc + DAY
    anchors = TrustAnchors.load([authority.roots_file], allow_test=True, now=later)
    assert len(anchors.roots) == len(PINNED)


@pytest.mark.parametrize("first", ["expired", "current"])
def test_renewed_root_with_the_same_key_is_found_in_its_period(
    authority: TestAuthority, tmp_path: Path, card: Signer, first: str
) -> None:
    current = authority.roots[Generation.SECOND]
    expired = _unmarked(authority, ends=NOW - DAY)
    pinned = (
        [expired, current.certificate] if first == "expired" else [current.certificate, expired]
    )
    anchors = TrustAnchors.load([_write(tmp_path, *pinned)], allow_test=True, now=NOW)
    assert anchors.issuer_of(card.certificate, NOW) == current.certificate
    only = TrustAnchors((expired,))
    assert only.issuer_of(card.certificate, NOW) == expired


def test_card_is_no_root(tmp_path: Path, card: Signer) -> None:
    _refused(_write(tmp_path, card.certificate), "not a self-signed authority")


@pytest.mark.parametrize(("ca", "sign"), [(False, True), (True, False)])
def test_root_that_may_not_sign_is_refused(
    authority: TestAuthority, tmp_path: Path, ca: bool, sign: bool
) -> None:
    _refused(_write(tmp_path, _unmarked(authority, ca=ca, sign=sign)), "not a self-signed")


def test_root_with_another_kind_of_key_is_refused(authority: TestAuthority, tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = authority.roots[Generation.SECOND].certificate.subject
    root = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(NOW - DAY)
        .not_valid_after(NOW + DAY)
        .sign(key, SHA256())
    )
    _refused(_write(tmp_path, root), "RSA")
