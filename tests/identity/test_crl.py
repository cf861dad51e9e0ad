"""Revocation lists from a file: current, signed, meant for the certificate, or of no use."""

import logging
import os
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import NOW
from tests.identity.world import verify
from zaitaku.identity.errors import CertificateRevoked, RevocationUnknown
from zaitaku.identity.revocation import CrlFile, RevocationStatus
from zaitaku.sandbox.authority import LIST_LIFETIME, Generation, TestAuthority
from zaitaku.sandbox.profile import Signer, distribution_point
from zaitaku.sdk.crl import ListsUnreadable, read_lists

DAY = timedelta(days=1)
GOOD, REVOKED, UNKNOWN = (
    RevocationStatus.GOOD,
    RevocationStatus.REVOKED,
    RevocationStatus.UNKNOWN,
)


def _list(
    root: Signer,
    *revoked: Signer,
    begins: datetime = NOW - DAY,
    ends: datetime = NOW + DAY,
    extensions: Iterable[tuple[x509.ExtensionType, bool]] = (),
) -> x509.CertificateRevocationList:
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(root.certificate.subject)
        .last_update(begins)
        .next_update(ends)
    )
    for card in revoked:
        serial = card.certificate.serial_number
        entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(NOW - DAY)
        builder = builder.add_revoked_certificate(entry.build())
    for value, critical in extensions:
        builder = builder.add_extension(value, critical=critical)
    return builder.sign(root.key, SHA256())


def _file(folder: Path, *lists: x509.CertificateRevocationList) -> CrlFile:
    path = folder / "lists.pem"
    path.write_bytes(b"".join(crl.public_bytes(Encoding.PEM) for crl in lists))
    return CrlFile(path)


def _scope(**changes: bool | list[x509.GeneralName]) -> x509.IssuingDistributionPoint:
    names = changes.get("full_name")
    return x509.IssuingDistributionPoint(
        full_name=names if isinstance(names, list) else None,
        relative_name=None,
        only_contains_user_certs=bool(changes.get("users")),
        only_contains_ca_certs=bool(changes.get("authorities")),
        only_some_reasons=None,
        indirect_crl=bool(changes.get("indirect")),
        only_contains_attribute_certs=bool(changes.get("attributes")),
    )


@pytest.fixture(scope="module")
def root(authority: TestAuthority) -> Signer:
    return authority.roots[Generation.SECOND]


def _status(source: CrlFile, card: Signer, root: Signer, now: datetime = NOW) -> RevocationStatus:
    return source.status(card.certificate, root.certificate, now)


def test_der_file_of_the_authority_decides(
    authority: TestAuthority, card: Signer, revoked_card: Signer, root: Signer
) -> None:
    source = CrlFile(authority.crl_file)
    assert _status(source, card, root) is GOOD
    assert _status(source, revoked_card, root) is REVOKED


def test_pem_bundle_decides_for_each_generation(
    authority: TestAuthority, card: Signer, old_root_card: Signer, root: Signer
) -> None:
    source = CrlFile(authority.crl_bundle)
    assert _status(source, card, root) is GOOD
    assert _status(source, old_root_card, authority.roots[Generation.FIRST]) is GOOD


def test_list_of_another_generation_says_nothing(
    authority: TestAuthority, old_root_card: Signer
) -> None:
    source = CrlFile(authority.crl_file)
    assert _status(source, old_root_card, authority.roots[Generation.FIRST]) is UNKNOWN


def test_list_of_a_namesake_says_nothing(
    authority: TestAuthority, tmp_path: Path, card: Signer, root: Signer
) -> None:
    source = _file(tmp_path, _list(authority.roots[Generation.FOREIGN], card))
    assert _status(source, card, root) is UNKNOWN


def test_list_changed_after_signing_says_nothing(
    tmp_path: Path, card: Signer, other_card: Signer, root: Signer
) -> None:
    content = bytearray(_list(root, other_card).public_bytes(Encoding.DER))
    serial = other_card.certificate.serial_number.to_bytes(8, "big")
    content[content.index(serial) + 7] ^= 1
    path = tmp_path / "crl.der"
    path.write_bytes(content)
    assert _status(CrlFile(path), card, root) is UNKNOWN


def test_both_ends_of_a_lists_time_count(tmp_path: Path, card: Signer, root: Signer) -> None:
    second = timedelta(seconds=1)
    source = _file(tmp_path, _list(root))
    assert _status(source, card, root, NOW + DAY) is GOOD
    assert _status(source, card, root, NOW + DAY + second) is UNKNOWN
    assert _status(source, card, root, NOW - DAY - timedelta(minutes=5)) is GOOD
    assert _status(source, card, root, NOW - DAY - timedelta(minutes=5) - second) is UNKNOWN


def test_out_of_date_list_does_not_even_revoke(tmp_path: Path, card: Signer, root: Signer) -> None:
    source = _file(tmp_path, _list(root, card))
    assert _status(source, card, root) is REVOKED
    assert _status(source, card, root, NOW + 2 * DAY) is UNKNOWN


def test_file_is_read_again_when_it_is_replaced(tmp_path: Path, card: Signer, root: Signer) -> None:
    source = _file(tmp_path, _list(root))
    assert _status(source, card, root) is GOOD
    fresh = tmp_path / "fresh.pem"
    fresh.write_bytes(_list(root, card).public_bytes(Encoding.PEM))
    fresh.replace(source.path)
    assert _status(source, card, root) is REVOKED


def test_unchanged_file_is_read_once(
    tmp_path: Path, card: Signer, root: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = _file(tmp_path, _list(root))
    assert _status(source, card, root) is GOOD
    monkeypatch.setattr(Path, "read_bytes", lambda _: pytest.fail("read again"))
    assert _status(source, card, root) is GOOD


def test_file_that_goes_away_and_comes_back(
    tmp_path: Path, card: Signer, root: Signer, caplog: pytest.LogCaptureFixture
) -> None:
    source = _file(tmp_path, _list(root))
    aside = tmp_path / "aside.pem"
    assert _status(source, card, root) is GOOD
    source.path.rename(aside)
    with caplog.at_level(logging.WARNING):
        assert _status(source, card, root) is UNKNOWN
    assert "away" in caplog.text
    assert str(card.certificate.serial_number) not in caplog.text
    aside.rename(source.path)
    assert _status(source, card, root) is GOOD


@pytest.mark.parametrize(
    "content", [b"", b"hello", b"-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n"]
)
def test_broken_file_says_nothing(
    tmp_path: Path, card: Signer, root: Signer, content: bytes
) -> None:
    path = tmp_path / "broken"
    path.write_bytes(content)
    assert _status(CrlFile(path), card, root) is UNKNOWN


def test_a_damaged_list_takes_the_good_word_of_the_whole_file(
    tmp_path: Path, card: Signer, root: Signer
) -> None:
    old, new = (one.public_bytes(Encoding.PEM) for one in (_list(root), _list(root, card)))
    path = tmp_path / "lists.pem"
    path.write_bytes(old + new)
    assert _status(CrlFile(path), card, root) is REVOKED
    path.write_bytes(old + new.replace(b"\nMII", b"\nAAA"))
    assert _status(CrlFile(path), card, root) is UNKNOWN


@given(data=st.data())
def test_a_file_that_was_cut_off_inside_a_list_says_nothing(
    card: Signer, root: Signer, data: st.DataObject
) -> None:
    old, new = (one.public_bytes(Encoding.PEM) for one in (_list(root), _list(root, card)))
    assert read_lists(b"issued by hand\n" + old + b"\n\n" + new)
    cut = data.draw(st.integers(min_value=1, max_value=len(new) - 2))
    for content in (old + new[:cut], new[:cut] + old, old + b" " + new[:cut]):
        with pytest.raises(ListsUnreadable):
            read_lists(content)


def _renewed(root: Signer, *, crl_sign: bool) -> x509.Certificate:
    """Return a root with the same key and name, which may sign lists or may not."""
    none = dict.fromkeys(("content_commitment", "key_encipherment", "data_encipherment"), False)
    usage = x509.KeyUsage(
        digital_signature=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=crl_sign,
        encipher_only=False,
        decipher_only=False,
        **none,
    )
    name = root.certificate.subject
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(root.key.public_key())
        .serial_number(7)
        .not_valid_before(NOW - DAY)
        .not_valid_after(NOW + DAY)
        .add_extension(usage, critical=True)
        .sign(root.key, SHA256())
    )


def test_list_of_a_root_that_may_not_sign_lists_says_nothing(
    tmp_path: Path, card: Signer, root: Signer
) -> None:
    source = _file(tmp_path, _list(root))
    for crl_sign, expected in ((True, GOOD), (False, UNKNOWN), (True, GOOD)):
        issuer = _renewed(root, crl_sign=crl_sign)
        assert source.status(card.certificate, issuer, NOW) is expected


def test_folder_instead_of_a_file_says_nothing(tmp_path: Path, card: Signer, root: Signer) -> None:
    assert _status(CrlFile(tmp_path), card, root) is UNKNOWN


@pytest.mark.parametrize("flag", ["authorities", "indirect", "attributes"])
def test_list_of_a_part_says_nothing(tmp_path: Path, card: Signer, root: Signer, flag: str) -> None:
    scope = _scope(**{flag: True})
    source = _file(tmp_path, _list(root, extensions=[(scope, True)]))
    assert _status(source, card, root) is UNKNOWN


def test_delta_list_says_nothing(tmp_path: Path, card: Signer, root: Signer) -> None:
    source = _file(tmp_path, _list(root, extensions=[(x509.DeltaCRLIndicator(1), True)]))
    assert _status(source, card, root) is UNKNOWN


def test_list_of_the_cards_distribution_point_decides(
    tmp_path: Path, card: Signer, root: Signer
) -> None:
    scope = _scope(users=True, full_name=[distribution_point()])
    source = _file(tmp_path, _list(root, card, extensions=[(scope, True)]))
    assert _status(source, card, root) is REVOKED


def test_list_of_another_distribution_point_says_nothing(
    tmp_path: Path, card: Signer, root: Signer
) -> None:
    scope = _scope(users=True, full_name=[x509.DirectoryName(root.certificate.subject)])
    source = _file(tmp_path, _list(root, extensions=[(scope, True)]))
    assert _status(source, card, root) is UNKNOWN


def test_any_usable_list_that_revokes_wins(tmp_path: Path, card: Signer, root: Signer) -> None:
    source = _file(tmp_path, _list(root), _list(root, card))
    assert _status(source, card, root) is REVOKED


def test_replaced_file_of_the_same_size_is_noticed(
    tmp_path: Path, card: Signer, other_card: Signer, root: Signer
) -> None:
    source = _file(tmp_path, _list(root, other_card))
    assert _status(source, card, root) is GOOD
    source.path.write_bytes(_list(root, card).public_bytes(Encoding.PEM))
    os.utime(source.path, ns=(1, 1))
    assert _status(source, card, root) is REVOKED


def test_proof_of_a_revoked_card_is_refused(authority: TestAuthority, revoked_card: Signer) -> None:
    with pytest.raises(CertificateRevoked):
        verify(authority, revoked_card, revocation=CrlFile(authority.crl_file))


def test_proof_is_refused_once_the_list_is_out_of_date(
    authority: TestAuthority, card: Signer
) -> None:
    source = CrlFile(authority.crl_file)
    late = NOW + LIST_LIFETIME + timedelta(seconds=1)
    with pytest.raises(RevocationUnknown):
        verify(authority, card, revocation=source, now=late)
