"""``zaitaku serve`` and ``zaitaku migrate``."""

import signal
import sys
from contextlib import closing, nullcontext
from functools import partial
from threading import Timer
from types import FrameType
from typing import TYPE_CHECKING, Final

import click

from zaitaku.commands.companions import beside, collecting
from zaitaku.commands.crl import renew_at_start
from zaitaku.commands.starting import check_database, check_port, naming_the_database
from zaitaku.core.clock import SystemClock
from zaitaku.core.database import Database
from zaitaku.core.draining import Draining, shared_draining
from zaitaku.core.ephemeral_open import open_ephemeral
from zaitaku.core.logs import configure_logging
from zaitaku.settings import Settings
from zaitaku.watching.door import look_of_this_machine
from zaitaku.watching.notes import Notes
from zaitaku.watching.presence import Presence, Role, present

if TYPE_CHECKING:
    from zaitaku.services import Services

LONGEST_DRAIN_SECONDS: Final = 600


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65535))
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1, 64))
@click.option(
    "--own-worker/--no-own-worker",
    "has_own_worker",
    default=True,
    show_default=True,
    help="時間のかかる処理をするプロセス（zaitaku worker）も1つ動かす",
)
@click.option(
    "--drain-seconds",
    default=0,
    show_default=True,
    type=click.IntRange(0, LONGEST_DRAIN_SECONDS),
    help="終わるように言われてから、前に立つプロキシが別のサーバーに回すのを待つ秒数",
)
def serve(host: str, port: int, workers: int, *, has_own_worker: bool, drain_seconds: int) -> None:
    """サーバーを動かします（設定は環境変数 ZAITAKU_…）。"""
    # What is wrong is told here, once, and not by every worker.
    configure_logging(sys.stdout)
    settings = Settings.from_env()
    check_database(settings)
    check_port(host, port)
    renew_at_start(settings)
    # The whole site: ``zaitaku migrate`` never needs it.
    from zaitaku.app import from_environment  # noqa: PLC0415
    from zaitaku.blueprints.edge import EXTENSION  # noqa: PLC0415
    from zaitaku.commands.web_server import WebServer  # noqa: PLC0415

    with (
        collecting(settings.watching),
        present(_presence(settings)),
        beside("worker") if has_own_worker else nullcontext(),
        shared_draining() as draining,
    ):
        app = from_environment()
        services: Services = app.extensions[EXTENSION]
        WebServer(
            app,
            host=host,
            port=port,
            workers=workers,
            at_start=lambda: drain_at_term(draining, drain_seconds),
            at_worker_end=partial(_end_worker, services),
            watch=services.watch,
        ).run()


def _end_worker(services: "Services") -> None:
    try:
        services.uses.close()
    finally:
        services.watch.close()


def _presence(settings: Settings) -> Presence:
    clock = SystemClock()
    notes = Notes(open_ephemeral(settings.ephemeral_url, clock))
    return Presence(notes, clock, Role.WEB, look_of_this_machine())


def drain_at_term(draining: Draining, seconds: int) -> None:
    """Let SIGTERM do what it does now ``seconds`` later, and say at once that it will.

    A second SIGTERM, or Ctrl-C, does it at once.
    """
    end = signal.getsignal(signal.SIGTERM)

    def begin(number: int, frame: FrameType | None) -> None:
        if not callable(end):
            return
        if draining.is_on or not seconds:
            end(number, frame)
            return
        draining.begin()
        timer = Timer(seconds, end, (number, frame))
        timer.daemon = True
        timer.start()

    signal.signal(signal.SIGTERM, begin)


@click.command()
def migrate() -> None:
    """データベースをこの版の形にします。サイトが動いていても、何度でも、同時にでも実行できます。"""
    # Its tools are large, and a server never needs them.
    from zaitaku.schema import upgrade  # noqa: PLC0415

    with closing(Database(Settings.from_env().database_url)) as database, naming_the_database():
        upgrade(database)
    click.echo("データベースは、この版の形になっています。")
