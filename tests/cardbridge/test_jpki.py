"""The JPKI client against the virtual card, against scripts, and against any bytes at all."""

import logging
import re
import traceback
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.cardbridge.cards import PIN, WRONG_PIN, Material, make_card, my_number_card, typed
from tests.cardbridge.hooks import HookedService, Moment, PullAt
from zaitaku.cardbridge.card.algorithms import RSA_2048_SHA256
from zaitaku.cardbridge.card.apdu import AUTHENTICATION_BLOCKED
from zaitaku.cardbridge.card.jpki import (
    CardFault,
    CertificateMissing,
    JpkiCard,
    NotMyNumberCard,
    PinLocked,
    PinMalformed,
    PinRequired,
    PinWrong,
)
from zaitaku.cardbridge.card.transport import (
    CardBusy,
    CardConnection,
    CardRemoved,
    CardTrouble,
    NoCard,
    NoReader,
)
from zaitaku.cardbridge.virtual.card import VirtualCard
from zaitaku.cardbridge.virtual.cardfile import CardFile
from zaitaku.cardbridge.virtual.inprocess import InProcessService
from zaitaku.cardbridge.virtual.reader import VirtualReader

DATA = b"what the patient agreed to"


class Script:
    """A connection that answers from a list, then as an empty card."""

    def __init__(self, *answers: bytes) -> None:
        self._answers = list(answers)
        self.sent: list[str] = []

    def transmit(self, command: bytes | bytearray) -> bytes:
        self.sent.append(bytes(command).hex())
        return self._answers.pop(0) if self._answers else b"\x6f\x00"

    def close(self) -> None:
        """Nothing to end."""


def scripted(*answers: str) -> tuple[JpkiCard, Script]:
    """A card that has answered SELECT and goes on as told."""
    script = Script(b"\x90\x00", *(bytes.fromhex(answer) for answer in answers))
    return JpkiCard(script), script


def test_reads_certificate_and_signs(virtual_reader: VirtualReader, material: Material) -> None:
    with my_number_card(InProcessService(virtual_reader)) as card:
        assert card.tries_left() == 3
        card.verify_pin(typed())
        assert card.auth_certificate() == material.certificate
        signature = card.sign(DATA)
    material.public_key.verify(signature, DATA, PKCS1v15(), hashes.SHA256())


def test_commands_are_those_of_the_open_readers(
    virtual_reader: VirtualReader, material: Material
) -> None:
    sent: list[str] = []
    connection = InProcessService(virtual_reader).connect(virtual_reader.name)
    original = connection.transmit

    class Tap:
        def transmit(self, command: bytes | bytearray) -> bytes:
            sent.append(bytes(command).hex())
            return original(command)

        def close(self) -> None:
            connection.close()

    with closing(Tap()) as tap:
        card = JpkiCard(tap)
        card.tries_left()
        card.verify_pin(typed())
        card.auth_certificate()
        card.sign(DATA)
    digest_info = RSA_2048_SHA256.block(DATA).hex()
    reads = [line for line in sent if line.startswith("00b0")]
    assert [line for line in sent if line not in reads] == [
        "00a4040c0ad392f000260100000001",
        "00a4020c020018",
        "00200080",
        "00a4020c020018",
        "002000800438323634",
        "00a4020c02000a",
        "00a4020c020017",
        f"802a008033{digest_info}00",
    ]
    assert reads[:2] == ["00b0000004", "00b0000400"]
    assert len(reads) == 1 + -(-(len(material.certificate) - 4) // 256)


def test_wrong_pins_count_down_and_lock(virtual_reader: VirtualReader) -> None:
    service = InProcessService(virtual_reader)
    for left in (2, 1):
        with my_number_card(service) as card:
            with pytest.raises(PinWrong) as refused:
                card.verify_pin(typed(WRONG_PIN))
            assert refused.value.tries_left == card.tries_left() == left
    with my_number_card(service) as card:
        for pin in (WRONG_PIN, PIN):
            with pytest.raises(PinLocked):
                card.verify_pin(typed(pin))
        assert card.tries_left() == 0


def test_the_right_pin_gives_all_tries_back(virtual_reader: VirtualReader) -> None:
    with my_number_card(InProcessService(virtual_reader)) as card:
        with pytest.raises(PinWrong):
            card.verify_pin(typed(WRONG_PIN))
        card.verify_pin(typed())
        assert card.tries_left() == 3


@pytest.mark.parametrize("answer", ["6984", "6983", "63c0"])
def test_every_way_of_saying_locked_is_understood(answer: str) -> None:
    card, _ = scripted("9000", answer)
    with pytest.raises(PinLocked):
        card.verify_pin(typed())


@pytest.mark.parametrize(
    ("answer", "tries"),
    [("63c3", 3), ("63c1", 1), ("63c0", 0), ("6984", 0), ("6983", 0), ("9000", 3)],
)
def test_tries_left_is_understood(answer: str, tries: int) -> None:
    assert scripted("9000", answer)[0].tries_left() == tries


def test_cards_that_lock_with_6983(tmp_path: Path, material: Material) -> None:
    made = make_card(tmp_path / "card.json", material, tries=0)
    reader = VirtualReader()
    reader.insert(VirtualCard(made.card, blocked_status=AUTHENTICATION_BLOCKED))
    with my_number_card(InProcessService(reader)) as card, pytest.raises(PinLocked, match="6983"):
        card.verify_pin(typed())


def test_signing_wants_the_pin_of_this_session(virtual_reader: VirtualReader) -> None:
    service = InProcessService(virtual_reader)
    with my_number_card(service) as card:
        card.verify_pin(typed())
    with closing(service.connect(virtual_reader.name)) as connection:
        assert connection.transmit(bytes.fromhex("00a4020c020017")).hex() == "6a82"
    with my_number_card(service) as card, pytest.raises(PinRequired):
        card.sign(DATA)


@pytest.mark.parametrize("pin", ["", "1", "123", "12345", "12a4", "１２３４", "-123", "12 4"])
def test_what_is_no_pin_never_reaches_the_card(pin: str) -> None:
    card, script = scripted()
    held = bytearray(pin.encode())
    with pytest.raises(PinMalformed):
        card.verify_pin(held)
    assert len(script.sent) == 1
    assert set(held) <= {0}


@pytest.mark.parametrize("answer", ["9000", "63c2", "6984", "6f00", ""])
def test_the_pin_is_wiped_whatever_the_card_says(answer: str) -> None:
    card, _ = scripted("9000", answer)
    pin = typed()
    with suppress(CardTrouble):
        card.verify_pin(pin)
    assert pin == bytes(4)


def _act(card: JpkiCard, pin: Callable[[], bytearray]) -> None:
    card.tries_left()
    card.verify_pin(pin())
    card.auth_certificate()
    card.sign(DATA)


def _shown(error: BaseException) -> str:
    """All that a crash report could show, with local variables, from below the test itself."""
    assert error.__traceback__ is not None
    report = traceback.TracebackException(
        type(error), error, error.__traceback__.tb_next, capture_locals=True
    )
    return "".join(report.format()) + repr(error) + str(error.__dict__)


def _forms(pin: str) -> tuple[str, ...]:
    return pin, pin.encode().hex(), pin.encode().hex(" "), ", ".join(str(ord(c)) for c in pin)


@pytest.mark.parametrize("pin", [PIN, WRONG_PIN])
@pytest.mark.parametrize("moment", Moment)
def test_no_failure_shows_the_pin(
    card: VirtualCard, caplog: pytest.LogCaptureFixture, pin: str, moment: Moment
) -> None:
    caplog.set_level(logging.DEBUG)
    shown = repr(card) + repr(card.card) + repr(vars(card)["card"])
    for number in range(1, 15):
        reader = VirtualReader()
        reader.insert(VirtualCard(card.card))
        service = HookedService(reader, hook=PullAt(reader, number, moment))
        try:
            with my_number_card(service) as held:
                _act(held, lambda: typed(pin))
        except CardTrouble as trouble:
            shown += _shown(trouble)
    # An object's address can hold any four digits.
    told = re.sub(r"\b0x[0-9a-f]+", "", shown + caplog.text)
    for form in _forms(pin):
        assert form not in told


def test_the_crash_report_would_show_it_otherwise() -> None:
    """The test above can fail: a local variable that holds a PIN is in such a report."""

    def careless(held: bytearray) -> None:
        raise CardFault(str(len(held)))

    with pytest.raises(CardFault) as raised:
        careless(typed())
    assert PIN in _shown(raised.value)


def _count_apdus(reader: VirtualReader) -> int:
    numbers: list[int] = []
    service = HookedService(reader, hook=lambda number, _: numbers.append(number))
    with my_number_card(service) as card:
        _act(card, typed)
    return max(numbers)


@pytest.mark.parametrize("moment", Moment)
def test_a_card_pulled_at_any_moment_is_told_and_costs_no_try(
    virtual_reader: VirtualReader, card: VirtualCard, moment: Moment
) -> None:
    last = _count_apdus(virtual_reader)
    assert last > 10
    for number in range(1, last + 1):
        virtual_reader.insert(card)
        service = HookedService(virtual_reader, hook=PullAt(virtual_reader, number, moment))
        with pytest.raises(CardRemoved), my_number_card(service) as held:
            _act(held, typed)
        assert card.tries == 3
        virtual_reader.insert(card)
        with my_number_card(InProcessService(virtual_reader)) as again:
            assert again.tries_left() == 3
            with pytest.raises(PinRequired):
                again.sign(DATA)


@pytest.mark.parametrize("moment", Moment)
def test_a_wrong_pin_costs_a_try_only_once_it_has_reached_the_card(
    tmp_path: Path, material: Material, moment: Moment
) -> None:
    verify = 5  # select applet, select PIN, tries, select PIN, verify
    for number in range(1, 9):
        card = make_card(tmp_path / "card.json", material)
        reader = VirtualReader()
        reader.insert(card)
        service = HookedService(reader, hook=PullAt(reader, number, moment))
        reached = number > verify or (number == verify and moment is Moment.AFTER)
        with pytest.raises((CardRemoved, PinWrong)), my_number_card(service) as held:
            _act(held, lambda: typed(WRONG_PIN))
        assert CardFile.load(tmp_path / "card.json").tries == (2 if reached else 3)


def test_a_stale_session_does_not_disturb_the_next_one(
    virtual_reader: VirtualReader, card: VirtualCard
) -> None:
    service = InProcessService(virtual_reader)
    stale = service.connect(virtual_reader.name)
    virtual_reader.insert(card)
    with my_number_card(service) as held:
        held.verify_pin(typed())
        stale.close()
        assert held.sign(DATA)
        with pytest.raises(CardBusy):
            service.connect(virtual_reader.name)
    with pytest.raises(CardRemoved):
        stale.transmit(b"\x00\x20\x00\x80")
    with pytest.raises(NoReader):
        service.connect("unplugged")


def test_another_kind_of_card_is_named(tmp_path: Path, material: Material) -> None:
    reader = VirtualReader()
    reader.insert(make_card(tmp_path / "other.json", material, kind="other"))
    with pytest.raises(NotMyNumberCard), my_number_card(InProcessService(reader)):
        pytest.fail("a foreign card was opened")


@pytest.mark.parametrize("status", ["6a82", "6a81", "6d00", "6e00", "6700", "6999", "6985"])
def test_every_refusal_of_the_applet_means_another_card(status: str) -> None:
    with pytest.raises(NotMyNumberCard):
        JpkiCard(Script(bytes.fromhex(status)))


@pytest.mark.parametrize("status", ["", "6f00", "6283", "6581", "1234"])
def test_a_broken_answer_to_select_is_a_fault(status: str) -> None:
    with pytest.raises(CardFault):
        JpkiCard(Script(bytes.fromhex(status)))


@pytest.mark.parametrize("answers", [["6a82"], ["9000", "000000009000"], ["9000", "ffffffff9000"]])
def test_a_card_without_certificate(answers: list[str]) -> None:
    with pytest.raises(CertificateMissing):
        scripted(*answers)[0].auth_certificate()


def test_an_empty_certificate_file_on_the_virtual_card(tmp_path: Path, material: Material) -> None:
    reader = VirtualReader()
    reader.insert(make_card(tmp_path / "card.json", material, certificate=""))
    with my_number_card(InProcessService(reader)) as card, pytest.raises(CertificateMissing):
        card.auth_certificate()


@pytest.mark.parametrize(
    "answers",
    [
        ["9000", "3081809000"],  # three bytes for four
        ["9000", "30820100309000"],  # five for four
        ["9000", "318201009000"],  # no sequence
        ["9000", "30800000" + "9000"],  # indefinite length is not DER
        ["9000", "3082ffff9000"],  # longer than any certificate
        ["9000", "308201009000", "00" * 255 + "9000"],
        ["9000", "308200ff9000", "00" * 255 + "6282"],
        ["9000", "6b00"],
        ["6f00"],
    ],
)
def test_a_certificate_file_that_does_not_hold_what_it_says(answers: list[str]) -> None:
    with pytest.raises(CardFault):
        scripted(*answers)[0].auth_certificate()


def test_a_token_that_wants_the_pin_before_the_certificate() -> None:
    with pytest.raises(PinRequired):
        scripted("9000", "6982")[0].auth_certificate()


@pytest.mark.parametrize("answer", ["9000", "00" * 255 + "9000", "00" * 257 + "9000", "6985"])
def test_a_signature_of_another_length_is_refused(answer: str) -> None:
    with pytest.raises(CardFault):
        scripted("9000", answer)[0].sign(DATA)


def test_of_several_readers_the_one_with_the_card_is_used(virtual_reader: VirtualReader) -> None:
    service = InProcessService(VirtualReader("built in"), virtual_reader)
    with my_number_card(service) as card:
        assert card.tries_left() == 3


def test_of_several_troubles_the_most_telling_is_raised(
    tmp_path: Path, material: Material, virtual_reader: VirtualReader
) -> None:
    empty, other = VirtualReader("empty"), VirtualReader("other")
    other.insert(make_card(tmp_path / "other.json", material, kind="other"))
    virtual_reader.take()

    def trouble(*readers: VirtualReader) -> type[BaseException]:
        with pytest.raises(CardTrouble) as raised, my_number_card(InProcessService(*readers)):
            pytest.fail("no card was free")
        return raised.type

    assert trouble() is NoReader
    assert trouble(empty) is NoCard
    assert trouble(empty, virtual_reader) is CardBusy
    assert trouble(empty, virtual_reader, other) is NotMyNumberCard


def test_every_trouble_has_a_code_of_its_own() -> None:
    kinds = [CardTrouble]
    for kind in kinds:
        kinds.extend(kind.__subclasses__())
    codes = [kind.code for kind in kinds]
    assert len(set(codes)) == len(codes) > 10
    assert all(code == code.lower() and " " not in code for code in codes)


ANSWERS = st.one_of(
    st.binary(max_size=300),
    st.sampled_from([b"\x90\x00", b"\x63\xc2", b"\x6a\x82", b"\x61\x04", b"\x6c\x04"]),
    st.binary(min_size=4, max_size=4).map(lambda data: data + b"\x90\x00"),
)
ACTS: list[Callable[[JpkiCard], object]] = [
    JpkiCard.tries_left,
    JpkiCard.auth_certificate,
    lambda card: card.sign(DATA),
    lambda card: card.verify_pin(typed()),
]


@given(st.lists(ANSWERS, max_size=12), st.lists(st.sampled_from(ACTS), max_size=6))
@settings(deadline=None)
def test_any_answers_give_results_or_typed_troubles(
    answers: list[bytes], acts: list[Callable[[JpkiCard], object]]
) -> None:
    connection: CardConnection = Script(*answers)
    try:
        card = JpkiCard(connection)
        for act in acts:
            act(card)
    except CardTrouble as trouble:
        assert trouble.code
