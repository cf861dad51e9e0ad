"""The PC/SC binding against a made-up library, with the types of each platform."""

import ctypes
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from tests.cardbridge.made_up_pcsc import CONTEXT, PRESENT, READERS, Library
from zaitaku.cardbridge.card.apdu import SUCCESS
from zaitaku.cardbridge.card.pinpad import PinEntry, features_out, pad_of
from zaitaku.cardbridge.card.transport import (
    AtrHolder,
    CardBusy,
    CardPresence,
    CardRemoved,
    CardUnresponsive,
    NoCard,
    NoReader,
    NoService,
    ReaderFacts,
    ReaderFault,
    TransportTrouble,
)
from zaitaku.cardbridge.pcsc.api import Abi, Pcsc, abi_of, load_pcsc
from zaitaku.cardbridge.pcsc.service import PcscService

LINUX, MAC, WINDOWS = abi_of("linux"), abi_of("darwin"), abi_of("win32")
MUTE, EXCLUSIVE = 0x200, 0x80
ABIS = pytest.mark.parametrize("abi", [LINUX, MAC, WINDOWS], ids=["linux", "mac", "windows"])


def service(abi: Abi, **codes: int) -> tuple[PcscService, Library]:
    """A service on a made-up library."""
    library = Library(abi, **codes)
    return PcscService(lambda: Pcsc(abi, library), patience=0), library


def test_the_widths_are_those_of_each_platform() -> None:
    def sizes(abi: Abi) -> list[int]:
        return [ctypes.sizeof(kind) for kind in (abi.dword, abi.long, abi.handle)]

    word = ctypes.sizeof(ctypes.c_long)
    assert sizes(LINUX) == [word, word, word]
    assert sizes(MAC) == [4, 4, 4]
    assert sizes(WINDOWS) == [4, 4, ctypes.sizeof(ctypes.c_void_p)]


def test_the_reader_states_lie_as_in_each_platforms_header() -> None:
    def layout(abi: Abi) -> list[int]:
        kind = abi.reader_state()
        names = ("reader", "user_data", "current", "event", "atr_length", "atr")
        return [*(getattr(kind, name).offset for name in names), ctypes.sizeof(kind)]

    assert layout(LINUX) == [0, 8, 16, 24, 32, 40, 80]
    assert layout(MAC) == [0, 8, 16, 20, 24, 28, 61]
    assert layout(WINDOWS) == [0, 8, 16, 20, 24, 28, 64]


def test_control_codes_are_those_of_each_platform() -> None:
    codes = [abi.control_code(3400) for abi in (LINUX, MAC, WINDOWS)]
    assert codes == [0x42000D48, 0x42000D48, 0x00313520]


@ABIS
def test_a_session_from_beginning_to_end(abi: Abi) -> None:
    made, library = service(abi)
    assert made.readers() == ["Reader A", "Läser B"]
    connection = made.connect("Läser B")
    assert connection.transmit(bytearray(b"\x00\x20\x00\x80\x048264")) == b"\x90\x00"
    connection.close()
    connection.close()
    with pytest.raises(CardRemoved):
        connection.transmit(b"\x00\x20\x00\x80")
    assert library.shares == [(1, 3)]
    assert library.calls == [
        *("EstablishContext", "ListReaders", "ReleaseContext"),
        *("EstablishContext", "Connect", "Transmit", "Disconnect", "ReleaseContext"),
    ]


@ABIS
def test_what_was_sent_is_wiped(abi: Abi) -> None:
    made, library = service(abi)
    made.connect("Läser B").transmit(b"\x00\x20\x00\x80\x048264")
    assert library.command.endswith(b"8264")
    assert library.sent is not None
    assert set(library.sent) == {0}


@ABIS
@pytest.mark.parametrize(
    ("function", "code", "trouble"),
    [
        ("EstablishContext", 0x8010001D, NoService),
        ("EstablishContext", 0x8010001E, NoService),
        ("EstablishContext", 0x80100013, NoService),
        ("EstablishContext", 0x8010006A, NoService),
        ("EstablishContext", 0x80100001, ReaderFault),
        ("ListReaders", 0x8010002E, NoReader),
        ("Connect", 0x80100009, NoReader),
        ("Connect", 0x80100017, NoReader),
        ("Connect", 0x8010000B, CardBusy),
        ("Connect", 0x8010000C, NoCard),
        ("Connect", 0x80100069, NoCard),
        ("Connect", 0x80100066, CardUnresponsive),
        ("Connect", 0x80100067, CardUnresponsive),
        ("Connect", 0x8010000F, CardUnresponsive),
        ("Connect", 0x80100016, CardUnresponsive),
        ("Connect", 0x8010001D, NoService),
        ("Transmit", 0x80100069, CardRemoved),
        ("Transmit", 0x80100068, CardRemoved),
        ("Transmit", 0x80100016, CardRemoved),
        ("Transmit", 0x8010002F, CardRemoved),
        ("Transmit", 0x80100017, NoReader),
        ("Transmit", 0x8010001E, NoService),
        ("Transmit", 0x80100008, ReaderFault),
    ],
)
def test_each_status_has_its_trouble(
    abi: Abi, function: str, code: int, trouble: type[TransportTrouble]
) -> None:
    made, library = service(abi, **{function: code})
    with pytest.raises(TransportTrouble) as raised:
        _whole_session(made)
    assert raised.type is trouble
    assert library.calls.count("EstablishContext") - (function == "EstablishContext") == (
        library.calls.count("ReleaseContext")
    )


def _whole_session(made: PcscService) -> None:
    made.readers()
    with closing(made.connect("Läser B")) as connection:
        connection.transmit(b"\x00\x20\x00\x80")


@ABIS
@pytest.mark.parametrize("answer", [b"", b"\x90"])
def test_an_answer_without_a_status_means_a_broken_exchange(abi: Abi, answer: bytes) -> None:
    made, library = service(abi)
    library.answer = answer
    with closing(made.connect("Läser B")) as connection, pytest.raises(CardRemoved):
        connection.transmit(b"\x00\x20\x00\x80")


@ABIS
def test_an_exchange_that_a_dying_service_breaks_off_is_no_pulled_card(abi: Abi) -> None:
    made, library = service(abi, Transmit=0x80100013)
    with closing(made.connect("Läser B")) as connection:
        library.codes["EstablishContext"] = 0x8010001D
        with pytest.raises(NoService):
            connection.transmit(b"\x00\x20\x00\x80")


def test_a_list_without_names_means_no_reader() -> None:
    made, library = service(LINUX)
    library.names = "\0"
    with pytest.raises(NoReader):
        made.readers()


def test_a_busy_card_is_waited_for() -> None:
    library = Library(LINUX, Connect=0x8010000B)
    made = PcscService(lambda: Pcsc(LINUX, library), patience=0.25)
    begun = time.monotonic()
    with pytest.raises(CardBusy):
        made.connect("Läser B")
    assert 0.2 < time.monotonic() - begun < 10
    assert library.calls.count("Connect") > 2


def test_a_missing_library_means_no_service(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> object:
        raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.setattr(ctypes, "CDLL", absent)
    load_pcsc.cache_clear()
    with pytest.raises(NoService):
        PcscService().readers()


class Crowded(Library):
    """Notes how many of its functions change or walk the list of contexts at the same time."""

    def __init__(self, abi: Abi, *, hangs: threading.Event | None = None) -> None:
        self.inside = self.most = 0
        self._hangs = hangs
        super().__init__(abi)

    def _told(self, name: str, function: Callable[..., None]) -> Callable[..., int]:
        told = super()._told(name, function)
        if name not in {"EstablishContext", "ReleaseContext", "Disconnect"}:
            return told

        def noted(*arguments: object) -> int:
            self.inside += 1
            self.most = max(self.most, self.inside)
            time.sleep(0.001)
            if name == "Disconnect" and self._hangs:
                self._hangs.wait(10)
            self.inside -= 1
            return told(*arguments)

        return noted


def test_the_librarys_contexts_stand_still_while_a_card_is_let_go() -> None:
    library = Crowded(LINUX)
    made = PcscService(lambda: pcsc, patience=0)
    pcsc = Pcsc(LINUX, library)

    def visit(_: int) -> None:
        made.connect("Läser B").close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(visit, range(40)))
    assert library.calls.count("Disconnect") == 40
    assert library.most == 1


def test_a_reader_that_hangs_while_it_lets_go_does_not_stop_the_others() -> None:
    goes_on = threading.Event()
    library = Crowded(LINUX, hangs=goes_on)
    pcsc = Pcsc(LINUX, library)
    made = PcscService(lambda: pcsc, patience=0)
    hung = made.connect("Läser B")
    with ThreadPoolExecutor(1) as pool:
        leaving = pool.submit(hung.close)
        assert list(READERS) == made.readers()
        assert not leaving.done()
        goes_on.set()


def test_all_services_of_a_process_take_turns_at_one_library() -> None:
    load_pcsc.cache_clear()
    assert load_pcsc() is load_pcsc()


VERIFY_CODE = 0x42330006


def with_pad(abi: Abi, answer: bytes = b"\x90\x00") -> tuple[PcscService, Library]:
    """A service whose reader has keys of its own."""
    made, library = service(abi)
    library.answers = {
        abi.control_code(3400): features_out({1: 7, 6: VERIFY_CODE}),
        VERIFY_CODE: answer,
    }
    return made, library


@ABIS
def test_a_pin_is_typed_on_the_readers_keys(abi: Abi) -> None:
    made, library = with_pad(abi)
    with closing(made.connect("Läser B")) as connection:
        pad = pad_of(connection)
        assert pad is not None
        assert pad.enter(PinEntry(bytes.fromhex("00200080"), 4)) == SUCCESS
    structure = "1e1e8204000404020109040000000009000000" + "0020008004ffffffff"
    assert library.controls == [
        (abi.control_code(3400), b""),
        (VERIFY_CODE, bytes.fromhex(structure)),
    ]
    assert library.dispositions == [1]


@ABIS
def test_most_readers_have_no_keys(abi: Abi) -> None:
    made, library = service(abi)
    with closing(made.connect("Läser B")) as connection:
        assert pad_of(connection) is None
    assert library.calls.count("Control") == 1


@ABIS
def test_nothing_is_sent_to_a_reader_after_the_end(abi: Abi) -> None:
    made, library = with_pad(abi)
    connection = made.connect("Läser B")
    connection.close()
    assert pad_of(connection) is None
    assert isinstance(connection, AtrHolder)
    assert connection.atr() == b""
    assert "Control" not in library.calls
    assert "Status" not in library.calls


@ABIS
def test_a_card_says_how_it_introduced_itself(abi: Abi) -> None:
    made, library = service(abi)
    with closing(made.connect("Läser B")) as connection:
        assert isinstance(connection, AtrHolder)
        assert connection.atr() == library.atr
        library.codes = {"Status": 0x80100069}
        assert connection.atr() == b""


@ABIS
def test_readers_say_what_they_are_and_no_card_is_touched(abi: Abi) -> None:
    made, library = with_pad(abi)
    library.states = {"Reader A": PRESENT | 0x00030000, "Läser B": PRESENT | MUTE}
    library.attributes = {
        0x00010100: b"ACME\0",
        0x00010102: (0x01040321).to_bytes(4, sys.byteorder),
        0x00010103: b"serial number",
    }
    assert made.facts() == (
        ReaderFacts("Reader A", "ACME", "1.4.801", True, CardPresence.PRESENT),
        ReaderFacts("Läser B", "ACME", "1.4.801", True, CardPresence.MUTE),
    )
    assert library.shares == [(3, 0), (3, 0)]
    assert library.dispositions == [0, 0]
    assert "Transmit" not in library.calls


def test_a_reader_that_says_little_is_told_with_what_it_says() -> None:
    made, library = service(LINUX)
    library.states = {"Reader A": 0x10, "Läser B": PRESENT | EXCLUSIVE}
    empty, held = made.facts()
    assert empty == ReaderFacts("Reader A", card=CardPresence.EMPTY)
    assert held == ReaderFacts("Läser B", card=CardPresence.IN_USE)
    library.codes = {"Connect": 0x8010000B}
    assert made.facts() == (empty, held)
    library.states = dict.fromkeys(library.states, 0x04)
    assert {fact.card for fact in made.facts()} == {CardPresence.UNKNOWN}
    assert library.calls.count("EstablishContext") == library.calls.count("ReleaseContext")


@ABIS
def test_states_come_back_without_the_mark_that_they_are_new(abi: Abi) -> None:
    library = Library(abi)
    pcsc = Pcsc(abi, library)
    library.states = {"Läser B": 0xFFFF0000 | PRESENT}
    assert pcsc.wait(CONTEXT, {"Läser B": 0}, 1.5) == {"Läser B": 0xFFFF0000 | PRESENT}
    known = {"Läser B": 0xFFFF0000 | PRESENT}
    assert pcsc.wait(CONTEXT, known, 1.5) == known


@pytest.mark.parametrize("code", [0x8010000A, 0x80100002])
def test_a_wait_that_ends_for_nothing_tells_what_was_known(code: int) -> None:
    pcsc = Pcsc(LINUX, Library(LINUX, GetStatusChange=code))
    assert pcsc.wait(CONTEXT, {"Reader A": 0x10}, 0.1) == {"Reader A": 0x10}


def test_a_wait_ends_when_the_service_stops() -> None:
    pcsc = Pcsc(LINUX, Library(LINUX, GetStatusChange=0x8010001E))
    with pytest.raises(NoService):
        pcsc.wait(CONTEXT, {"Reader A": 0x10}, 0.1)
