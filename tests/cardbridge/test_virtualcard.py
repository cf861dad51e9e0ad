"""The virtual card's own manners: status words, memory over restarts, and no crash ever."""

import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.utils import NoDigestInfo
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.cardbridge.cards import PIN, WRONG_PIN, Material, make_card, write_card
from zaitaku.cardbridge.virtual.card import VirtualCard
from zaitaku.cardbridge.virtual.cardfile import CardFile, CardFileError, CardKind, load_folder

APPLET = "00a4040c0ad392f000260100000001"
PIN_FILE = "00a4020c020018"
KEY_FILE = "00a4020c020017"
CERTIFICATE_FILE = "00a4020c02000a"
VERIFY = "0020008004" + PIN.encode().hex()
VERIFY_WRONG = "0020008004" + WRONG_PIN.encode().hex()
TRIES = "00200080"
SIGN = "802a008003010203" + "00"


def ask(card: VirtualCard, *commands: str) -> str:
    """Send commands and return the last answer."""
    answer = b""
    for command in commands:
        answer = card.process(bytes.fromhex(command))
    return answer.hex()


@pytest.mark.parametrize(
    ("commands", "status"),
    [
        ([APPLET], "9000"),
        (["00a4040c0ad392f000260100000002"], "6a82"),
        (["00a4040c0ad3921000310001010408"], "6a82"),
        ([APPLET[:-2]], "6700"),
        (["00a404000ad392f000260100000001"], "6a86"),
        (["00a4000c023f00"], "6a86"),
        ([PIN_FILE], "6a82"),  # no applet selected
        ([APPLET, PIN_FILE], "9000"),
        ([APPLET, "00a4020c020099"], "6a82"),
        ([APPLET, "00a4020c0100"], "6700"),
        ([TRIES], "6985"),
        ([APPLET, TRIES], "6985"),  # no PIN file selected
        ([APPLET, KEY_FILE, TRIES], "6985"),
        ([APPLET, PIN_FILE, TRIES], "63c3"),
        ([APPLET, PIN_FILE, "00200081"], "6a86"),
        ([APPLET, PIN_FILE, "00200080053132333435"], "6700"),
        ([APPLET, PIN_FILE, VERIFY], "9000"),
        ([APPLET, PIN_FILE, VERIFY, TRIES], "63c3"),
        ([APPLET, PIN_FILE, VERIFY_WRONG], "63c2"),
        ([APPLET, PIN_FILE, *[VERIFY_WRONG] * 3], "63c0"),
        ([APPLET, PIN_FILE, *[VERIFY_WRONG] * 4], "6984"),
        ([APPLET, PIN_FILE, *[VERIFY_WRONG] * 3, VERIFY], "6984"),
        ([APPLET, PIN_FILE, *[VERIFY_WRONG] * 3, TRIES], "63c0"),
        ([APPLET, SIGN], "6985"),  # no key file selected
        ([APPLET, KEY_FILE, SIGN], "6982"),
        ([APPLET, PIN_FILE, VERIFY, KEY_FILE, "802a9e9a0301020300"], "6a86"),
        ([APPLET, PIN_FILE, VERIFY, KEY_FILE, "802a0080"], "6700"),
        ([APPLET, PIN_FILE, VERIFY, KEY_FILE, "802a008003010203"], "6700"),  # no Le
        ([APPLET, PIN_FILE, VERIFY, KEY_FILE, "802a0080f6" + "00" * 246 + "00"], "6700"),
        ([APPLET, PIN_FILE, VERIFY, KEY_FILE, "802a00800301020310"], "6c00"),
        ([APPLET, PIN_FILE, VERIFY, VERIFY_WRONG, KEY_FILE, SIGN], "6982"),
        ([APPLET, PIN_FILE, VERIFY, APPLET, KEY_FILE, SIGN], "9000"),
        (["00b0000004"], "6985"),
        ([APPLET, PIN_FILE, "00b0000004"], "6985"),
        ([APPLET, KEY_FILE, "00b0000004"], "6985"),
        ([APPLET, CERTIFICATE_FILE, "00b0810004"], "6a86"),
        ([APPLET, CERTIFICATE_FILE, "00b07f0004"], "6b00"),
        ([APPLET, CERTIFICATE_FILE, "00b00000"], "6700"),
        ([APPLET, CERTIFICATE_FILE, "00b00000000101"], "6700"),  # more than 256 at once
        ([APPLET, "00ca010000"], "6d00"),
        ([APPLET, "802000800431323334"], "6d00"),
        ([APPLET, "90a4040c00"], "6e00"),
        (["00"], "6700"),
        ([APPLET, "00a4020c02001b", TRIES], "63c0"),
        ([APPLET, "00a4020c02001b", "0020008006414243313233"], "6984"),
        ([APPLET, "00a4020c020001", "00b0000004"], "6982"),
        ([APPLET, "00a4020c020002", "00b0000004"], "6982"),
        ([APPLET, PIN_FILE, VERIFY, "00a4020c02001a", SIGN], "6982"),
    ],
)
def test_status_words(card: VirtualCard, commands: list[str], status: str) -> None:
    assert ask(card, *commands)[-4:] == status


def test_token_information_and_which_certificates_exist(card: VirtualCard) -> None:
    token = bytes.fromhex(ask(card, APPLET, "00a4020c020006", "00b00000a0"))
    assert token[:32] == b"JPKIAPICCTOKEN2" + b" " * 17
    assert len(token) == 160 + 2
    assert ask(card, "00a4020c020008", "00b0000003") == "8f8f009000"


def test_the_file_ends_with_a_warning(card: VirtualCard) -> None:
    assert ask(card, APPLET, "00a4020c020008", "00b0000104") == "8f006282"


@pytest.mark.parametrize("file", ["000a", "000b"])
def test_filler_stands_behind_a_certificate(
    card: VirtualCard, material: Material, file: str
) -> None:
    ask(card, APPLET, f"00a4020c02{file}")
    content = b""
    while (answer := card.process(bytes.fromhex(f"00b0{len(content):04x}00")))[-2:] == b"\x90\x00":
        content += answer[:-2]
    certificate = material.certificate if file == "000a" else material.ca_certificate
    assert content.startswith(certificate)
    assert set(content[len(certificate) :]) == {0xFF}
    assert len(content) >= len(certificate) + 256


def test_the_card_pads_whatever_it_is_given(card: VirtualCard, material: Material) -> None:
    answer = bytes.fromhex(ask(card, APPLET, PIN_FILE, VERIFY, KEY_FILE, SIGN))
    assert answer[-2:] == b"\x90\x00"
    block = material.public_key.recover_data_from_signature(answer[:-2], PKCS1v15(), None)
    assert block == b"\x01\x02\x03"
    assert answer[:-2] == material.key.sign(block, PKCS1v15(), NoDigestInfo())


def test_reset_forgets_the_verification_and_the_selection(card: VirtualCard) -> None:
    ask(card, APPLET, PIN_FILE, VERIFY)
    card.reset()
    assert ask(card, PIN_FILE) == "6a82"
    assert ask(card, APPLET, KEY_FILE, SIGN) == "6982"


def test_a_verification_lasts_until_power_down_whatever_is_selected(card: VirtualCard) -> None:
    ask(card, APPLET, PIN_FILE, VERIFY)
    assert ask(card, "00a4040c0ad392f000260100000002") == "6a82"
    assert ask(card, APPLET, KEY_FILE, SIGN).endswith("9000")
    card.reset()
    assert ask(card, APPLET, KEY_FILE, SIGN) == "6982"


def test_selecting_the_applet_selects_none_of_its_files(card: VirtualCard) -> None:
    assert ask(card, APPLET, PIN_FILE, APPLET, TRIES) == "6985"


def test_wrong_pins_survive_a_restart(tmp_path: Path, material: Material) -> None:
    path = tmp_path / "card.json"
    ask(make_card(path, material), APPLET, PIN_FILE, VERIFY_WRONG, VERIFY_WRONG)
    again = VirtualCard(CardFile.load(path))
    assert ask(again, APPLET, PIN_FILE, TRIES) == "63c1"
    assert ask(again, VERIFY) == "9000"
    assert ask(VirtualCard(CardFile.load(path)), APPLET, PIN_FILE, TRIES) == "63c3"


def test_a_counter_that_moved_since_the_file_was_loaded_is_seen(
    tmp_path: Path, material: Material
) -> None:
    loaded = CardFile.load(write_card(tmp_path / "card.json", material))
    ask(VirtualCard(loaded), APPLET, PIN_FILE, VERIFY_WRONG)
    assert ask(VirtualCard(loaded), APPLET, PIN_FILE, TRIES) == "63c2"
    write_card(tmp_path / "card.json", material, tries="many")
    with pytest.raises(CardFileError):
        VirtualCard(loaded)


def test_only_the_counter_changes_in_the_file(tmp_path: Path, material: Material) -> None:
    path = write_card(tmp_path / "card.json", material)
    before = json.loads(path.read_text("utf-8"))
    ask(VirtualCard(CardFile.load(path)), APPLET, PIN_FILE, VERIFY_WRONG)
    assert json.loads(path.read_text("utf-8")) == before | {"tries": 2}
    assert [file.name for file in tmp_path.iterdir()] == ["card.json"]
    assert path.stat().st_mode & 0o077 == 0


def test_a_try_that_cannot_be_counted_is_no_try(
    tmp_path: Path, material: Material, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "card.json"
    card = make_card(path, material, tries=2)
    text = path.read_text("utf-8")

    def full(self: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    assert ask(card, APPLET, PIN_FILE, VERIFY_WRONG) == "6581"
    assert ask(card, VERIFY) == "6581"
    assert ask(card, KEY_FILE, SIGN) == "6982"
    assert path.read_text("utf-8") == text
    assert [file.name for file in tmp_path.iterdir()] == ["card.json"]


def test_another_kind_of_card_knows_no_applet(tmp_path: Path) -> None:
    path = tmp_path / "other.json"
    path.write_text(json.dumps({"name": "transit card", "kind": "other"}), "utf-8")
    card = VirtualCard(CardFile.load(path))
    assert card.card.kind is CardKind.OTHER
    assert ask(card, APPLET) == ask(card, APPLET, PIN_FILE) == "6a82"


def test_a_folder_of_cards_is_read_in_order(tmp_path: Path, material: Material) -> None:
    for name in ("b", "a"):
        write_card(tmp_path / f"{name}.json", material, name=name)
    (tmp_path / "notes.txt").write_text("no card", "utf-8")
    (tmp_path / ".hidden.json").write_text("{}", "utf-8")
    assert [card.name for card in load_folder(tmp_path)] == ["a", "b"]


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "unknown"},
        {"tries": 4},
        {"tries": -1},
        {"tries": "3"},
        {"certificate": "zz"},
        {"key": PIN},
        {"key": None},
        {"name": ...},
    ],
)
def test_a_file_that_is_no_card_is_refused_without_its_values(
    tmp_path: Path, material: Material, change: dict[str, object]
) -> None:
    path = write_card(tmp_path / "card.json", material)
    body = json.loads(path.read_text("utf-8")) | change
    kept = {name: value for name, value in body.items() if value is not ...}
    path.write_text(json.dumps(kept), "utf-8")
    with pytest.raises(CardFileError) as refused:
        CardFile.load(path)
    assert "card.json" in str(refused.value)
    assert PIN not in str(refused.value)
    assert refused.value.__cause__ is None


@pytest.mark.parametrize("text", ["", "[]", "{", "\udcff"])
def test_a_file_that_is_no_json_object_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "card.json"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(CardFileError):
        CardFile.load(path)
    with pytest.raises(CardFileError):
        CardFile.load(tmp_path / "absent.json")


def test_nothing_secret_is_shown(card: VirtualCard) -> None:
    shown = repr(card) + str(card.card) + repr(card.card)
    assert PIN not in shown
    assert "PRIVATE" not in shown
    assert card.card.certificate.hex()[:40] not in shown


LIKELY = st.sampled_from(
    [APPLET, PIN_FILE, KEY_FILE, CERTIFICATE_FILE, VERIFY, VERIFY_WRONG, TRIES, SIGN]
).map(bytes.fromhex)
HEADED = st.builds(
    lambda head, body: bytes.fromhex(head) + body,
    st.sampled_from(["00a4040c", "00a4020c", "00200080", "00b0", "802a0080"]),
    st.binary(max_size=12),
)


@given(st.lists(st.one_of(st.binary(max_size=300), LIKELY, HEADED), max_size=12))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_bytes_are_answered(material: Material, commands: list[bytes]) -> None:
    card = VirtualCard(
        CardFile(
            name="fuzzed",
            description="",
            kind=CardKind.JPKI,
            tries=3,
            pin=PIN,
            certificate=material.certificate,
            ca_certificate=material.ca_certificate,
            key=material.key,
        )
    )
    for command in commands:
        answer = card.process(command)
        assert 2 <= len(answer) <= 258
        assert answer[-2] in {0x90, *range(0x61, 0x70)}
