"""What lies in the reader is named, and nothing is read from what is not a My Number Card."""

from pathlib import Path

import pytest

from tests.cardbridge.cards import PIN, Material, make_card, typed
from tests.cardbridge.hooks import HookedService, Moment, PullAt
from zaitaku.cardbridge.card.apdu import Command, Instruction
from zaitaku.cardbridge.card.cardwork import CardState, CardWork
from zaitaku.cardbridge.card.jpki import (
    AUTH_CERTIFICATE,
    CertificateMissing,
    JpkiCard,
    JukiCard,
    NoPinCard,
    NotMyNumberCard,
    PinRequired,
    TokenKind,
)
from zaitaku.cardbridge.card.recognition import recognised
from zaitaku.cardbridge.virtual.card import VirtualCard
from zaitaku.cardbridge.virtual.cardfile import CardFile, CardKind
from zaitaku.cardbridge.virtual.inprocess import InProcessConnection, InProcessService
from zaitaku.cardbridge.virtual.reader import VirtualReader

STRANGERS = {
    CardKind.JUKI: "juki-card",
    CardKind.LICENCE: "drivers-licence",
    CardKind.RESIDENCE: "residence-card",
    CardKind.PASSPORT: "passport",
    CardKind.PAYMENT: "payment-card",
    CardKind.TRANSIT: "transit-card",
    CardKind.OTHER: "not-my-number-card",
    CardKind.NO_PIN: "no-pin-card",
    CardKind.NO_CERTIFICATE: "certificate-missing",
}


def holding(card: VirtualCard) -> VirtualReader:
    """A reader with this card in it."""
    reader = VirtualReader()
    reader.insert(card)
    return reader


def of_kind(tmp_path: Path, material: Material, kind: CardKind) -> VirtualCard:
    """A card of a kind; its key and certificate are there only if the kind has them."""
    return make_card(tmp_path / "card.json", material, kind=kind.value)


class Spied(VirtualCard):
    """A card that remembers its commands."""

    def __init__(self, card: CardFile) -> None:
        super().__init__(card)
        self.commands: list[bytes] = []

    def process(self, raw: bytes | bytearray) -> bytes:
        self.commands.append(bytes(raw))
        return super().process(raw)


class Scripted:
    """A connection that answers each kind of command in one way."""

    def __init__(self, **answers: str) -> None:
        self._answers = answers
        self.sent: list[Command] = []

    def transmit(self, command: bytes | bytearray) -> bytes:
        self.sent.append(Command.decode(command))
        if command[1] == Instruction.SELECT:
            name = bytes(self.sent[-1].data).hex()
            return bytes.fromhex(self._answers.get(f"select_{name}", "9000"))
        if command[1] == Instruction.VERIFY:
            return bytes.fromhex(self._answers.get("tries", "63c3"))
        return bytes.fromhex(self._answers.get("read", "6982"))

    def close(self) -> None:
        """Nothing to end."""


@pytest.mark.parametrize(("kind", "code"), STRANGERS.items())
def test_each_kind_is_told_before_a_pin_is_asked_for(
    tmp_path: Path, material: Material, kind: CardKind, code: str
) -> None:
    reader = holding(of_kind(tmp_path, material, kind))
    view = CardWork(InProcessService(reader)).look()
    assert (view.state, view.page) == (CardState.TROUBLE, code)


@pytest.mark.parametrize("kind", STRANGERS)
def test_no_try_is_used_on_them(tmp_path: Path, material: Material, kind: CardKind) -> None:
    card = Spied(of_kind(tmp_path, material, kind).card)
    reader = holding(card)
    pin = typed(PIN)
    with pytest.raises((NotMyNumberCard, NoPinCard, CertificateMissing)):
        CardWork(InProcessService(reader)).sign(pin, b"statement", insisted=True)
    assert pin == bytearray(4)
    assert not any(PIN.encode() in command for command in card.commands)
    assert card.tries == 3


@pytest.mark.parametrize(
    "kind", [kind for kind, code in STRANGERS.items() if code.endswith(("licence", "card"))]
)
def test_nothing_is_read_from_another_card(
    tmp_path: Path, material: Material, kind: CardKind
) -> None:
    card = Spied(of_kind(tmp_path, material, kind).card)
    connection = InProcessService(holding(card)).connect("Zaitaku Virtual Reader")
    recognised(connection)
    assert {command[1] for command in card.commands} <= {Instruction.SELECT}


def test_a_card_pulled_while_it_is_recognised_was_pulled(
    tmp_path: Path, material: Material
) -> None:
    reader = holding(of_kind(tmp_path, material, CardKind.PASSPORT))
    hook = PullAt(reader, 3, Moment.BEFORE)
    assert CardWork(HookedService(reader, hook=hook)).look().trouble == "card-removed"


def test_a_reader_that_fails_commands_to_a_felica_card_still_names_it(
    tmp_path: Path, material: Material, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = holding(of_kind(tmp_path, material, CardKind.TRANSIT))

    def garbage(_connection: InProcessConnection, _command: bytearray) -> bytes:
        return b"\x6f"

    monkeypatch.setattr(InProcessConnection, "transmit", garbage)
    assert CardWork(InProcessService(reader)).look().trouble == "transit-card"


@pytest.mark.parametrize("status", ["6a88", "6985"])
def test_a_pin_that_cannot_be_used_means_a_card_without_pin(status: str) -> None:
    with pytest.raises(NoPinCard):
        JpkiCard(Scripted(tries=status)).tries_left()


def test_a_locked_pin_stays_a_locked_pin() -> None:
    assert JpkiCard(Scripted(tries="6984")).tries_left() == 0


def test_the_card_before_is_known_by_its_token_name() -> None:
    name = b"JPKIAPICCTOKEN".ljust(32).hex()
    card = JpkiCard(Scripted(select_0018="6a82", read=f"{name}9000"))
    with pytest.raises(JukiCard):
        card.tries_left()


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (b"JPKIAPICCTOKEN2".ljust(32), TokenKind.CARD),
        (b"JPKIAPICCTOKEN2\0\0", TokenKind.CARD),
        (b"JPKIAPGPSETOKEN".ljust(32), TokenKind.ANDROID),
        (b"JPKIAPIOSTOKEN".ljust(32), TokenKind.IPHONE),
        (b"JPKIAPICCTOKEN3".ljust(32), TokenKind.OTHER),
        (bytes(range(0xE0, 0x100)), TokenKind.OTHER),
        (b"", TokenKind.OTHER),
    ],
)
def test_tokens_are_told_by_their_names(raw: bytes, kind: TokenKind) -> None:
    assert JpkiCard(Scripted(read=f"{raw.hex()}9000")).kind() is kind


def test_a_token_without_a_name_is_of_another_kind() -> None:
    assert JpkiCard(Scripted(select_0006="6a82")).kind() is TokenKind.OTHER
    assert JpkiCard(Scripted(read="6982")).kind() is TokenKind.OTHER


ORDER = [
    ("SELECT applet", "00a4040c"),
    ("SELECT PIN", "00a4020c020018"),
    ("tries", "00200080"),
    ("SELECT certificate", "00a4020c02000a"),
    ("READ", "00b0"),
    ("SELECT PIN", "00a4020c020018"),
    ("VERIFY", "0020008004"),
    ("SELECT key", "00a4020c020017"),
    ("sign", "802a0080"),
]


def test_a_signature_takes_no_command_too_many(tmp_path: Path, material: Material) -> None:
    card = Spied(of_kind(tmp_path, material, CardKind.JPKI).card)
    CardWork(InProcessService(holding(card))).sign(typed(), b"statement", insisted=False)
    sent = [command.hex() for command in card.commands]
    without_parts = [
        line
        for line, before in zip(sent, ["", *sent], strict=False)
        if line[:4] != before[:4] or line[:4] != "00b0"
    ]
    assert len(without_parts) == len(ORDER)
    for line, (name, beginning) in zip(without_parts, ORDER, strict=True):
        assert line.startswith(beginning), name
    assert [line for line in sent if line == "00200080"] == ["00200080"]


class TestAndroid:
    def test_it_signs_with_the_pin_before_the_certificate(
        self, tmp_path: Path, material: Material
    ) -> None:
        card = of_kind(tmp_path, material, CardKind.ANDROID)
        work = CardWork(InProcessService(holding(card)))
        assert work.look().page == "pin"
        answer = work.sign(typed(), b"statement", insisted=False)
        assert answer.certificate == material.certificate

    def test_it_keeps_its_certificate_back_until_the_pin(
        self, tmp_path: Path, material: Material
    ) -> None:
        card = of_kind(tmp_path, material, CardKind.ANDROID)
        held = JpkiCard(InProcessService(holding(card)).connect("Zaitaku Virtual Reader"))
        assert held.kind() is TokenKind.ANDROID
        with pytest.raises(PinRequired):
            held.auth_certificate()
        held.check_certificate()
        held.verify_pin(typed())
        assert held.auth_certificate() == material.certificate

    @pytest.mark.parametrize("listed", ["8f8f00", "8f0100", "8f", ""])
    def test_its_list_refuses_only_what_it_plainly_denies(self, listed: str) -> None:
        script = Listing(f"{listed}9000")
        JpkiCard(script).check_certificate()

    def test_a_token_that_lists_no_certificate_is_told_before_the_pin(self) -> None:
        with pytest.raises(CertificateMissing):
            JpkiCard(Listing("8f00009000")).check_certificate()


class Listing(Scripted):
    """A token that keeps its certificate back and gives its list."""

    def __init__(self, listed: str) -> None:
        super().__init__()
        self._listed = bytes.fromhex(listed)

    def transmit(self, command: bytes | bytearray) -> bytes:
        answer = super().transmit(command)
        selected = self.sent[-2].data if len(self.sent) > 1 else b""
        is_list = command[1] == Instruction.READ_BINARY and selected != AUTH_CERTIFICATE.to_bytes(2)
        return self._listed if is_list else answer
