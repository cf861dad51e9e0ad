"""Commands, answers and the two ways in which a card asks to be asked again."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zaitaku.cardbridge.card import apdu
from zaitaku.cardbridge.card.apdu import Command, MalformedApdu, Response, Status, exchange

LONG = bytes(300)


class Script:
    """A connection that answers from a list and remembers what it was sent."""

    def __init__(self, *answers: str) -> None:
        self._answers = [bytes.fromhex(answer) for answer in answers]
        self.sent: list[str] = []
        self.buffers: list[bytes | bytearray] = []

    def transmit(self, command: bytes | bytearray) -> bytes:
        self.sent.append(bytes(command).hex())
        self.buffers.append(command)
        return self._answers.pop(0)

    def close(self) -> None:
        raise AssertionError("exchange closes nothing")


@pytest.mark.parametrize(
    ("command", "encoded"),
    [
        (Command(0x00, 0x20, 0x00, 0x80), "00200080"),
        (Command(0x00, 0xB0, 0x01, 0x04, le=4), "00b0010404"),
        (Command(0x00, 0xB0, 0x01, 0x04, le=256), "00b0010400"),
        (Command(0x00, 0xA4, 0x02, 0x0C, b"\x00\x0a"), "00a4020c02000a"),
        (Command(0x80, 0x2A, 0x00, 0x80, b"\x01\x02", 256), "802a008002010200"),
        (Command(0x00, 0xB0, 0x00, 0x00, le=257), "00b00000000101"),
        (Command(0x00, 0xB0, 0x00, 0x00, le=65536), "00b00000000000"),
        (Command(0x00, 0xD6, 0x00, 0x00, LONG), "00d6000000012c" + LONG.hex()),
        (Command(0x00, 0xD6, 0x00, 0x00, LONG, 256), "00d6000000012c" + LONG.hex() + "0100"),
        (Command(0x00, 0xD6, 0x00, 0x00, b"\x07", 300), "00d60000000001" + "07" + "012c"),
    ],
)
def test_each_case_of_iso_7816_4_is_written_and_read(command: Command, encoded: str) -> None:
    assert command.encode().hex() == encoded
    assert Command.decode(bytes.fromhex(encoded)) == command


BYTE = st.integers(0, 255)
COMMANDS = st.builds(
    Command, BYTE, BYTE, BYTE, BYTE, st.binary(max_size=600), st.none() | st.integers(1, 65536)
)


@given(COMMANDS)
@settings(deadline=None)
def test_what_is_written_is_read_back(command: Command) -> None:
    assert Command.decode(command.encode()) == command


@given(st.binary(max_size=400))
@settings(deadline=None)
def test_any_bytes_are_a_command_or_malformed(raw: bytes) -> None:
    try:
        command = Command.decode(raw)
    except MalformedApdu:
        return
    assert Command.decode(command.encode()) == command


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "00",
        "002000",
        "0020008004313233",
        "002000800231320000",
        "0020008000000431",
        "00b000000000",
    ],
)
def test_lengths_that_do_not_fit_are_malformed(raw: str) -> None:
    with pytest.raises(MalformedApdu):
        Command.decode(bytes.fromhex(raw))


@pytest.mark.parametrize(
    "command",
    [Command(0, 0, 0, 0, bytes(65536)), Command(0, 0, 0, 0, le=65537), Command(0, 0, 0, 0, le=-1)],
)
def test_lengths_past_the_extended_form_are_refused(command: Command) -> None:
    with pytest.raises(MalformedApdu):
        command.encode()


def test_an_answer_needs_a_status() -> None:
    with pytest.raises(MalformedApdu):
        Response.decode(b"\x90")
    assert Response.decode(bytes.fromhex("01029000")) == Response(b"\x01\x02", apdu.SUCCESS)
    assert Response(b"\x01", apdu.FILE_NOT_FOUND).encode().hex() == "016a82"


@pytest.mark.parametrize(
    ("value", "tries"), [(0x63C0, 0), (0x63C3, 3), (0x63CF, 15), (0x6300, None), (0x9000, None)]
)
def test_the_counter_stands_only_in_its_own_status(value: int, tries: int | None) -> None:
    assert Status(value).tries_left == tries


def test_a_long_answer_is_collected_part_by_part() -> None:
    script = Script("01026102", "03046101", "059000")
    answer = exchange(script, Command(0x80, 0x2A, 0, 0x80, b"\x01", 256))
    assert answer == Response(bytes.fromhex("0102030405"), apdu.SUCCESS)
    assert script.sent == ["802a0080010100", "00c0000002", "00c0000001"]


def test_get_response_follows_a_corrected_length_too() -> None:
    script = Script("6105", "6c03", "0102039000")
    assert exchange(script, Command(0, 0xB0, 0, 0, le=5)).data.hex() == "010203"
    assert script.sent == ["00b0000005", "00c0000005", "00c0000003"]


@pytest.mark.parametrize(("status", "le"), [("6c20", "20"), ("6c00", "00")])
def test_a_wrong_le_is_corrected_once(status: str, le: str) -> None:
    script = Script(status, "aa9000")
    assert exchange(script, Command(0, 0xB0, 0, 0, le=4)).data == b"\xaa"
    assert script.sent == ["00b0000004", f"00b00000{le}"]


def test_a_card_that_insists_on_another_length_is_not_asked_for_ever() -> None:
    script = Script("6c20", "6c10")
    assert str(exchange(script, Command(0, 0xB0, 0, 0, le=4)).status) == "6C10"


def test_a_command_without_le_is_never_sent_twice() -> None:
    script = Script("6c04")
    answer = exchange(script, Command(0, 0x20, 0, 0x80, b"8264"))
    assert (str(answer.status), len(script.sent)) == ("6C04", 1)


def test_an_answer_without_end_is_malformed() -> None:
    part = "00" * 256 + "6100"
    with pytest.raises(MalformedApdu):
        exchange(Script(*[part] * 300), Command(0, 0xB0, 0, 0, le=256))
    with pytest.raises(MalformedApdu):
        exchange(Script("6101", "6101"), Command(0, 0xB0, 0, 0, le=256))


def test_what_was_sent_is_wiped_and_never_shown() -> None:
    script = Script("9000")
    command = Command(0, 0x20, 0, 0x80, bytearray(b"8264"))
    exchange(script, command)
    assert script.sent == ["002000800438323634"]
    assert set(script.buffers[0]) == {0}
    assert "8264" not in repr(command)
    assert "8264" not in repr(Response(b"8264", apdu.SUCCESS))
