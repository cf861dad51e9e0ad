"""A site's keys roll over without losing a bridge, and their file is whole at every moment."""

import json
from pathlib import Path

import pytest
from joserfc import jws

from tests.sdk.sites import DOCUMENT, Held
from tests.sdk.vectors import Publishes
from zaitaku.cardbridge.trust.failures import KeyChanged
from zaitaku.cardbridge.trust.pins import KEY_LIMIT, Pins, Trust, registry
from zaitaku.cardbridge.trust.site import BODY_LIMIT
from zaitaku.sdk import SdkError, SiteKeys
from zaitaku.sdk.errors import KeysUnusable
from zaitaku.sdk.keys import KEYS_LIMIT

ORIGIN = "https://clinic.example"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "key.pem"


class RememberingBridge:
    """A bridge that remembers, over the whole life of a site."""

    def __init__(self, folder: Path) -> None:
        self.site = Publishes({})
        self.trust = Trust(
            allowed=frozenset({ORIGIN}),
            tests=frozenset(),
            pins=Pins(folder / "state"),
            site=self.site,
        )

    def meets(self, keys: SiteKeys, tmp_path: Path) -> None:
        """Verify a request that these keys sign."""
        self.site.document = json.loads(json.dumps(keys.published(ORIGIN)))
        held = Held(tmp_path)
        held.site._keys = keys
        token = held.site.ask(DOCUMENT, return_path="/done", holder="h").token
        signed = jws.extract_compact(token.encode(), registry=registry())
        self.trust.verify_signature(origin=ORIGIN, signed=signed)


def test_a_bridge_follows_over_three_changes_of_key(path: Path, tmp_path: Path) -> None:
    bridge = RememberingBridge(tmp_path)
    bridge.meets(SiteKeys.make(path), tmp_path)
    for _ in range(3):
        SiteKeys.roll_over(path)
    bridge.meets(SiteKeys.load(path), tmp_path)


def test_a_bridge_follows_over_as_many_changes_as_there_may_be(path: Path, tmp_path: Path) -> None:
    bridge = RememberingBridge(tmp_path)
    bridge.meets(SiteKeys.make(path), tmp_path)
    for _ in range(KEYS_LIMIT - 1):
        SiteKeys.roll_over(path)
    full = SiteKeys.load(path)
    assert len(json.dumps(full.published("https://" + "a" * 245 + ".example"))) < BODY_LIMIT
    bridge.meets(full, tmp_path)


def test_a_change_that_would_lose_a_bridge_is_refused(path: Path) -> None:
    assert KEYS_LIMIT == KEY_LIMIT
    SiteKeys.make(path)
    for _ in range(KEYS_LIMIT - 1):
        SiteKeys.roll_over(path)
    before = path.read_bytes()
    with pytest.raises(KeysUnusable, match="16 keys"):
        SiteKeys.roll_over(path)
    assert path.read_bytes() == before


def test_of_a_longer_file_the_newest_keys_are_published(path: Path, tmp_path: Path) -> None:
    made = [SiteKeys.make(tmp_path / f"{number}.pem").keys[0] for number in range(20)]
    keys = SiteKeys(tuple(made))
    bridge = RememberingBridge(tmp_path)
    bridge.meets(SiteKeys(keys.keys[KEYS_LIMIT - 1 :]), tmp_path)
    bridge.meets(keys, tmp_path)
    published = keys.published(ORIGIN)
    assert (len(published["keys"]), len(published["endorsements"])) == (16, 15)


def test_a_bridge_follows_over_a_key_that_was_taken_out(path: Path, tmp_path: Path) -> None:
    bridge = RememberingBridge(tmp_path)
    bridge.meets(SiteKeys.make(path), tmp_path)
    SiteKeys.roll_over(path)
    newest, _, oldest = SiteKeys.roll_over(path).keys
    bridge.meets(SiteKeys((newest, oldest)), tmp_path)


def test_a_bridge_does_not_follow_to_a_key_that_nobody_vouches_for(
    path: Path, tmp_path: Path
) -> None:
    bridge = RememberingBridge(tmp_path)
    bridge.meets(SiteKeys.make(path), tmp_path)
    with pytest.raises(KeyChanged):
        bridge.meets(SiteKeys.make(tmp_path / "other.pem"), tmp_path)


def test_a_new_key_comes_first_and_the_file_stays_private(path: Path) -> None:
    first = SiteKeys.make(path).keys[0]
    rolled = SiteKeys.roll_over(path)
    assert len(rolled.keys) == 2
    assert rolled.keys[1].thumbprint() == first.thumbprint() != rolled.keys[0].thumbprint()
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_nothing_is_written_beside_or_over_a_file_that_is_no_key(path: Path) -> None:
    path.write_text("no key")
    for act in (SiteKeys.make, SiteKeys.roll_over, SiteKeys.load):
        with pytest.raises(KeysUnusable) as refused:
            act(path)
        assert isinstance(refused.value, SdkError)
    assert path.read_text() == "no key"
    assert list(path.parent.iterdir()) == [path]


def test_a_missing_file_is_named(path: Path) -> None:
    with pytest.raises(KeysUnusable, match=r"key\.pem cannot be read"):
        SiteKeys.roll_over(path)


def test_keys_are_never_printed(path: Path) -> None:
    assert repr(SiteKeys.make(path)) == "SiteKeys()"
