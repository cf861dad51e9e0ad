"""From what the command line says to a bridge that runs: all that takes a moment to import."""

import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import click

from zaitaku.cardbridge.card.transport import ReaderService
from zaitaku.cardbridge.pcsc.service import PcscService
from zaitaku.cardbridge.reading.config import BridgeConfig
from zaitaku.cardbridge.reading.single import Claim
from zaitaku.cardbridge.running import launching
from zaitaku.cardbridge.running.serving import run_bridge
from zaitaku.cardbridge.trust.operator import Operator, Served
from zaitaku.cardbridge.trust.pins import Pins
from zaitaku.cardbridge.virtual.box import CardBox
from zaitaku.cardbridge.virtual.cardfile import CardFileError
from zaitaku.cardbridge.virtual.inprocess import InProcessService
from zaitaku.cardbridge.virtual.pad import VirtualPad
from zaitaku.cardbridge.virtual.reader import VirtualReader
from zaitaku.cardbridge.virtual.vpcd import VpcdPlug


@dataclass(frozen=True)
class Start:
    """One start of the bridge."""

    bound: socket.socket
    """Listens already; the browser may knock while everything else is put together."""
    state: Path
    sites: Served
    operator: Operator | None
    claim: Claim
    virtual: Path | None
    """Folder of virtual cards."""
    vpcd: bool
    pinpad: bool
    """The virtual reader has keys of its own; not through pcscd, whose driver knows none."""
    ca_file: Path | None
    opens: bool
    """Whether the status page is opened in the browser."""


def run(start: Start) -> None:
    """Serve until Ctrl-C or SIGTERM.

    Raises:
        StateUnusable: what is remembered cannot be read.
        ClickException: one of the virtual cards is none.
    """
    Pins(start.state).check()
    with _cards(start) as (readers, box):
        config = BridgeConfig(
            readers=readers,
            state=start.state,
            allowed_origins=start.sites.allowed,
            test_origins=start.sites.tests,
            operator=start.operator,
            claim=start.claim,
            box=box,
            ca_file=start.ca_file,
        )
        _serve(config, start)


@contextmanager
def _cards(start: Start) -> Iterator[tuple[ReaderService, CardBox | None]]:
    if start.virtual is None:
        yield PcscService(), None
        return
    reader = VirtualReader(pad=VirtualPad() if start.pinpad and not start.vpcd else None)
    box = _box(start.virtual, reader)
    if not start.vpcd:
        yield InProcessService(reader), box
        return
    with VpcdPlug(reader):
        yield PcscService(), box


def _box(folder: Path, reader: VirtualReader) -> CardBox:
    try:
        return CardBox(folder, reader)
    except CardFileError as error:
        raise click.ClickException(f"仮想カード / virtual card: {error}") from error


def _serve(config: BridgeConfig, start: Start) -> None:
    address = f"http://127.0.0.1:{start.bound.getsockname()[1]}/"
    for way in (signal.SIGINT, signal.SIGTERM):  # a shell's background jobs ignore Ctrl-C otherwise
        signal.signal(way, _stop)
    click.echo(f"読み取りアプリ / card bridge: {address}")
    click.echo("終わるときは Ctrl-C / Ctrl-C ends it")
    if sys.stdout is not None:  # a program without a console, on Windows, has none
        sys.stdout.flush()
    if start.opens:
        launching.open_soon(address)
    try:
        run_bridge(config, start.bound)
    except KeyboardInterrupt:
        click.echo("\n終わりました / stopped")


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
