"""The test authority: made once, kept, renewed in time, and after the public profile."""

import shutil
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import NOW
from zaitaku.core.clock import JST, FixedClock
from zaitaku.core.files import write_once, write_private
from zaitaku.sandbox.authority import LIST_LIFETIME, LIST_RENEWAL, PINNED, Generation, TestAuthority
from zaitaku.sandbox.profile import AUTH_POLICY, Signer, birthday_in, card_period

DAY = timedelta(days=1)
LEAP_DAY = date(2000, 2, 29)


def _files(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def _list(authority: TestAuthority) -> x509.CertificateRevocationList:
    return x509.load_der_x509_crl(authority.crl_file.read_bytes())


@pytest.fixture
def copied(authority: TestAuthority, tmp_path: Path) -> Path:
    """A folder with the same keys, which a test may change."""
    return shutil.copytree(authority.folder, tmp_path / "authority")


def test_all_generations_share_one_name_and_no_key(authority: TestAuthority) -> None:
    certificates = [root.certificate for root in authority.roots.values()]
    names = {entry.subject.rfc4514_string() for entry in certificates}
    assert names == {
        "OU=Japan Agency for Local Authority Information Systems,"
        "OU=JPKI for user authentication,O=JPKI,C=JP"
    }
    keys = {root.key.public_key().public_numbers() for root in authority.roots.values()}
    assert len(keys) == 4


def test_card_has_the_profile(card: Signer) -> None:
    certificate = card.certificate
    key = certificate.public_key()
    assert isinstance(key, RSAPublicKey)
    assert key.key_size == 2048
    assert [part.oid for part in certificate.subject] == [
        NameOID.COUNTRY_NAME,
        NameOID.COMMON_NAME,
    ]
    policies = certificate.extensions.get_extension_for_class(x509.CertificatePolicies)
    assert policies.critical
    assert [policy.policy_identifier for policy in policies.value] == [AUTH_POLICY]
    points = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    names = [name for point in points for name in point.full_name or ()]
    assert [type(name) for name in names] == [x509.DirectoryName]


def test_card_ends_on_the_fifth_birthday(card: Signer) -> None:
    ends = card.certificate.not_valid_after_utc.astimezone(JST)
    assert ends == datetime(2031, 4, 12, 23, 59, 59, tzinfo=JST)
    begins = card.certificate.not_valid_before_utc.astimezone(JST)
    assert begins == datetime(2026, 5, 1, tzinfo=JST)


@given(issued_on=st.dates(date(2016, 1, 1), date(2050, 1, 1)), born=st.dates(date(1910, 1, 1)))
def test_period_is_between_four_and_five_years_and_ends_on_a_birthday(
    issued_on: date, born: date
) -> None:
    period = card_period(issued_on, born)
    last = period.ends.date()
    assert last == birthday_in(last.year, born)
    assert timedelta(days=4 * 365) < last - issued_on <= timedelta(days=5 * 365 + 2)


def test_birthday_of_a_leap_day() -> None:
    assert birthday_in(2027, LEAP_DAY) == date(2027, 2, 28)
    assert birthday_in(2028, LEAP_DAY) == LEAP_DAY.replace(year=2028)


def test_second_run_keeps_everything(copied: Path, authority: TestAuthority) -> None:
    before = _files(copied)
    again = TestAuthority.open(copied, FixedClock(NOW))
    assert _files(copied) == before
    assert again.roots[Generation.SECOND].certificate == (
        authority.roots[Generation.SECOND].certificate
    )


def test_every_file_is_its_owners_alone(authority: TestAuthority) -> None:
    modes = {path.name: path.stat().st_mode & 0o777 for path in _files(authority.folder)}
    assert set(modes.values()) == {0o600}
    assert authority.folder.stat().st_mode & 0o777 == 0o700


def test_lost_files_are_made_again(copied: Path) -> None:
    for name in ("roots.pem", "crl.der", "crl.pem"):
        (copied / name).unlink()
    again = TestAuthority.open(copied, FixedClock(NOW))
    assert len(x509.load_pem_x509_certificates(again.roots_file.read_bytes())) == 3
    assert again.crl_bundle.exists()
    assert _list(again).next_update_utc == NOW + LIST_LIFETIME


def test_foreign_root_is_never_in_the_file_to_pin(authority: TestAuthority) -> None:
    pinned = x509.load_pem_x509_certificates(authority.roots_file.read_bytes())
    assert authority.roots[Generation.FOREIGN].certificate not in pinned


def test_list_is_renewed_near_its_end_and_not_before(copied: Path) -> None:
    clock = FixedClock(NOW)
    authority = TestAuthority.open(copied, clock)
    clock.advance(LIST_LIFETIME - LIST_RENEWAL - timedelta(seconds=1))
    authority.refresh()
    assert _list(authority).next_update_utc == NOW + LIST_LIFETIME
    clock.advance(timedelta(seconds=1))
    authority.refresh()
    assert _list(authority).next_update_utc == clock.now() + LIST_LIFETIME


def test_list_from_the_future_is_made_again(copied: Path) -> None:
    clock = FixedClock(NOW - DAY)
    authority = TestAuthority.open(copied, clock)
    assert _list(authority).last_update_utc == NOW - DAY


def test_bundle_from_before_a_generation_was_added_is_made_again(copied: Path) -> None:
    bundle = copied / "crl.pem"
    lists = bundle.read_bytes().split(b"-----BEGIN")
    bundle.write_bytes(b"-----BEGIN".join(lists[:-1]))
    TestAuthority.open(copied, FixedClock(NOW))
    assert bundle.read_bytes().count(b"-----BEGIN") == len(PINNED)


@pytest.mark.parametrize("content", [b"", b"broken"])
def test_broken_list_is_made_again(copied: Path, content: bytes) -> None:
    (copied / "crl.der").write_bytes(content)
    assert _list(TestAuthority.open(copied, FixedClock(NOW))).is_signature_valid(
        TestAuthority.open(copied, FixedClock(NOW)).roots[Generation.SECOND].key.public_key()
    )


def test_revocation_is_in_the_list_at_once_and_stays(copied: Path, card: Signer) -> None:
    clock = FixedClock(NOW)
    authority = TestAuthority.open(copied, clock)
    serial = card.certificate.serial_number
    assert _list(authority).get_revoked_certificate_by_serial_number(serial) is None
    for _ in range(2):
        authority.revoke(card.certificate)
        clock.advance(DAY)
    again = TestAuthority.open(copied, clock)
    again.refresh(force=True)
    entry = _list(again).get_revoked_certificate_by_serial_number(serial)
    assert entry is not None
    assert entry.revocation_date_utc == NOW


def test_another_authoritys_certificate_cannot_be_revoked(
    copied: Path, authority: TestAuthority
) -> None:
    stranger = authority.issue(
        birth_date=LEAP_DAY, issued_on=date(2026, 1, 1), generation=Generation.FOREIGN
    )
    (copied / "foreign.pem").unlink()
    with pytest.raises(ValueError, match="another authority"):
        TestAuthority.open(copied, FixedClock(NOW)).revoke(stranger.certificate)


def test_generation_is_told_by_the_key(
    authority: TestAuthority,
    card: Signer,
    old_root_card: Signer,
    next_card: Signer,
    foreign_card: Signer,
) -> None:
    cards = (old_root_card, card, next_card, foreign_card)
    assert [authority.generation_of(one.certificate) for one in cards] == list(Generation)


def test_file_written_once_stays(tmp_path: Path) -> None:
    path = tmp_path / "file"
    assert write_once(path, b"first") == b"first"
    assert write_once(path, b"second") == b"first"
    write_private(path, b"third")
    assert path.read_bytes() == b"third"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]
