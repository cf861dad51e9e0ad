"""The PC/SC binding against a made-up library, with the types of each platform."""

import ctypes
import time
from contextlib import closing

import pytest

from tests.cardbridge.made_up_pcsc import Library
from zaitaku.cardbridge.pcsc import Abi, Pcsc, PcscService, abi_of
from zaitaku.cardbridge.transport import (
    CardBusy,
    CardRemoved,
    CardUnresponsive,
    NoCard,
    NoReader,
    NoService,
    ReaderFault,
    TransportTrouble,
)

LINUX, MAC, WINDOWS = abi_of("linux"), abi_of("darwin"), abi_of("win32")
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
    assert 0.2 < time.monotonic() - begun < 2
    assert library.calls.count("Connect") > 2


def test_a_missing_library_means_no_service(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> object:
        raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.setattr(ctypes, "CDLL", absent)
    with pytest.raises(NoService):
        PcscService().readers()
