"""``zaitaku metrics``: what Prometheus asks for, on an address of its own."""

import os
import signal
import socket
import sys
import time
from pathlib import Path
from threading import Thread
from typing import Final

import click
from waitress.server import create_server

from zaitaku.core.clock import SystemClock
from zaitaku.core.database import Database
from zaitaku.core.ephemeral_open import open_ephemeral
from zaitaku.core.errors import SettingsError, ZaitakuError
from zaitaku.core.logs import configure_logging
from zaitaku.settings import Settings
from zaitaku.watching.condition import Looker
from zaitaku.watching.gauges import ConditionGauges
from zaitaku.watching.listener import CountersOf, MetricsPage
from zaitaku.watching.watches import DIRECTORY

THREADS: Final = 2
FOLLOW_SECONDS: Final = 1.0


class AddressUnfit(ZaitakuError):
    """Somebody else listens there, or this machine has no such address."""

    code = "metrics-address-unfit"


@click.command()
@click.option("--parent", type=int, hidden=True, help="このプロセスが終わったら終わる")
def metrics(parent: int | None) -> None:
    """計測値（Prometheus）を ZAITAKU_METRICS_ADDRESS で答えます。

    zaitaku serve と zaitaku worker は自分で動かすので、ほかのサーバーで動かすときだけ使います。
    そのときは、サーバーと同じ PROMETHEUS_MULTIPROC_DIR を、あらかじめ空のフォルダにしておきます。
    """
    configure_logging(sys.stdout)
    settings = Settings.from_env()
    if not settings.watching.metrics_address:
        raise SettingsError("ZAITAKU_METRICS_ADDRESS is not set")
    directory = os.environ.get(DIRECTORY, "")
    if not directory:
        raise SettingsError(f"{DIRECTORY} is not set")
    listening = _listen(*settings.watching.listener)
    page = _page(settings, Path(directory))
    server = create_server(page, sockets=[listening], threads=THREADS)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    if parent is not None:
        Thread(target=_follow, args=(parent,), daemon=True).start()
    server.run()


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise AddressUnfit(f"ZAITAKU_METRICS_ADDRESS を使えません（{error.strerror}）。") from error


def _page(settings: Settings, directory: Path) -> MetricsPage:
    clock = SystemClock()
    database = Database(settings.database_url)
    ephemeral = open_ephemeral(settings.ephemeral_url, clock)
    looker = Looker(settings, database, ephemeral, clock)
    collectors = (CountersOf(directory), ConditionGauges(looker.look))
    return MetricsPage(collectors, settings.watching.metrics_token)


def _follow(parent: int) -> None:
    # Also a parent that was killed takes it along: its port is wanted by the next.
    while os.getppid() == parent:
        time.sleep(FOLLOW_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)
