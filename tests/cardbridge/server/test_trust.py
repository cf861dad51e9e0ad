"""Which keys are trusted: pinned at first use, vouched for at a change, over TLS."""

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from joserfc.jwk import OKPKey

from tests.cardbridge.server.fakesite import FakeSite, serving
from tests.cardbridge.server.rig import Rig, claims_for, page_name
from zaitaku.cardbridge.trust.failures import StateUnusable
from zaitaku.cardbridge.trust.pins import Pins
from zaitaku.cardbridge.virtual.inprocess import InProcessService
from zaitaku.cardbridge.virtual.reader import VirtualReader


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """Write a self-signed certificate for 127.0.0.1, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    certificate_file, key_file = folder / "site.pem", folder / "site.key"
    certificate_file.write_bytes(certificate.public_bytes(Encoding.PEM))
    key_file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return certificate_file, key_file


@pytest.fixture
def tls(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate for the site."""
    return make_certificate(tmp_path)


@pytest.fixture
def secure(tls: tuple[Path, Path], virtual_reader: VirtualReader, tmp_path: Path) -> Iterator[Rig]:
    """A bridge with an allowed https site whose certificate it trusts."""
    with serving(FakeSite(), tls=tls) as site:
        yield secure_rig(site, virtual_reader, tmp_path / "state", tls[0])


def secure_rig(site: FakeSite, reader: VirtualReader, state: Path, ca_file: Path | None) -> Rig:
    settings = {
        "test_origins": frozenset[str](),
        "allowed_origins": frozenset({site.origin}),
        "ca_file": ca_file,
    }
    return Rig(site, InProcessService(reader), state, extra=settings)


def restarted(rig: Rig) -> Rig:
    """The same bridge after a restart."""
    return Rig(rig.site, rig.readers, rig.state, extra=rig.extra)


def test_the_whole_way_works_over_tls(secure: Rig) -> None:
    opened = secure.opened()
    assert "試験用" not in opened.page().text
    assert opened.enter().status_code == HTTPStatus.SEE_OTHER


def test_a_site_with_an_unknown_certificate_is_not_believed(
    secure: Rig, virtual_reader: VirtualReader, tmp_path: Path
) -> None:
    wary = secure_rig(secure.site, virtual_reader, tmp_path / "other", None)
    answer = wary.read(wary.token())
    assert page_name(answer) == "key-unreachable"
    assert secure.site.asked == []


def test_the_first_keys_are_pinned_and_survive_a_restart(secure: Rig) -> None:
    secure.opened().cancel()
    pinned = Pins(secure.state).of(secure.site.origin)
    assert list(pinned) == [secure.site.key.thumbprint()]
    assert (secure.state / "sites.json").stat().st_mode & 0o077 == 0
    assert restarted(secure).read(secure.token()).status_code == HTTPStatus.SEE_OTHER


def test_a_refused_request_pins_nothing(secure: Rig) -> None:
    claims = claims_for(secure.site.origin, now=secure.now())
    secure.read(secure.site.sign(claims, key=OKPKey.generate_key("Ed25519")))
    assert Pins(secure.state).of(secure.site.origin) == {}


def change_key(site: FakeSite, *, keep_old: bool) -> tuple[OKPKey, OKPKey]:
    """Let the site sign with a new key."""
    old, new = site.key, OKPKey.generate_key("Ed25519")
    site.key = new
    site.published = [new, old] if keep_old else [new]
    return old, new


@pytest.mark.parametrize("keep_old", [True, False])
def test_a_new_key_is_not_trusted_for_standing_beside_the_old(secure: Rig, keep_old: bool) -> None:
    secure.opened().cancel()
    change_key(secure.site, keep_old=keep_old)
    answer = restarted(secure).read(secure.token())
    assert answer.status_code == HTTPStatus.FORBIDDEN
    assert page_name(answer) == "key-changed"


@pytest.mark.parametrize("keep_old", [True, False])
def test_a_new_key_is_trusted_when_the_old_one_vouches(secure: Rig, keep_old: bool) -> None:
    secure.opened().cancel()
    old, new = change_key(secure.site, keep_old=keep_old)
    secure.site.endorsements = [secure.site.endorse(older=old, newer=new)]
    assert restarted(secure).read(secure.token()).status_code == HTTPStatus.SEE_OTHER
    secure.site.endorsements = []
    assert restarted(secure).read(secure.token()).status_code == HTTPStatus.SEE_OTHER


def test_a_bridge_that_slept_through_two_changes_still_follows(secure: Rig) -> None:
    secure.opened().cancel()
    first, second = change_key(secure.site, keep_old=False)
    _, third = change_key(secure.site, keep_old=False)
    secure.site.endorsements = [
        "rubbish",
        secure.site.endorse(older=second, newer=third),
        secure.site.endorse(older=first, newer=second),
    ]
    secure.site.published = [third, second]
    assert secure.read(secure.token()).status_code == HTTPStatus.SEE_OTHER


def test_the_word_of_a_stranger_or_for_another_site_is_worth_nothing(secure: Rig) -> None:
    secure.opened().cancel()
    old, new = change_key(secure.site, keep_old=True)
    stranger = OKPKey.generate_key("Ed25519")
    about = {"iss": "https://other.example", "sub": new.thumbprint()}
    of_ours = {"iss": secure.site.origin, "sub": new.thumbprint()}
    secure.site.endorsements = [
        secure.site.endorse(older=stranger, newer=new),
        secure.site.endorse(older=new, newer=new),
        secure.site.sign(about, typ="zaitaku-key-endorsement+jwt", key=old),
        secure.site.sign(of_ours, typ="something-else", key=old),
        "rubbish",
    ]
    assert page_name(secure.read(secure.token())) == "key-changed"


def test_a_withdrawn_key_is_of_no_use(secure: Rig) -> None:
    secure.opened().cancel()
    withdrawn = secure.token()
    secure.site.published = [OKPKey.generate_key("Ed25519")]
    assert page_name(secure.read(withdrawn)) == "bad-signature"


def roll_over(secure: Rig) -> tuple[OKPKey, OKPKey]:
    """Let the site change its key in the right way, and the bridge follow."""
    secure.opened("c-0").cancel()
    old, new = change_key(secure.site, keep_old=False)
    secure.site.endorsements = [secure.site.endorse(older=old, newer=new)]
    secure.opened("c-1").cancel()
    return old, new


def test_a_withdrawn_key_stays_withdrawn_also_for_who_takes_the_address_over(secure: Rig) -> None:
    old, new = roll_over(secure)
    assert list(Pins(secure.state).of(secure.site.origin)) == [new.thumbprint()]
    secure.site.key, secure.site.published = old, [old, new]
    assert page_name(restarted(secure).read(secure.token("c-2"))) == "key-changed"


def test_going_back_to_an_older_key_needs_the_word_of_the_newer(secure: Rig) -> None:
    old, new = roll_over(secure)
    secure.site.endorsements = [secure.site.endorse(older=new, newer=old)]
    secure.site.key, secure.site.published = old, [old]
    assert secure.read(secure.token("c-2")).status_code == HTTPStatus.SEE_OTHER


@pytest.mark.parametrize("name", ["", "sites.json"])
def test_a_memory_that_others_can_write_is_not_believed(secure: Rig, name: str) -> None:
    secure.opened().cancel()
    (secure.state / name).chmod(0o777)
    with pytest.raises(StateUnusable):
        Pins(secure.state).check()
    assert page_name(secure.read(secure.token("c-2"))) == "state-unusable"


@pytest.mark.skipif(os.geteuid() != 0, reason="only the administrator can give files away")
def test_a_memory_that_belongs_to_somebody_else_is_not_believed(secure: Rig) -> None:
    secure.opened().cancel()
    os.chown(secure.state / "sites.json", 65534, 65534)
    assert page_name(secure.read(secure.token("c-2"))) == "state-unusable"


def test_the_keys_of_a_connection_are_written_nowhere(
    secure: Rig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = tmp_path / "keys.log"
    monkeypatch.setenv("SSLKEYLOGFILE", str(told))
    assert restarted(secure).read(secure.token()).status_code == HTTPStatus.SEE_OTHER
    assert not told.exists()


def test_a_site_can_be_forgotten(secure: Rig) -> None:
    secure.opened().cancel()
    change_key(secure.site, keep_old=False)
    assert Pins(secure.state).forget(secure.site.origin)
    assert not Pins(secure.state).forget(secure.site.origin)
    assert restarted(secure).read(secure.token()).status_code == HTTPStatus.SEE_OTHER


def test_a_test_origin_is_remembered_only_while_the_bridge_runs(rig: Rig) -> None:
    rig.opened().cancel()
    assert not (rig.state / "sites.json").exists()
    change_key(rig.site, keep_old=False)
    assert page_name(rig.read(rig.token())) == "key-changed"
    assert restarted(rig).read(rig.token()).status_code == HTTPStatus.SEE_OTHER


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{",
        "null",
        '{"https://a.example": 3}',
        '{"https://a.example": ["x"]}',
        '{"https://a.example": {"kty": "OKP"}}',
    ],
)
def test_a_broken_memory_is_not_taken_for_an_empty_one(secure: Rig, content: str) -> None:
    secure.state.mkdir()
    (secure.state / "sites.json").write_text(content)
    with pytest.raises(StateUnusable):
        Pins(secure.state).check()
    answer = secure.read(secure.token())
    assert answer.status_code == HTTPStatus.INTERNAL_SERVER_ERROR
    assert page_name(answer) == "state-unusable"
    assert "sites.json" in answer.text


@pytest.mark.parametrize("keys", [[], [{"kty": "RSA"}], [{"kty": "OKP", "crv": "Ed25519"}]])
def test_a_site_without_a_usable_key_is_not_taken_for_one_never_seen(
    secure: Rig, keys: list[object]
) -> None:
    secure.state.mkdir()
    (secure.state / "sites.json").write_text(json.dumps({secure.site.origin: keys}))
    assert page_name(secure.read(secure.token())) == "state-unusable"


def test_pins_of_several_sites_stand_side_by_side(tmp_path: Path) -> None:
    pins = Pins(tmp_path)
    keys = [OKPKey.generate_key("Ed25519") for _ in range(2)]
    pins.keep("https://a.example", {keys[0].thumbprint(): keys[0]})
    pins.keep("https://b.example", {keys[1].thumbprint(): keys[1]})
    assert list(pins.of("https://a.example")) == [keys[0].thumbprint()]
    stored = json.loads((tmp_path / "sites.json").read_text())
    assert all("d" not in key for site in stored.values() for key in site)
