"""The PIN on the reader's own keys: to the byte, and whatever happens at them."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cardbridge.cards import PIN, WRONG_PIN, Material, make_card, typed
from zaitaku.cardbridge.card.apdu import Status
from zaitaku.cardbridge.card.cardwork import CardAnswer, CardState, CardWork, NotInsisted
from zaitaku.cardbridge.card.jpki import PinLocked, PinWrong
from zaitaku.cardbridge.card.pinpad import (
    PadCancelled,
    PadCount,
    PadNeeded,
    PadTimedOut,
    PadUnusable,
    PinEntry,
    PinPad,
    features_in,
    features_out,
    pad_of,
)
from zaitaku.cardbridge.card.sessions import Sessions
from zaitaku.cardbridge.card.transport import CardBusy, CardRemoved, CardTrouble, ReaderFault
from zaitaku.cardbridge.virtual.card import VirtualCard
from zaitaku.cardbridge.virtual.inprocess import InProcessConnection, InProcessService
from zaitaku.cardbridge.virtual.pad import VirtualPad
from zaitaku.cardbridge.virtual.reader import VirtualReader

STATEMENT = b"what the patient agreed to"
Typing = Callable[[VirtualPad], object]


@pytest.fixture
def padded(card: VirtualCard) -> VirtualReader:
    """A reader with keys, and the ordinary card in it."""
    reader = VirtualReader(pad=VirtualPad())
    reader.insert(card)
    return reader


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as made:
        yield made


def waiting(reader: VirtualReader) -> VirtualPad:
    """Return the reader's keys once they wait for digits."""
    assert reader.pad is not None
    end = time.monotonic() + 5
    while not reader.pad.is_waiting and time.monotonic() < end:
        time.sleep(0.005)
    assert reader.pad.is_waiting
    return reader.pad


def signed(pool: ThreadPoolExecutor, reader: VirtualReader, act: Typing) -> CardAnswer:
    """Have the card sign while somebody does ``act`` at the reader's keys."""
    work = CardWork(InProcessService(reader))
    answer = pool.submit(work.sign, None, STATEMENT, insisted=False)
    act(waiting(reader))
    return answer.result(5)


def test_the_structure_is_that_of_part_ten() -> None:
    entry = PinEntry(bytes.fromhex("00200080"), 4, seconds=30)
    assert entry.encode().hex(" ") == (
        "1e 1e "  # seconds to the first key, and from there
        "82 "  # bytes, from the first, left-justified, ASCII
        "04 "  # the block is four bytes, without a length
        "00 "
        "04 04 "  # fewest and most digits, little-endian
        "02 "  # the confirming key
        "01 09 04 00 "  # one message, English, the first
        "00 00 00 "
        "09 00 00 00 "  # the command follows
        "00 20 00 80 04 ff ff ff ff"
    )


@given(st.binary(min_size=4, max_size=4), st.integers(1, 8), st.integers(0, 255))
def test_a_reader_reads_what_was_written(header: bytes, digits: int, seconds: int) -> None:
    entry = PinEntry(header, digits, seconds)
    assert PinEntry.decode(entry.encode()) == entry


@given(st.binary(max_size=40))
def test_a_reader_takes_nothing_else(raw: bytes) -> None:
    try:
        assert PinEntry.decode(raw).encode() == raw
    except ValueError:
        return


@given(st.dictionaries(st.integers(0, 255), st.integers(0, 2**32 - 1)))
def test_features_are_read_as_they_were_told(codes: dict[int, int]) -> None:
    assert features_in(features_out(codes)) == codes


@given(st.binary(max_size=64))
def test_any_bytes_are_some_features(raw: bytes) -> None:
    assert all(0 <= code < 2**32 for code in features_in(raw).values())


def test_features_behind_a_damaged_one_are_passed_over() -> None:
    assert features_in(bytes.fromhex("0604420000010a020000000b0442000002")) == {6: 0x42000001}


def test_only_a_reader_with_keys_offers_them(padded: VirtualReader, card: VirtualCard) -> None:
    view = CardWork(InProcessService(padded)).look()
    assert (view.page, view.has_pinpad) == ("pin", True)
    plain = VirtualReader()
    plain.insert(card)
    assert not CardWork(InProcessService(plain)).look().has_pinpad
    assert [fact.has_pinpad for fact in InProcessService(padded, plain).facts()] == [False]


def test_the_right_digits_sign(
    pool: ThreadPoolExecutor, padded: VirtualReader, material: Material
) -> None:
    answer = signed(pool, padded, lambda pad: pad.press(PIN))
    assert answer.certificate == material.certificate


def test_wrong_digits_count(
    pool: ThreadPoolExecutor, padded: VirtualReader, card: VirtualCard
) -> None:
    with pytest.raises(PinWrong) as refused:
        signed(pool, padded, lambda pad: pad.press(WRONG_PIN))
    assert refused.value.tries_left == card.tries == 2


ENDS: list[tuple[Typing, type[CardTrouble]]] = [
    (lambda pad: pad.press("123"), PadCount),
    (lambda pad: pad.press("12345"), PadCount),
    (lambda pad: pad.press("12a4"), PadCount),
    (lambda pad: pad.press("１２３４"), PadCount),
    (lambda pad: pad.press(""), PadCount),
    (lambda pad: pad.cancel(), PadCancelled),
]


@pytest.mark.parametrize(("act", "trouble"), ENDS)
def test_what_is_no_pin_uses_no_try(
    pool: ThreadPoolExecutor,
    padded: VirtualReader,
    card: VirtualCard,
    act: Typing,
    trouble: type[CardTrouble],
) -> None:
    with pytest.raises(trouble):
        signed(pool, padded, act)
    assert card.tries == 3


def test_nobody_types(
    padded: VirtualReader, card: VirtualCard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("zaitaku.cardbridge.card.jpki.PinEntry", _hasty)
    with pytest.raises(PadTimedOut):
        CardWork(InProcessService(padded)).sign(None, STATEMENT, insisted=False)
    assert card.tries == 3


def _hasty(header: bytes, digits: int) -> PinEntry:
    return PinEntry(header, digits, seconds=0)


def test_a_card_pulled_while_the_keys_wait(
    pool: ThreadPoolExecutor, padded: VirtualReader, card: VirtualCard
) -> None:
    with pytest.raises(CardRemoved):
        signed(pool, padded, lambda _: padded.remove())
    assert card.tries == 3


def test_the_keys_take_digits_only_while_the_reader_waits(padded: VirtualReader) -> None:
    assert padded.pad is not None
    assert not padded.pad.press(PIN)
    assert not padded.pad.cancel()


def test_while_the_keys_wait_others_are_told_that_a_reading_is_under_way(
    pool: ThreadPoolExecutor, padded: VirtualReader
) -> None:
    work = CardWork(InProcessService(padded), Sessions(turn=0.05, longest=0.2))
    answer = pool.submit(work.sign, None, STATEMENT, insisted=False)
    pad = waiting(padded)
    time.sleep(0.3)  # longer than any other session may take
    assert work.look().trouble == "still-reading"
    assert pad.press(PIN)
    assert answer.result(5).signature


def test_the_last_try_must_be_insisted_on_and_a_locked_card_asks_nothing(
    tmp_path: Path, material: Material
) -> None:
    for tries, trouble in ((1, NotInsisted), (0, PinLocked)):
        reader = VirtualReader(pad=VirtualPad())
        reader.insert(make_card(tmp_path / f"{tries}.json", material, tries=tries))
        with pytest.raises(trouble):
            CardWork(InProcessService(reader)).sign(None, STATEMENT, insisted=False)


def test_a_reader_without_keys_says_so_and_typing_remains(virtual_reader: VirtualReader) -> None:
    work = CardWork(InProcessService(virtual_reader))
    with pytest.raises(PadUnusable):
        work.sign(None, STATEMENT, insisted=False)
    assert work.sign(typed(), STATEMENT, insisted=False).signature


def test_keys_that_do_not_work_are_not_offered_again(
    padded: VirtualReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = CardWork(InProcessService(padded))
    assert work.look().has_pinpad
    monkeypatch.setattr(PinEntry, "decode", _refusing)
    with pytest.raises(PadUnusable):
        work.sign(None, STATEMENT, insisted=False)
    view = work.look()
    assert (view.state, view.has_pinpad) == (CardState.READY, False)


def _refusing(_raw: bytes) -> PinEntry:
    raise ValueError


def test_a_reader_with_a_firewall_leads_to_its_keys(
    padded: VirtualReader, card: VirtualCard, monkeypatch: pytest.MonkeyPatch
) -> None:
    transmit = InProcessConnection.transmit

    def guarded(connection: InProcessConnection, command: bytes | bytearray) -> bytes:
        is_pin = command[1] == 0x20 and len(command) > 4
        return b"\x69\x85" if is_pin else transmit(connection, command)

    monkeypatch.setattr(InProcessConnection, "transmit", guarded)
    pin = typed()
    with pytest.raises(PadNeeded):
        CardWork(InProcessService(padded)).sign(pin, STATEMENT, insisted=False)
    assert pin == bytearray(4)
    assert card.tries == 3


class Keys:
    """A reader that answers as a test tells it."""

    feature_request = 1

    def __init__(self, answer: bytes | CardTrouble) -> None:
        self._answer = answer

    def control(self, code: int, data: bytes) -> bytes:
        if isinstance(self._answer, CardTrouble):
            raise self._answer
        return self._answer


@pytest.mark.parametrize(
    ("answer", "trouble"),
    [
        (b"\x64\x00", PadTimedOut),
        (b"\x64\x01", PadCancelled),
        (b"\x64\x03", PadCount),
        (b"\x64\x80", PadUnusable),
        (b"\x6b\x80", PadUnusable),
        (b"", PadUnusable),
        (b"\x90", PadUnusable),
        (ReaderFault("00000001"), PadUnusable),
        (CardRemoved(), CardRemoved),
        (CardBusy(), CardBusy),
    ],
)
def test_each_answer_of_a_reader_has_its_trouble(
    answer: bytes | CardTrouble, trouble: type[CardTrouble]
) -> None:
    with pytest.raises(trouble) as raised:
        PinPad(Keys(answer), 2).enter(PinEntry(bytes(4), 4))
    assert raised.type is trouble


@pytest.mark.parametrize("answer", ["9000", "63c2", "6983", "6984", "6700"])
def test_what_the_card_says_is_passed_on(answer: str) -> None:
    pad = PinPad(Keys(bytes.fromhex(answer)), 2)
    assert pad.enter(PinEntry(bytes(4), 4)) == Status(int(answer, 16))


def test_a_reader_that_knows_no_features_has_no_keys() -> None:
    assert pad_of(Keys(ReaderFault())) is None
    assert pad_of(Keys(b"")) is None
    assert pad_of(Keys(features_out({7: 2}))) is None
    assert pad_of(Keys(features_out({6: 2}))) is not None
    assert pad_of(object()) is None


def test_the_digits_stay_in_no_memory_of_the_keys(
    pool: ThreadPoolExecutor, padded: VirtualReader
) -> None:
    signed(pool, padded, lambda pad: pad.press(PIN))
    assert padded.pad is not None
    assert PIN not in repr(vars(padded.pad))
