"""The keys that sign card requests: loading, signing, publishing, changing."""

import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from joserfc import jws
from joserfc.errors import BadSignatureError
from joserfc.jwk import KeySet, OKPKey

from tests.identity.asking import CHOICES, DOCUMENT
from tests.identity.world import ORIGIN
from zaitaku import wire
from zaitaku.cardbridge.trust.pins import Pins, Trust
from zaitaku.cardbridge.trust.pins import registry as bridge_registry
from zaitaku.cardbridge.trust.site import PublishedKeys, SiteClient
from zaitaku.core.errors import SettingsError
from zaitaku.identity.keys import ALGORITHM, RequestKeys

REQUEST = wire.CardRequest(
    origin=ORIGIN,
    challenge="challenge",
    nonce="00" * 32,
    issued_at=1,
    expires_at=2,
    document=DOCUMENT,
    choices=CHOICES,
    language="ja",
    return_path="/j/1/card/return",
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "request-key.pem"
    RequestKeys.make(path)
    return path


@pytest.fixture
def changed(file: Path) -> RequestKeys:
    """Three keys, newest first."""
    for name in ("second", "third"):
        newer = file.with_name(name)
        RequestKeys.make(newer)
        file.write_bytes(newer.read_bytes() + file.read_bytes())
    return RequestKeys.load(file)


def _verified(token: str, published: dict[str, list[object]]) -> jws.CompactSignature:
    key_set = KeySet([OKPKey.import_key(json.loads(json.dumps(key))) for key in published["keys"]])
    return jws.deserialize_compact(token, key_set, algorithms=[ALGORITHM])


def test_made_key_is_private_and_kept(file: Path) -> None:
    before = file.read_bytes()
    assert file.stat().st_mode & 0o777 == 0o600
    RequestKeys.make(file)
    assert file.read_bytes() == before


def test_request_is_verified_with_what_is_published(file: Path) -> None:
    loaded = RequestKeys.load(file)
    signed = _verified(loaded.sign(REQUEST), loaded.published(ORIGIN))
    header = signed.headers()
    assert header["typ"] == wire.REQUEST_TYPE
    assert header["kid"] == loaded.keys[0].thumbprint()
    assert wire.CardRequest.from_claims(json.loads(signed.payload or b"")) == REQUEST


def test_published_keys_are_public_halves_named_by_thumbprint(changed: RequestKeys) -> None:
    published = changed.published(ORIGIN)["keys"]
    assert [key["kid"] for key in published] == [key.thumbprint() for key in changed.keys]
    for key in published:
        assert set(key) == {"kty", "crv", "x", "kid", "alg", "use"}
        assert (key["kty"], key["crv"], key["use"]) == ("OKP", "Ed25519", "sig")


def test_newest_key_signs(changed: RequestKeys) -> None:
    token = changed.sign(REQUEST)
    newest = {"keys": changed.published(ORIGIN)["keys"][:1]}
    assert _verified(token, newest).headers()["kid"] == changed.keys[0].thumbprint()


def test_request_of_another_key_is_not_ours(file: Path, tmp_path: Path) -> None:
    other = RequestKeys.make(tmp_path / "other.pem")
    claims = RequestKeys.load(file).sign(REQUEST).split(".")
    foreign = other.sign(REQUEST).split(".")
    with pytest.raises(BadSignatureError):
        _verified(".".join([*claims[:2], foreign[2]]), RequestKeys.load(file).published(ORIGIN))


def test_keys_are_never_printed(changed: RequestKeys) -> None:
    assert repr(changed) == "RequestKeys()"


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "no PEM key"),
        (b"hello", "no PEM key"),
        (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "unreadable"),
        (_pem(ec.generate_private_key(ec.SECP256R1())), "not Ed25519"),
    ],
)
def test_file_without_a_usable_key_is_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "key.pem"
    path.write_bytes(content)
    with pytest.raises(SettingsError, match=reason):
        RequestKeys.load(path)


def test_one_bad_key_among_good_ones_is_refused(file: Path) -> None:
    file.write_bytes(file.read_bytes() + _pem(ec.generate_private_key(ec.SECP256R1())))
    with pytest.raises(SettingsError, match="not Ed25519"):
        RequestKeys.load(file)


def test_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        RequestKeys.load(tmp_path / "none.pem")


class _Site(SiteClient):
    """A site that publishes what a test says."""

    def __init__(self) -> None:
        self.published: dict[str, list[object]] = {}

    def fetch_keys(self, origin: str) -> PublishedKeys:
        body = json.loads(json.dumps(self.published))
        return PublishedKeys(tuple(body["keys"]), tuple(body["endorsements"]), None)


def test_bridge_that_pinned_the_oldest_key_follows_to_the_newest(
    file: Path, changed: RequestKeys, tmp_path: Path
) -> None:
    site = _Site()
    trust = Trust(
        allowed=frozenset({ORIGIN}), tests=frozenset(), pins=Pins(tmp_path / "state"), site=site
    )
    oldest = RequestKeys(changed.keys[-1:])
    for current in (oldest, changed):
        site.published = current.published(ORIGIN)
        signed = jws.extract_compact(current.sign(REQUEST).encode(), registry=bridge_registry())
        assert trust.verify_signature(origin=ORIGIN, signed=signed) is None
