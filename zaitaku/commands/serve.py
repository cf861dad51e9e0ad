"""``zaitaku serve`` and ``zaitaku migrate``."""

import click
from granian import Granian
from granian.constants import Interfaces
from granian.log import LogLevels

from zaitaku.core.database import Database
from zaitaku.schema import upgrade
from zaitaku.settings import Settings


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65535))
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1, 64))
def serve(host: str, port: int, workers: int) -> None:
    """サーバーを動かします（設定は環境変数 ZAITAKU_…）。"""
    Settings.from_env()  # a wrong setting is told here, once, and not by every worker
    Granian(
        "zaitaku.app:from_environment",
        address=host,
        port=port,
        interface=Interfaces.WSGI,
        workers=workers,
        factory=True,
        respawn_failed_workers=True,
        log_access=False,
        log_level=LogLevels.warning,
    ).serve()


@click.command()
def migrate() -> None:
    """データベースをこの版の形にします。"""
    upgrade(Database(Settings.from_env().database_url))
