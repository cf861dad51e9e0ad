"""PC/SC: the binding against a made-up library, then against a real pcscd."""

import ctypes
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15

from tests.cardbridge.cards import PIN, WRONG_PIN, Material, typed
from tests.pcscd import READER, card_in_pcscd, pcscd, wait_for_card, wait_for_no_card
from zaitaku.cardbridge.cardfile import CardFile
from zaitaku.cardbridge.jpki import JpkiCard, PinRequired, PinWrong, my_number_card
from zaitaku.cardbridge.pcsc import Abi, Pcsc, PcscService, abi_of
from zaitaku.cardbridge.transport import (
    CardBusy,
    CardConnection,
    CardRemoved,
    CardTrouble,
    CardUnresponsive,
    NoCard,
    NoReader,
    NoService,
    ReaderFault,
    TransportTrouble,
)
from zaitaku.cardbridge.virtualcard import VirtualCard
from zaitaku.cardbridge.virtualreader import VirtualReader

DATA = b"what the patient agreed to"
LINUX, MAC, WINDOWS = abi_of("linux"), abi_of("darwin"), abi_of("win32")
ABIS = pytest.mark.parametrize("abi", [LINUX, MAC, WINDOWS], ids=["linux", "mac", "windows"])


class Library:
    """Functions that answer as told, under the names that a platform gives them."""

    def __init__(self, abi: Abi, **codes: int) -> None:
        self.abi = abi
        self.codes = codes
        self.calls: list[str] = []
        self.names = "Reader A\0Läser B\0\0"
        self.command = b""
        self.sent: ctypes.Array[ctypes.c_ubyte] | None = None
        self.shares: list[tuple[int, int]] = []
        for name in ("EstablishContext", "ReleaseContext", "Disconnect", "Transmit"):
            setattr(self, f"SCard{name}", self._function(name))
        for name in ("ListReaders", "Connect"):
            setattr(self, f"SCard{name}{abi.suffix}", self._function(name))

    def _function(self, name: str) -> object:
        def function(*arguments: object) -> int:
            self.calls.append(name)
            code = self.codes.get(name, 0)
            if code == 0:
                getattr(self, f"do_{name.lower()}")(*arguments)
            return int(self.abi.long(code).value)

        return function

    def do_establishcontext(self, scope: int, a: None, b: None, context: object) -> None:
        _target(context).value = 77

    def do_releasecontext(self, context: int) -> None:
        assert context == 77

    def do_listreaders(self, context: int, groups: None, names: object, length: object) -> None:
        ctypes.memmove(_buffer(names), encoded := self.names.encode(self.abi.encoding), len(encoded))
        _target(length).value = len(self.names)

    def do_connect(
        self, context: int, name: bytes, share: int, protocols: int, handle: object, active: object
    ) -> None:
        assert name == "Läser B\0".encode(self.abi.encoding)
        self.shares.append((share, protocols))
        _target(handle).value = 99
        _target(active).value = 2

    def do_disconnect(self, handle: int, disposition: int) -> None:
        assert (handle, disposition) == (99, 1)

    def do_transmit(
        self,
        handle: int,
        header: object,
        sent: object,
        count: int,
        answer_header: None,
        answer: object,
        length: object,
    ) -> None:
        assert list(_buffer(header)) == [2, 2 * ctypes.sizeof(self.abi.dword)]
        self.command, self.sent = bytes(_buffer(sent)), _buffer(sent)
        ctypes.memmove(_buffer(answer), b"\x90\x00", 2)
        _target(length).value = 2


def _buffer(argument: object) -> "ctypes.Array[ctypes.c_ubyte]":
    assert isinstance(argument, ctypes.Array)
    return argument


def _target(reference: object) -> ctypes.c_ulong:
    """Return what ``ctypes.byref`` points to."""
    target: ctypes.c_ulong = vars(type("Any", (), {"it": reference}))["it"]._obj
    return target


def service(abi: Abi, **codes: int) -> tuple[PcscService, Library]:
    """A service on a made-up library."""
    library = Library(abi, **codes)
    return PcscService(lambda: Pcsc(abi, library), patience=0), library


def test_the_widths_are_those_of_each_platform() -> None:
    def sizes(abi: Abi) -> tuple[int, int, int]:
        return tuple(ctypes.sizeof(kind) for kind in (abi.dword, abi.long, abi.handle))  # type: ignore[return-value]

    word = ctypes.sizeof(ctypes.c_long)
    assert sizes(LINUX) == (word, word, word)
    assert sizes(MAC) == (4, 4, 4)
    assert sizes(WINDOWS) == (4, 4, ctypes.sizeof(ctypes.c_void_p))


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


# From here on: a real pcscd with the virtual reader, in namespaces of its own.


@pytest.fixture
def plugged(virtual_reader: VirtualReader) -> Iterator[VirtualReader]:
    """The ordinary card, in the running daemon's reader."""
    with pcscd(), card_in_pcscd(virtual_reader):
        yield virtual_reader


def fast() -> PcscService:
    """The real service, which does not wait for a busy card."""
    return PcscService(patience=0)


@pytest.mark.pcscd
@pytest.mark.enable_socket
class TestRealDaemon:
    def test_reads_certificate_and_signs(self, plugged: VirtualReader, material: Material) -> None:
        assert READER in fast().readers()
        with my_number_card(fast()) as card:
            assert card.tries_left() == 3
            card.verify_pin(typed())
            assert card.auth_certificate() == material.certificate
            signature = card.sign(DATA)
        material.public_key.verify(signature, DATA, PKCS1v15(), hashes.SHA256())

    def test_a_verified_pin_does_not_outlive_the_session(self, plugged: VirtualReader) -> None:
        with my_number_card(fast()) as card:
            card.verify_pin(typed())
        with my_number_card(fast()) as card, pytest.raises(PinRequired):
            card.sign(DATA)

    def test_wrong_pins_count(self, plugged: VirtualReader, tmp_path: Path) -> None:
        with my_number_card(fast()) as card:
            with pytest.raises(PinWrong) as refused:
                card.verify_pin(typed(WRONG_PIN))
            assert refused.value.tries_left == card.tries_left() == 2
        assert CardFile.load(tmp_path / "card.json").tries == 2

    def test_a_second_opener_is_told_that_the_card_is_busy(self, plugged: VirtualReader) -> None:
        with closing(fast().connect(READER)), pytest.raises(CardBusy):
            fast().connect(READER)
        wait_for_card()

    def test_a_program_elsewhere_is_kept_out_too(self, plugged: VirtualReader) -> None:
        with closing(fast().connect(READER)):
            other = subprocess.run(
                ["opensc-tool", "--reader", READER, "--name"], capture_output=True, check=False
            )
        assert other.returncode != 0

    def test_no_service(self) -> None:
        with pytest.raises(NoService):
            fast().readers()
        with pytest.raises(NoService):
            fast().connect(READER)

    def test_no_reader(self) -> None:
        with pcscd(readers=False), pytest.raises(NoReader):
            fast().readers()

    def test_no_card_and_no_such_reader(self) -> None:
        with pcscd():
            with pytest.raises(NoCard):
                fast().connect(READER)
            with pytest.raises(NoReader):
                fast().connect("a reader that was unplugged")
            with pytest.raises(NoCard), my_number_card(fast()):
                pytest.fail("there is no card")

    def test_the_daemon_ends_during_a_session(self, virtual_reader: VirtualReader) -> None:
        with pcscd(), card_in_pcscd(virtual_reader):
            connection = fast().connect(READER)
        with pytest.raises(TransportTrouble):
            JpkiCard(connection)
        connection.close()

    @pytest.mark.parametrize("step", ["select", "verify", "certificate", "sign"])
    def test_a_pulled_card_is_told_and_costs_no_try(
        self, plugged: VirtualReader, card: VirtualCard, step: str
    ) -> None:
        connection = fast().connect(READER)
        with closing(connection), pytest.raises(CardRemoved):
            _pull_before(step, connection, plugged)
        assert card.tries == 3
        wait_for_no_card()
        plugged.insert(card)
        wait_for_card()
        with my_number_card(fast()) as again:
            assert again.tries_left() == 3

    def test_cards_can_be_swapped_at_run_time(
        self, plugged: VirtualReader, card: VirtualCard
    ) -> None:
        locked = VirtualCard(CardFile(**(vars(card.card) | {"tries": 0, "path": None})))
        plugged.insert(locked)
        tries = 3
        deadline = time.monotonic() + 10
        while tries and time.monotonic() < deadline:
            try:
                with my_number_card(fast()) as held:
                    tries = held.tries_left()
            except CardTrouble:
                time.sleep(0.05)
        assert tries == 0

    def test_pin_and_signature_are_quick(self, plugged: VirtualReader) -> None:
        with my_number_card(fast()) as card:
            begun = time.monotonic()
            card.verify_pin(typed())
            card.sign(DATA)
            assert time.monotonic() - begun < 0.15

    def test_the_smart_card_layer_logs_no_pin(
        self, plugged: VirtualReader, capfd: pytest.CaptureFixture[str]
    ) -> None:
        with my_number_card(fast()) as card:
            card.verify_pin(typed())
            card.sign(DATA)
        shown = "".join(capfd.readouterr())
        assert PIN not in shown
        assert PIN.encode().hex(" ") not in shown.lower()


def _pull_before(step: str, connection: CardConnection, reader: VirtualReader) -> None:
    acts = {
        "verify": lambda card: card.verify_pin(typed()),
        "certificate": lambda card: card.auth_certificate(),
        "sign": lambda card: card.sign(DATA),
    }
    if step == "select":
        reader.remove()
    card = JpkiCard(connection)
    for name, act in acts.items():
        if name == step:
            reader.remove()
        act(card)


def test_the_daemon_never_starts_outside() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import tests.pcscd as p\nwith p.pcscd(): pass"],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "/usr/bin"},
    )
    assert done.returncode != 0
    assert "only by way of" in done.stderr
