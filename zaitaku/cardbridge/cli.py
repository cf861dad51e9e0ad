"""The command ``zaitaku-bridge``."""

import logging
import os
import signal
import sys
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Timer
from types import FrameType
from typing import TypedDict, Unpack

import click

from zaitaku import wire
from zaitaku.cardbridge.bridge import installed_version
from zaitaku.cardbridge.cardfile import CardFileError
from zaitaku.cardbridge.config import BridgeConfig, parse_origin
from zaitaku.cardbridge.failures import StateUnusable
from zaitaku.cardbridge.inprocess import InProcessService
from zaitaku.cardbridge.pcsc import PcscService
from zaitaku.cardbridge.serving import PortTaken, bind, run_bridge
from zaitaku.cardbridge.transport import ReaderService
from zaitaku.cardbridge.trust import Pins
from zaitaku.cardbridge.virtual import CardBox
from zaitaku.cardbridge.virtualreader import VirtualReader
from zaitaku.cardbridge.vpcd import VpcdPlug


class OriginType(click.ParamType[str]):
    """An origin: scheme, host, port."""

    name = "origin"

    def __init__(self, *, tls_only: bool) -> None:
        self._tls_only = tls_only

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> str:
        """Return the origin's one serialisation."""
        try:
            return parse_origin(str(value), tls_only=self._tls_only)
        except ValueError as error:
            self.fail(str(error), param, ctx)


def default_state() -> Path:
    """Return the folder where this user's programs keep what they remember."""
    if os.name == "nt":
        return Path(os.environ.get("LOCALAPPDATA", str(Path.home()))) / "zaitaku-bridge"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "zaitaku-bridge"
    base = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(base) / "zaitaku-bridge"


class Options(TypedDict):
    """What stands on the command line."""

    port: int | None
    allow_origin: tuple[str, ...]
    test_origin: tuple[str, ...]
    state: Path
    virtual: Path | None
    vpcd: bool
    ca_file: Path | None
    forget_origin: str | None
    no_open: bool


FOLDER = click.Path(path_type=Path, file_okay=False)


@click.command(context_settings={"auto_envvar_prefix": "ZAITAKU_BRIDGE"})
@click.option(
    "--port", type=click.IntRange(0, 65535), help="この番号だけを使う / use only this port"
)
@click.option(
    "--allow-origin",
    multiple=True,
    type=OriginType(tls_only=True),
    help="読み取りを頼めるサイト (https) / site that may ask; repeat for more",
)
@click.option(
    "--test-origin",
    multiple=True,
    type=OriginType(tls_only=False),
    help="試験用のサイト / site for trials, http too",
)
@click.option("--state", type=FOLDER, default=default_state, help="記憶のフォルダー / state folder")
@click.option("--virtual", type=FOLDER, help="仮想カードのフォルダー / folder of virtual cards")
@click.option("--vpcd", is_flag=True, help="仮想カードを pcscd 経由で読む / plug them into pcscd")
@click.option(
    "--ca-file",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="信頼する認証局 (PEM) / certificate authorities to trust instead of the system's",
)
@click.option(
    "--forget-origin",
    type=OriginType(tls_only=False),
    help="サイトの鍵を忘れて終わる / forget the pinned keys of a site and exit",
)
@click.option("--no-open", is_flag=True, help="ブラウザーを開かない / do not open the browser")
@click.version_option(installed_version(), prog_name="zaitaku-bridge")
def main(**options: Unpack[Options]) -> None:
    """マイナンバーカードを読み取るアプリ。このパソコンの中だけで動きます。

    Reads the My Number Card for the sites it was told to serve; listens on 127.0.0.1 only.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    try:
        _run(options)
    except StateUnusable as error:
        raise click.ClickException(f"読み書きできません / cannot be used: {error}") from error
    except CardFileError as error:
        raise click.ClickException(f"仮想カード / virtual card: {error}") from error
    except PortTaken as error:
        raise click.ClickException(
            f"ほかのプログラムが使っています / taken by another program: 127.0.0.1:{error}"
        ) from error


def _run(options: Options) -> None:
    pins = Pins(options["state"])
    if options["forget_origin"] is not None:
        _forget(pins, options["forget_origin"])
        return
    pins.check()
    with _cards(options["virtual"], vpcd=options["vpcd"]) as (readers, box):
        config = BridgeConfig(
            readers=readers,
            state=options["state"],
            allowed_origins=frozenset(options["allow_origin"]),
            test_origins=frozenset(options["test_origin"]),
            box=box,
            ca_file=options["ca_file"],
        )
        _serve(config, options["port"], opens=not options["no_open"])


def _forget(pins: Pins, origin: str) -> None:
    known = pins.forget(origin)
    click.echo(f"忘れました / forgotten: {origin}" if known else f"知りません / unknown: {origin}")


@contextmanager
def _cards(folder: Path | None, *, vpcd: bool) -> Iterator[tuple[ReaderService, CardBox | None]]:
    if folder is None:
        yield PcscService(), None
        return
    reader = VirtualReader()
    box = CardBox(folder, reader)
    if not vpcd:
        yield InProcessService(reader), box
        return
    with VpcdPlug(reader):
        yield PcscService(), box


def _serve(config: BridgeConfig, port: int | None, *, opens: bool) -> None:
    bound = bind(wire.BRIDGE_PORTS if port is None else (port,))
    address = f"http://127.0.0.1:{bound.getsockname()[1]}/"
    for way in (signal.SIGINT, signal.SIGTERM):  # a shell's background jobs ignore Ctrl-C otherwise
        signal.signal(way, _stop)
    click.echo(f"カード読み取りアプリ / card bridge: {address}")
    click.echo("終わるときは Ctrl-C / Ctrl-C ends it")
    sys.stdout.flush()
    if opens and _has_screen():
        _open_soon(address)
    try:
        run_bridge(config, bound)
    except KeyboardInterrupt:
        click.echo("\n終わりました / stopped")


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _has_screen() -> bool:
    if os.name == "nt" or sys.platform == "darwin":
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _open_soon(address: str) -> None:
    timer = Timer(0.3, webbrowser.open, [address])
    timer.daemon = True
    timer.start()
