"""The virtual card as vpcd's client, against a driver made of one socket."""

import socket
import time
from collections.abc import Iterator

import pytest

from tests.cardbridge.cards import WRONG_PIN
from zaitaku.cardbridge.virtual.card import ATR, VirtualCard
from zaitaku.cardbridge.virtual.reader import VirtualReader
from zaitaku.cardbridge.virtual.vpcd import VpcdPlug

pytestmark = pytest.mark.enable_socket

APPLET = bytes.fromhex("00a4040c0ad392f000260100000001")
PIN_FILE = bytes.fromhex("00a4020c020018")
TRIES = bytes.fromhex("00200080")
OFF, ON, RESET, GET_ATR = b"\x00", b"\x01", b"\x02", b"\x04"


class Driver:
    """What vpcd does: listens, sends frames, reads frames."""

    def __init__(self, port: int = 0) -> None:
        self._server = socket.create_server(("127.0.0.1", port))
        self._server.settimeout(5)
        self._client: socket.socket | None = None

    @property
    def port(self) -> int:
        port = self._server.getsockname()[1]
        assert isinstance(port, int)
        return port

    def accept(self) -> None:
        """Wait for a card."""
        self.hang_up()
        self._client, _ = self._server.accept()
        self._client.settimeout(5)

    def send(self, frame: bytes) -> None:
        """Send one frame."""
        assert self._client is not None
        self._client.sendall(len(frame).to_bytes(2) + frame)

    def send_raw(self, part: bytes) -> None:
        """Send a piece of a frame."""
        assert self._client is not None
        self._client.sendall(part)

    def ask(self, frame: bytes) -> bytes:
        """Send one frame and return the one that comes back."""
        self.send(frame)
        return self.receive()

    def receive(self) -> bytes:
        """Return the next frame; empty when the card is gone."""
        head = self._exactly(2)
        return self._exactly(int.from_bytes(head)) if head else b""

    def _exactly(self, count: int) -> bytes:
        assert self._client is not None
        data = b""
        while len(data) < count:
            part = self._client.recv(count - len(data))
            if not part:
                return b""
            data += part
        return data

    def hang_up(self) -> None:
        """Close the connection to the card."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def close(self) -> None:
        """End."""
        self.hang_up()
        self._server.close()


@pytest.fixture
def driver(virtual_reader: VirtualReader) -> Iterator[Driver]:
    """A driver whose slot holds the ordinary card."""
    opened = Driver()
    with VpcdPlug(virtual_reader, port=opened.port, absence=0.1):
        opened.accept()
        yield opened
        opened.close()


def test_gives_its_atr_and_answers_commands(driver: Driver) -> None:
    assert driver.ask(GET_ATR) == ATR
    driver.send(ON)
    assert driver.ask(APPLET) == b"\x90\x00"
    assert driver.ask(PIN_FILE) == b"\x90\x00"
    assert driver.ask(TRIES) == b"\x63\xc3"


@pytest.mark.parametrize("control", [OFF, ON, RESET])
def test_power_and_reset_forget_the_selection(driver: Driver, control: bytes) -> None:
    assert driver.ask(APPLET) == b"\x90\x00"
    driver.send(control)
    assert driver.ask(PIN_FILE) == b"\x6a\x82"


def test_a_frame_may_come_in_pieces(driver: Driver) -> None:
    frame = len(APPLET).to_bytes(2) + APPLET
    for byte in frame:
        driver.send_raw(bytes([byte]))
    assert driver.receive() == b"\x90\x00"


def test_an_empty_frame_is_passed_over(driver: Driver) -> None:
    driver.send(b"")
    assert driver.ask(GET_ATR) == ATR


def test_pulling_the_card_hangs_up_and_inserting_it_comes_back(
    driver: Driver, virtual_reader: VirtualReader, card: VirtualCard
) -> None:
    driver.ask(APPLET)
    virtual_reader.remove()
    assert driver.receive() == b""
    virtual_reader.insert(card)
    driver.accept()
    assert driver.ask(PIN_FILE) == b"\x6a\x82"


def test_swapping_cards_is_seen(
    driver: Driver, virtual_reader: VirtualReader, card: VirtualCard
) -> None:
    driver.ask(APPLET)
    driver.ask(PIN_FILE)
    assert driver.ask(b"\x00\x20\x00\x80\x04" + WRONG_PIN.encode()) == b"\x63\xc2"
    virtual_reader.insert(VirtualCard(card.card))
    assert driver.receive() == b""
    driver.accept()
    driver.ask(APPLET)
    driver.ask(PIN_FILE)
    assert driver.ask(TRIES) == b"\x63\xc2"


def test_the_driver_may_restart_or_come_late(virtual_reader: VirtualReader) -> None:
    first = Driver()
    port = first.port
    first.close()
    with VpcdPlug(virtual_reader, port=port):
        time.sleep(0.1)
        for _ in range(2):
            driver = Driver(port)
            driver.accept()
            assert driver.ask(GET_ATR) == ATR
            driver.close()


def test_an_empty_reader_connects_nothing() -> None:
    driver = Driver()
    driver._server.settimeout(0.2)
    with VpcdPlug(VirtualReader(), port=driver.port), pytest.raises(TimeoutError):
        driver.accept()
    driver.close()


def test_stopping_ends_the_connection_at_once(virtual_reader: VirtualReader) -> None:
    driver = Driver()
    plug = VpcdPlug(virtual_reader, port=driver.port)
    plug.start()
    driver.accept()
    begun = time.monotonic()
    plug.stop()
    assert time.monotonic() - begun < 10
    assert driver.receive() == b""
    driver.close()
