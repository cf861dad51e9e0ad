"""A card that answers anything: no try is lost that was not the patient's, and nothing escapes."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cardbridge.cards import PIN, Material, make_card, make_material, typed
from tests.fuzz.drawing import LONGEST_NOISE, fuzzed
from zaitaku.cardbridge.card import apdu
from zaitaku.cardbridge.card.apdu import Command, Instruction, MalformedApdu, Response
from zaitaku.cardbridge.card.cardwork import CardAnswer, CardWork, NotInsisted
from zaitaku.cardbridge.card.transport import CardConnection, CardTrouble, ReaderService
from zaitaku.cardbridge.virtual.card import VirtualCard
from zaitaku.cardbridge.virtual.inprocess import InProcessService
from zaitaku.cardbridge.virtual.reader import VirtualReader

STATEMENT = b"what is agreed to"
KNOWN = [
    status.value.to_bytes(2) for status in vars(apdu).values() if isinstance(status, apdu.Status)
] + [bytes((high, low)) for high in (0x61, 0x63, 0x6C) for low in (0x00, 0x01, 0xC0, 0xC1, 0xFF)]

ANSWERS = st.one_of(
    st.none(),
    st.none(),
    st.none(),
    st.sampled_from(KNOWN),
    st.builds(bytes.__add__, st.binary(max_size=LONGEST_NOISE), st.sampled_from(KNOWN)),
    st.binary(max_size=LONGEST_NOISE),
)
"""``None`` leaves the card's own answer; anything else stands in its place."""
SCRIPTS = st.lists(ANSWERS, max_size=24)


class Liar:
    """A connection that says what its script says, and the card's own answer without one."""

    def __init__(self, inner: CardConnection, script: Iterator[bytes | None]) -> None:
        self._inner = inner
        self._script = script
        self.pins_shown = 0

    def transmit(self, command: bytes | bytearray) -> bytes:
        decoded = Command.decode(command)
        if decoded.ins == Instruction.VERIFY and decoded.data:
            self.pins_shown += 1
        answer = self._inner.transmit(command)
        said = next(self._script, None)
        return answer if said is None else said

    def close(self) -> None:
        self._inner.close()


class LyingService(InProcessService):
    """A reader whose card's answers are exchanged on their way."""

    def __init__(self, reader: VirtualReader, script: list[bytes | None]) -> None:
        super().__init__(reader)
        self.script = iter(script)
        self.liars: list[Liar] = []

    def connect(self, reader: str) -> CardConnection:
        liar = Liar(super().connect(reader), self.script)
        self.liars.append(liar)
        return liar

    @property
    def pins_shown(self) -> int:
        return sum(liar.pins_shown for liar in self.liars)


@pytest.fixture(scope="module")
def material() -> Material:
    return make_material()


@pytest.fixture(scope="module")
def card(material: Material, tmp_path_factory: pytest.TempPathFactory) -> VirtualCard:
    return make_card(Path(tmp_path_factory.mktemp("card")) / "card.json", material)


def lying(card: VirtualCard, script: list[bytes | None]) -> LyingService:
    reader = VirtualReader()
    reader.insert(card)
    return LyingService(reader, script)


def sign(readers: ReaderService) -> CardAnswer | None:
    """Have the card sign; the trouble that is foreseen is no answer."""
    pin = typed(PIN)
    try:
        return CardWork(readers).sign(pin, STATEMENT, insisted=False)
    except (CardTrouble, NotInsisted):
        return None
    finally:
        assert pin == bytes(4)


@fuzzed
@given(script=SCRIPTS)
def test_whatever_a_card_answers_its_pin_is_shown_once_at_most(
    card: VirtualCard, script: list[bytes | None]
) -> None:
    service = lying(card, script)
    answer = sign(service)
    assert service.pins_shown <= 1
    assert answer is None or (answer.certificate and answer.signature)
    assert card.tries == 3


@fuzzed
@given(script=SCRIPTS)
def test_looking_at_any_card_shows_no_pin(card: VirtualCard, script: list[bytes | None]) -> None:
    service = lying(card, script)
    view = CardWork(service).look()
    assert service.pins_shown == 0
    assert 0 <= view.tries <= 15


def test_the_same_card_left_alone_signs(card: VirtualCard) -> None:
    assert sign(lying(card, [])) is not None


@fuzzed
@given(raw=st.binary(max_size=LONGEST_NOISE))
def test_the_virtual_card_answers_every_command(card: VirtualCard, raw: bytes) -> None:
    answered = Response.decode(card.process(raw))
    assert answered.status.value >= 0x6000


@fuzzed
@given(raw=st.binary(max_size=LONGEST_NOISE))
def test_a_command_is_read_back_as_it_was_written(raw: bytes) -> None:
    try:
        command = Command.decode(raw)
    except MalformedApdu:
        return
    assert Command.decode(command.encode()) == command
